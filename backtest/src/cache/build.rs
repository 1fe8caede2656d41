//! Records, written into segments while they are read.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::fault::CacheFault;
use super::folder::segment;
use super::segment::{Note, Writer};
use crate::error::BacktestError;
use crate::input::{Chunk, Covered, Source, each_chunk};
use crate::judge::Watched;
use crate::progress::Progress;

/// What one thread writes.
#[derive(Debug, Default)]
struct Builder {
    open: Option<Writer>,
    written: Vec<Note>,
}

/// Writes all that a source has into segments of this batch.
///
/// # Errors
/// When the source cannot be read, or the folder takes no more. Then what was written of it is still there.
pub fn build(
    (folder, batch): (&Path, u64),
    source: &mut dyn Source,
    (threads, progress): (usize, &dyn Progress),
) -> Result<(Vec<Note>, Covered), CacheFault> {
    let number = AtomicU32::new(0);
    let take = |builder: &mut Builder, chunk: &Chunk| -> Result<(), CacheFault> {
        let open = match &mut builder.open {
            Some(open) => open,
            None => {
                let name = segment(batch, number.fetch_add(1, Ordering::Relaxed));
                builder.open.insert(Writer::create(folder, name)?)
            }
        };
        open.take(chunk)?;
        if open.is_full() { builder.end() } else { Ok(()) }
    };
    progress.begin(source.size());
    let built = each_chunk(&mut Watched { source, progress }, threads, Builder::default, take);
    progress.end();
    let (builders, covered) = built?;
    let mut notes = Vec::new();
    for mut builder in builders {
        builder.end()?;
        notes.append(&mut builder.written);
    }
    notes.sort_by(|one, other| one.file.cmp(&other.file));
    Ok((notes, covered))
}

impl Builder {
    fn end(&mut self) -> Result<(), CacheFault> {
        if let Some(writer) = self.open.take() {
            self.written.push(writer.end()?);
        }
        Ok(())
    }
}

/// Reads a source to its end for what it says of itself.
///
/// # Errors
/// When it cannot be read.
pub fn read_over(source: &mut dyn Source) -> Result<Covered, BacktestError> {
    source.read(&mut |_| ControlFlow::Continue(()))
}
