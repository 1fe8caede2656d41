//! Loops over lists.

use super::super::tree::{Loop, LoopKind};
use super::super::value::{Fault, Value};
use super::{Eval, Frame, Test, boxed_eval, boxed_test, test as compile_test, value};

/// A loop that tests.
pub fn test(inner: Loop) -> Test {
    let Loop { kind, list, depth, test, .. } = inner;
    let Some(test) = test else { return boxed_test(|_| Err(Fault::Type)) };
    let (list, test) = (value(list), compile_test(test));
    match kind {
        LoopKind::Exists => boxed_test(move |frame| settled(frame, (&list, depth), &test, true)),
        LoopKind::All => boxed_test(move |frame| settled(frame, (&list, depth), &test, false)),
        LoopKind::ExistsOne => boxed_test(move |frame| {
            let list = list(frame)?.into_list()?;
            let mut found = 0_usize;
            for element in list.iter() {
                found += usize::from(test(&frame.with(depth, &element))?);
            }
            Ok(found == 1)
        }),
        LoopKind::Filter | LoopKind::Map => boxed_test(|_| Err(Fault::Type)),
    }
}

/// `exists` and `all`: an element that gives `decides` settles the matter, even when others fail.
fn settled(frame: &Frame<'_, '_>, list: (&Eval, usize), test: &Test, decides: bool) -> Result<bool, Fault> {
    let (list, depth) = list;
    let mut failed = None;
    let settled = list(frame)?.into_list()?.find(|element| match test(&frame.with(depth, element)) {
        Ok(value) => (value == decides).then_some(()),
        Err(fault) => {
            failed = Some(fault);
            None
        }
    });
    match (settled, failed) {
        (Some(()), _) => Ok(decides),
        (None, Some(fault)) => Err(fault),
        (None, None) => Ok(!decides),
    }
}

/// A loop that makes a list.
pub fn list(inner: Loop) -> Eval {
    let Loop { list, depth, test, result, .. } = inner;
    let (list, test, result) = (value(list), test.map(compile_test), result.map(value));
    boxed_eval(move |frame| {
        let list = list(frame)?.into_list()?;
        let mut made = Vec::new();
        for element in list.iter() {
            let inside = frame.with(depth, &element);
            if test.as_ref().map_or(Ok(true), |test| test(&inside))? {
                made.push(result.as_ref().map_or_else(|| Ok(element.clone()), |result| result(&inside))?);
            }
        }
        Ok(Value::list(made))
    })
}
