//! Deep expressions. The parser recurses with large frames: sixteen brackets inside each other overflow the 2 MiB
//! stack of an ordinary thread in a debug build, and an overflow ends the process. So conditions are read on a stack
//! of their own, and what is left for the threads that judge is bounded.

use std::thread;

use cel::common::ast::{EntryExpr, Expr};
use cel::parser::Expression;

/// Reserved, not used: pages are taken as the stack grows. Enough for [`MAX_BYTES`] of the worst shape.
const STACK_BYTES: usize = 256 << 20;

/// The longest condition. Seven hundred hashes fit in.
pub const MAX_BYTES: usize = 32 << 10;

/// The deepest expression. `a && b && c` counts as the parser balances it, `a + b + c` as it is nested.
pub const MAX_DEPTH: usize = 64;

/// Runs `work` on a deep stack. `None` when there was no thread to be had, or the parser panicked.
pub fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("condition".to_owned()).stack_size(STACK_BYTES);
        worker.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// How many expressions are nested in each other.
pub fn depth(node: &Expression) -> usize {
    let deepest = |nodes: &[Expression]| nodes.iter().map(depth).max().unwrap_or(0);
    1 + match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Comprehension(_) => 0,
        Expr::Call(call) => call.target.as_deref().map_or(0, depth).max(deepest(&call.args)),
        Expr::List(list) => deepest(&list.elements),
        Expr::Select(select) => depth(&select.operand),
        Expr::Map(map) => map.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(message) => message.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
    }
}

fn entry_depth(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    }
}
