//! Chunks, worked on by several threads while they are read.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use super::{Chunk, Covered, Source};
use crate::error::BacktestError;

/// How many chunks wait for a thread.
const AHEAD: usize = 4;

/// Reads all of a source; each thread takes chunks into a state of its own, in no order.
///
/// # Errors
/// When the source cannot be read to its end.
pub fn each_chunk<T: Send>(
    source: &mut dyn Source,
    new: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, &Chunk) + Sync,
) -> Result<(Vec<T>, Covered), BacktestError> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (sender, receiver) = sync_channel::<Chunk>(AHEAD);
    let receiver = Mutex::new(receiver);
    let work = || {
        let mut state = new();
        loop {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(chunk) = next else { return state };
            take(&mut state, &chunk);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let covered = source.read(&mut |chunk| match sender.send(chunk) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        drop(sender);
        let panicked = |_| BacktestError::Broken("a thread that reads has panicked".to_owned());
        let states: Result<Vec<T>, _> = workers.into_iter().map(|worker| worker.join().map_err(panicked)).collect();
        Ok((states?, covered?))
    })
}
