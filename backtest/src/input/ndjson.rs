//! Files with one record a line, plain or packed with zstd; `-` is standard input.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::still::Still;
use super::{Chunk, Covered, Source};
use crate::error::BacktestError;
use crate::manifest::ManifestInput;
use crate::progress::Size;

/// How many bytes a chunk holds, about.
const CHUNK: usize = if cfg!(test) { 64 << 10 } else { 1 << 20 };

/// The longest line that can be a record, in bytes: brokers take 1 MiB unless told otherwise.
const LONGEST: usize = 16 << 20;

/// What every file begins with that zstd has packed.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The longest head of zstd data, in bytes (RFC 8878, 3.1.1.1), with its magic number.
const HEAD: u64 = 18;

/// Files of records, one after the other.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
}

impl Files {
    /// These files, in this order.
    #[must_use]
    pub const fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths }
    }

    /// Where they are.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

impl Source for Files {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let mut covered = Covered::default();
        for path in &self.paths {
            let name: Arc<str> = path.display().to_string().into();
            let mut lines = Lines::new(Arc::clone(&name));
            let read = open(path).and_then(|(input, still)| {
                let flow = lines.read(input, give)?;
                still.map_or(Ok(()), |still| still.check()).map(|()| flow)
            });
            let flow =
                read.map_err(|error| BacktestError::Input { what: name.to_string(), why: lines.said(&error) })?;
            covered.inputs.push(lines.end());
            if flow.is_break() {
                break;
            }
        }
        Ok(covered)
    }

    fn size(&self) -> Size {
        let sizes: Option<u64> = self.paths.iter().map(|path| unpacked(path)).sum();
        sizes.map_or(Size::Unknown, Size::Bytes)
    }
}

/// How long a file's text is, if the file or the head of its zstd data tells.
fn unpacked(path: &Path) -> Option<u64> {
    if path == Path::new("-") {
        return None;
    }
    let file = File::open(path).ok()?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).ok()?;
    if head.starts_with(&ZSTD) {
        return zstd::zstd_safe::get_frame_content_size(&head).ok().flatten();
    }
    Some(length)
}

/// The text of a file, unpacked; and how the file was before, where it is one.
fn open(path: &Path) -> io::Result<(Box<dyn Read>, Option<Still>)> {
    if path == Path::new("-") {
        return Ok((unpack(io::stdin())?, None));
    }
    let file = File::open(path)?;
    let still = Still::of(&file)?;
    Ok((unpack(file)?, Some(still)))
}

fn unpack(mut raw: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut head = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut head)?;
    let is_packed = head == ZSTD;
    let raw = io::Cursor::new(head).chain(raw);
    Ok(if is_packed { Box::new(zstd::stream::read::Decoder::new(raw)?) } else { Box::new(raw) })
}

/// Cuts a text into lines and those into chunks.
struct Lines {
    name: Arc<str>,
    chunk: Chunk,
    /// Where in the chunk the line begins that has not ended.
    start: usize,
    /// That line is too long: nothing is kept of it.
    is_too_long: bool,
    /// How many lines have ended.
    lines: u64,
    digest: blake3::Hasher,
}

impl Lines {
    fn new(name: Arc<str>) -> Self {
        let chunk = Self::chunk(&name);
        Self { chunk, name, start: 0, is_too_long: false, lines: 0, digest: blake3::Hasher::new() }
    }

