//! Where a corpus is written: a file, packed with zstd where its name says so, or standard output.
//!
//! A file is written beside the one that is meant and takes its place once it is whole: what stood there may be what is being
//! read, and stays where nothing comes of it.

use std::fs::OpenOptions;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::BacktestError;

/// See the module.
pub struct Output {
    path: PathBuf,
    to: To,
}

enum To {
    Plain(BufWriter<Place>),
    Packed(zstd::stream::write::Encoder<'static, BufWriter<Place>>),
}

/// What takes the bytes.
enum Place {
    /// Standard output, or what is no file: a pipe, a device.
    Stream(Box<dyn Write>),
    /// A file beside the one that is meant. It is for its owner's eyes alone, as what is recorded of a company is until
    /// somebody says otherwise, and it is gone unless it is put in place.
    Part { part: NamedTempFile, target: PathBuf },
}

impl Place {
    fn open(path: &Path) -> std::io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stream(Box::new(std::io::stdout())));
        }
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Ok(Self::Stream(Box::new(OpenOptions::new().write(true).open(path)?)));
        }
        // What the path is a link to is replaced, not the link.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (folder, name) = (target.parent().unwrap_or(Path::new("")), target.file_name());
        let name = name.filter(|_| !target.is_dir()).ok_or(std::io::ErrorKind::IsADirectory)?;
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        let part = tempfile::Builder::new().prefix(name).suffix(".part").tempfile_in(folder)?;
        Ok(Self::Part { part, target })
    }

    fn settle(self) -> std::io::Result<()> {
        match self {
            Self::Stream(mut to) => to.flush(),
            Self::Part { part, target } => {
                part.as_file().sync_all()?;
                part.persist(target)?;
                Ok(())
            }
        }
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Stream(to) => to.write(bytes),
            Self::Part { part, .. } => part.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Stream(to) => to.flush(),
            Self::Part { part, .. } => part.flush(),
        }
    }
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
    /// Opens it; a file that stands there stays until [`end`](Self::end).
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(path: &Path) -> Result<Self, BacktestError> {
        let open = || -> std::io::Result<To> {
            let buffered = BufWriter::with_capacity(1 << 20, Place::open(path)?);
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

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// When the file takes no more, or its place does not take it.
    pub fn end(self) -> Result<Written, BacktestError> {
        let Self { path, to } = self;
        let buffered = match to {
            To::Plain(writer) => Ok(writer),
            To::Packed(writer) => writer.finish(),
        };
        let place = buffered.and_then(|writer| writer.into_inner().map_err(IntoInnerError::into_error));
        told(&path, place.and_then(Place::settle))
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
