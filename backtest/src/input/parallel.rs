//! Chunks, worked on by several threads while they are read.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Chunk, Covered, Source};
use crate::error::BacktestError;

/// How many chunks wait for a thread, beside those under way: what is read ahead is memory.
const AHEAD: usize = 4;

/// Reads all of a source; each of so many threads takes chunks into a state of its own, in no order. A thread that fails takes no
/// more, and where none is left reading ends.
///
/// # Errors
/// Why a thread failed, or the source cannot be read to its end.
pub fn each_chunk<T: Send, E: From<BacktestError> + Send>(
    source: &mut dyn Source,
    threads: usize,
    new: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, &Chunk) -> Result<(), E> + Sync,
) -> Result<(Vec<T>, Covered), E> {
    let (sender, receiver) = sync_channel::<Chunk>(AHEAD);
    let receiver = Arc::new(Mutex::new(receiver));
    let (new, take) = (&new, &take);
    std::thread::scope(|scope| {
        let work = |receiver: Arc<Mutex<Receiver<Chunk>>>| {
            scope.spawn(move || {
                let mut state = new();
                while let Some(chunk) = next(&receiver) {
                    take(&mut state, &chunk)?;
                }
                Ok(state)
            })
        };
        let workers: Vec<_> = (0..threads.max(1)).map(|_| work(Arc::clone(&receiver))).collect();
        // Held by the threads alone, so that nobody waits for room once the last of them has ended.
        drop(receiver);
        let covered = source.read(&mut |chunk| match sender.send(chunk) {
            Ok(()) => ControlFlow::Continue(()),
            // One of them says why.
            Err(_) => ControlFlow::Break(()),
        });
        drop(sender);
        let panicked = |_| {
            let why = "a thread that works on records has panicked";
            Err(E::from(BacktestError::Broken(why.to_owned())))
        };
        let states: Result<Vec<T>, E> =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect();
        Ok((states?, covered?))
    })
}

fn next(receiver: &Mutex<Receiver<Chunk>>) -> Option<Chunk> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// As many threads as there are cores.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::progress::Size;

    /// Gives chunks until it is told to stop.
    struct Endless;

    impl Source for Endless {
        fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
            let chunk = || Chunk {
                origin: "e".into(),
                partition: None,
                bytes: Vec::new(),
                records: Vec::new(),
                refused: Vec::new(),
            };
            while give(chunk()).is_continue() {}
            Ok(Covered::default())
        }

        fn size(&self) -> Size {
            Size::Unknown
        }
    }

    #[test]
    fn reading_ends_with_the_reason_when_no_thread_is_left_that_takes_anything() {
        let (ended, end) = channel();
        std::thread::spawn(move || {
            let full = |_: &mut (), _: &Chunk| Err(BacktestError::Broken("full".to_owned()));
            let told = each_chunk(&mut Endless, 2, || (), full).map(|_| ()).unwrap_err();
            ended.send(told.to_string())
        });
        let told = end.recv_timeout(Duration::from_secs(10)).expect("reading goes on for ever");
        assert!(told.starts_with("full"), "{told}");
    }
}
