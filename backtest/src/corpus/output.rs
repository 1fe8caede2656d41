//! Where a corpus is written: a file, packed with zstd where its name says so, or standard output.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::BacktestError;

/// Records of a company are for whoever made the file, until they say otherwise.
const OWN: u32 = 0o600;

/// See the module.
pub struct Output {
    path: PathBuf,
    to: To,
}

enum To {
    Plain(BufWriter<Box<dyn Write>>),
    Packed(zstd::stream::write::Encoder<'static, BufWriter<Box<dyn Write>>>),
}

/// Whether anybody reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Go on.
    Taken,
    /// Who reads no further has seen enough.
    NobodyReads,
}

impl Output {
    /// Opens it; what stood in the file before is gone.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(path: &Path) -> Result<Self, BacktestError> {
        let open = || -> std::io::Result<To> {
            let raw: Box<dyn Write> = if path == Path::new("-") {
                Box::new(std::io::stdout())
            } else {
                Box::new(OpenOptions::new().write(true).create(true).truncate(true).mode(OWN).open(path)?)
            };
            let buffered = BufWriter::with_capacity(1 << 20, raw);
            if path.extension().is_some_and(|extension| extension == "zst") {
                return Ok(To::Packed(zstd::stream::write::Encoder::new(buffered, 3)?));
            }
            Ok(To::Plain(buffered))
        };
        let failed = |source| BacktestError::Output { what: path.display().to_string(), source };
        Ok(Self { path: path.to_owned(), to: open().map_err(failed)? })
    }

    /// Writes a record as one line.
    ///
    /// # Errors
    /// When the file takes no more.
    pub fn line(&mut self, record: &[u8]) -> Result<Written, BacktestError> {
        let writer: &mut dyn Write = match &mut self.to {
            To::Plain(writer) => writer,
            To::Packed(writer) => writer,
        };
        let written = writer.write_all(record).and_then(|()| writer.write_all(b"\n"));
        self.told(written)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the file takes no more.
    pub fn end(self) -> Result<Written, BacktestError> {
        let Self { path, to } = self;
        let written = match to {
            To::Plain(mut writer) => writer.flush(),
            To::Packed(writer) => writer.finish().and_then(|mut writer| writer.flush()),
        };
        told(&path, written)
    }

    fn told(&self, written: std::io::Result<()>) -> Result<Written, BacktestError> {
        told(&self.path, written)
    }
}

fn told(path: &Path, written: std::io::Result<()>) -> Result<Written, BacktestError> {
    match written {
        Ok(()) => Ok(Written::Taken),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Written::NobodyReads),
        Err(source) => Err(BacktestError::Output { what: path.display().to_string(), source }),
    }
}