    fn chunk(name: &Arc<str>) -> Chunk {
        Chunk {
            origin: Arc::clone(name),
            partition: None,
            bytes: Vec::with_capacity(CHUNK + CHUNK / 4),
            records: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn read(
        &mut self,
        mut input: Box<dyn Read>,
        give: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let most = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        loop {
            let known = self.chunk.bytes.len();
            let read = input.by_ref().take(most).read_to_end(&mut self.chunk.bytes);
            self.digest.update(self.chunk.bytes.get(known..).unwrap_or_default());
            self.cut(known);
            if read? == 0 {
                let end = self.chunk.bytes.len();
                if self.start < end || self.is_too_long {
                    self.end_line(end, 0);
                }
                return Ok(self.give(give));
            }
            if self.give(give).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Finds the lines that end behind this byte of the chunk.
    fn cut(&mut self, known: usize) {
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', self.chunk.bytes.get(known..).unwrap_or_default())
            .map(|at| known + at)
            .collect();
        ends.into_iter().for_each(|end| self.end_line(end, 1));
        if self.is_too_long || self.chunk.bytes.len() - self.start >= LONGEST {
            self.is_too_long = true;
            self.chunk.bytes.truncate(self.start);
        }
    }

    /// A line ends here, and so many bytes further begins the next.
    fn end_line(&mut self, end: usize, break_length: usize) {
        self.lines += 1;
        let (number, line) = (i64::try_from(self.lines).unwrap_or(i64::MAX), self.start..end);
        if self.is_too_long || line.len() >= LONGEST {
            self.chunk.refused.push((number, format!("the line is longer than {} MiB", LONGEST >> 20)));
        } else if !self.chunk.bytes.get(line.clone()).unwrap_or_default().trim_ascii().is_empty() {
            self.chunk.records.push((number, line));
        }
        (self.start, self.is_too_long) = (end + break_length, false);
    }

    /// Gives away the lines that have ended.
    fn give(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.chunk.records.is_empty() && self.chunk.refused.is_empty() {
            self.chunk.bytes.drain(..self.start);
            self.start = 0;
            return ControlFlow::Continue(());
        }
        let mut full = std::mem::replace(&mut self.chunk, Self::chunk(&self.name));
        self.chunk.bytes.extend_from_slice(full.bytes.get(self.start..).unwrap_or_default());
        full.bytes.truncate(self.start);
        self.start = 0;
        give(full)
    }

    /// Says what went wrong after so many lines, and what to do.
    fn said(&self, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let lines = self.lines;
                format!(
                    "its zstd data breaks off after {lines} whole lines ({error}); get the whole file, or pack it again"
                )
            }
            _ => error.to_string(),
        }
    }

    fn end(self) -> ManifestInput {
        let blake3 = self.digest.finalize().to_hex().to_string();
        ManifestInput::File { name: self.name.to_string(), lines: self.lines, blake3 }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<(i64, Vec<u8>)>, Vec<i64>, u64);

    /// What is read from this text: the records, the numbers of refused lines, and the number of lines.
    fn read(bytes: &[u8]) -> Result<Read, BacktestError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let (mut records, mut refused) = (Vec::new(), Vec::new());
        let covered = Files::new(vec![file.path().to_path_buf()]).read(&mut |chunk| {
            records.extend(chunk.records().map(|(number, bytes)| (number, bytes.trim_ascii().to_vec())));
            refused.extend(chunk.refused.iter().map(|(number, _)| *number));
            ControlFlow::Continue(())
        })?;
        match &covered.inputs[..] {
            [ManifestInput::File { lines, .. }] => Ok((records, refused, *lines)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_zstd_has_packed_gives_the_same_lines() {
        let text = b"{\"a\":1}\n\n  \n{\"b\":2}";
        let plain = read(text).unwrap();
        assert_eq!(plain, (vec![(1, b"{\"a\":1}".to_vec()), (4, b"{\"b\":2}".to_vec())], vec![], 4));
        assert_eq!(read(&zstd::encode_all(&text[..], 3).unwrap()).unwrap(), plain);
    }

    #[test]
    fn zstd_that_breaks_off_is_told_with_the_lines_that_were_whole_and_what_to_do() {
        let text: String =
            (0..50_000).map(|number| format!("{{\"number\":{number},\"x\":\"{}\"}}\n", number * 7919)).collect();
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        let told = read(&packed[..packed.len() / 2]).unwrap_err().to_string();
        assert!(told.contains("zstd data breaks off after") && told.contains("get the whole file"), "{told}");
    }

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_is_refused_and_one_that_another_has_replaced_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("records"), folder.path().join("other"));
        let lines = "{\"a\":1}\n".repeat(CHUNK / 4);
        let while_read = |change: &dyn Fn()| {
            std::fs::write(&path, &lines).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            let mut chunks = 0;
            let read = Files::new(vec![path.clone()]).read(&mut |_| {
                if chunks == 0 {
                    change();
                }
                chunks += 1;
                ControlFlow::Continue(())
            });
            assert!(chunks > 1, "some of it was read after the change");
            read.map(|covered| covered.inputs).map_err(|error| error.to_string())
        };
        let as_it_was = while_read(&|| ()).unwrap();
        std::fs::write(&other, "{}").unwrap();
        assert_eq!(while_read(&|| std::fs::rename(&other, &path).unwrap()), Ok(as_it_was));
        let written = |at: u64, text: &[u8]| {
            let mut file = File::options().write(true).open(&path).unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(text).unwrap();
        };
        let end = u64::try_from(lines.len()).unwrap();
        for (at, text) in [(end - 3, &b"2"[..]), (0, b" "), (end, b"{}\n")] {
            let told = while_read(&|| written(at, text)).unwrap_err();
            assert!(told.contains("was written to while it was read") && told.contains("records"), "{told}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_what_follows_is_read() {
        let mut text = vec![b'x'; LONGEST + 10];
        text.extend(b"\n{}\n");
        assert_eq!(read(&text).unwrap(), (vec![(2, b"{}".to_vec())], vec![1], 2));
    }

    #[test]
    fn how_much_there_is_is_told_by_the_file_or_by_the_head_of_its_zstd_data_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let plain = file("plain", b"{}\n{}\n");
        let mut packed = zstd::bulk::compress(&[b'x'; 5_000], 3).unwrap();
        let packed_file = file("packed", &packed);
        packed.truncate(6);
        let size = |paths: &[&PathBuf]| Files::new(paths.iter().map(|path| (*path).clone()).collect()).size();
        assert_eq!(size(&[&plain, &packed_file]), Size::Bytes(5_006));
        assert_eq!(size(&[&plain, &file("head only", &packed)]), Size::Unknown);
        let stream = file("stream", &zstd::encode_all(&b"abc"[..], 3).unwrap());
        for unknown in [&stream, &PathBuf::from("-"), &folder.path().join("missing")] {
            assert_eq!(size(&[&plain, unknown]), Size::Unknown, "{unknown:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_naive_reader(lines in proptest::collection::vec("[a-z{} ]{0,12}", 0..40), last in any::<bool>()) {
            let mut text = lines.join("\n");
            if last && !lines.is_empty() { text.push('\n'); }
            let naive: Vec<(i64, Vec<u8>)> = text
                .lines()
                .zip(1..)
                .map(|(line, number)| (number, line.trim_ascii().as_bytes().to_vec()))
                .filter(|(_, line)| !line.is_empty())
                .collect();
            prop_assert_eq!(read(text.as_bytes()).unwrap().0, naive);
        }
    }
}
