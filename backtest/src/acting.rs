//! The records on which anything is planned, in the order of their time: few of many, but nobody knows how few.
//!
//! Their bytes are kept in memory up to [`IN_MEMORY`], then in a file that has no name and is gone with the process.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;

use jiff::Timestamp;

use crate::place::Place;

/// So many bytes are kept in memory.
const IN_MEMORY: usize = 48 << 20;

/// Where one record is kept.
#[derive(Debug)]
struct Kept {
    at: Timestamp,
    place: Place,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    InMemory(Range<usize>),
    OnDisk(u64, usize),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Acting {
    kept: Vec<Kept>,
    memory: Vec<u8>,
    disk: Option<(File, u64)>,
}

impl Acting {
    /// Keeps a record.
    ///
    /// # Errors
    /// When the folder for temporary files takes no more.
    pub fn keep(&mut self, at: Timestamp, place: Place, record: &[u8]) -> io::Result<()> {
        let bytes = if self.memory.len() + record.len() <= IN_MEMORY {
            let start = self.memory.len();
            self.memory.extend_from_slice(record);
            Bytes::InMemory(start..self.memory.len())
        } else {
            let (file, end) = match &mut self.disk {
                Some(disk) => disk,
                None => self.disk.insert((tempfile::tempfile()?, 0)),
            };
            file.write_all(record)?;
            let start = *end;
            *end += u64::try_from(record.len()).unwrap_or(u64::MAX);
            Bytes::OnDisk(start, record.len())
        };
        self.kept.push(Kept { at, place, bytes });
        Ok(())
    }

    /// Brings the records into the order of their time; those of one instant into that of their places.
    pub fn sort(&mut self) {
        self.kept.sort_by(|one, other| (one.at, &one.place).cmp(&(other.at, &other.place)));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// When and where the record of this number was made, and its bytes.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn get(&mut self, number: usize) -> io::Result<Option<(Timestamp, Place, Vec<u8>)>> {
        let Some(kept) = self.kept.get(number) else { return Ok(None) };
        let bytes = match (&kept.bytes, &mut self.disk) {
            (Bytes::InMemory(range), _) => self.memory.get(range.clone()).unwrap_or_default().to_vec(),
            (Bytes::OnDisk(start, length), Some((file, _))) => {
                let mut bytes = vec![0; *length];
                file.seek(SeekFrom::Start(*start))?;
                file.read_exact(&mut bytes)?;
                bytes
            }
            (Bytes::OnDisk(..), None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Some((kept.at, kept.place.clone(), bytes)))
    }

    /// The number of the record at this place.
    #[must_use]
    pub fn find(&self, at: Timestamp, place: &Place) -> Option<usize> {
        self.kept.binary_search_by(|kept| (kept.at, &kept.place).cmp(&(at, place))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: i64) -> Place {
        Place { origin: "f".into(), partition: None, number }
    }

    #[test]
    fn records_come_back_in_the_order_of_their_time_from_memory_and_from_disk() {
        let mut acting = Acting::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let large = vec![b'x'; IN_MEMORY - 4];
        acting.keep(at(5), place(1), &large).unwrap();
        acting.keep(at(3), place(3), b"later line").unwrap();
        acting.keep(at(3), place(2), b"earlier line").unwrap();
        acting.keep(at(9), place(4), b"abc").unwrap();
        acting.sort();
        let texts: Vec<Vec<u8>> = (0..acting.len()).map(|number| acting.get(number).unwrap().unwrap().2).collect();
        assert_eq!(texts, [&b"earlier line"[..], b"later line", &large, b"abc"]);
        assert!(acting.disk.is_some());
        assert_eq!((acting.find(at(9), &place(4)), acting.find(at(9), &place(5))), (Some(3), None));
        assert_eq!(acting.get(4).unwrap(), None);
    }
}
