//! What is remembered about machines, for a while and up to a size.

use std::collections::HashMap;
use std::time::Duration;

use cordon_records::Verbatim;
use tokio::time::Instant;

use crate::lookup::{Answer, LookupError};

/// How long it is remembered that Defender does not know a machine: it may be on its way in.
pub(super) const UNKNOWN_TTL: Duration = Duration::from_secs(30);
/// Bytes remembered at most: some 20,000 machines.
const CAPACITY: usize = 40 * 1024 * 1024;
/// Bytes that machines which merely came along may fill, and what is left when there is no more room.
const KEPT: usize = CAPACITY / 4 * 3;
/// What an entry takes besides its JSON.
const ENTRY: usize = 256;

struct Known {
    answer: Answer,
    until: Instant,
}

impl Known {
    fn size(&self) -> usize {
        ENTRY + self.answer.as_ref().map_or(0, |machine| machine.get().len())
    }
}

/// Answers by lower-cased machine id.
pub struct Memory {
    known: HashMap<String, Known>,
    bytes: usize,
    ttl: Duration,
}

impl Memory {
    /// Remembers each machine for `ttl`.
    pub fn new(ttl: Duration) -> Self {
        Self { known: HashMap::new(), bytes: 0, ttl }
    }

    /// What is known of a machine.
    pub fn get(&self, key: &str, now: Instant) -> Option<&Answer> {
        self.known.get(key).filter(|known| known.until > now).map(|known| &known.answer)
    }

    /// Remembers an answer if it will hold for a while: a machine, or that there is none. A failure is asked about
    /// again. Where there is no room the oldest quarter is forgotten: this was asked for just now.
    pub fn remember(&mut self, key: String, answer: Answer, now: Instant) {
        let ttl = match &answer {
            Ok(_) => self.ttl,
            Err(LookupError::Unknown) => self.ttl.min(UNKNOWN_TTL),
            Err(
                LookupError::Failed(_) | LookupError::Rejected(_) | LookupError::Refused(_) | LookupError::Busy { .. },
            ) => return,
        };
        let known = Known { answer, until: now + ttl };
        if self.bytes + known.size() > CAPACITY {
            self.forget_what_is_over(now);
        }
        if self.bytes + known.size() > CAPACITY {
            self.forget_the_oldest();
        }
        self.put(key, known);
    }

    /// Remembers machines that came along with those that were asked for, as far as they leave a quarter of the room to those
    /// that will be.
    pub fn keep(&mut self, machines: impl IntoIterator<Item = (String, Verbatim)>, now: Instant) {
        self.forget_what_is_over(now);
        for (key, machine) in machines {
            let known = Known { answer: Ok(machine), until: now + self.ttl };
            if self.bytes + known.size() <= KEPT {
                self.put(key, known);
            }
        }
    }

    fn put(&mut self, key: String, known: Known) {
        self.bytes += known.size();
        if let Some(old) = self.known.insert(key, known) {
            self.bytes -= old.size();
        }
    }

    /// Makes room for a quarter: what holds for the shortest time goes first.
    fn forget_the_oldest(&mut self) {
        let mut oldest: Vec<(Instant, String)> =
            self.known.iter().map(|(key, known)| (known.until, key.clone())).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.bytes <= KEPT {
                return;
            }
            self.bytes -= self.known.remove(&key).map_or(0, |known| known.size());
        }
    }

    fn forget_what_is_over(&mut self, now: Instant) {
        self.known.retain(|_, known| known.until > now);
        self.bytes = self.known.values().map(Known::size).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(bytes: usize) -> Verbatim {
        Verbatim::parse(&format!("\"{}\"", "x".repeat(bytes))).unwrap()
    }

    #[test]
    fn what_comes_along_fills_the_room_that_is_left_and_drives_nothing_out() {
        let now = Instant::now();
        let mut memory = Memory::new(Duration::from_secs(300));
        memory.remember("asked".into(), Ok(machine(10)), now);
        memory.keep((0..100).map(|n| (format!("m{n}"), machine(1024 * 1024))), now);
        let kept = (0..100).filter(|n| memory.get(&format!("m{n}"), now).is_some()).count();
        assert_eq!(kept, 29);
        assert!(memory.get("asked", now).is_some());
        assert!(memory.bytes <= CAPACITY);
    }

    #[test]
    fn what_was_asked_for_finds_room_whatever_is_in_it_and_what_is_over_goes_first() {
        let now = Instant::now();
        let mut memory = Memory::new(Duration::from_secs(300));
        memory.keep((0..29).map(|n| (format!("m{n}"), machine(1024 * 1024))), now);
        let later = now + Duration::from_secs(299);
        let asked = |n| format!("asked{n}");
        (0..11).for_each(|n| memory.remember(asked(n), Ok(machine(1024 * 1024)), later));
        let kept = (0..29).filter(|n| memory.get(&format!("m{n}"), later).is_some()).count();
        assert!((0..11).all(|n| memory.get(&asked(n), later).is_some()), "what was asked for just now stays");
        assert!((15..29).contains(&kept), "a quarter of the room is made, and no more is forgotten: {kept}");
        let over = now + Duration::from_secs(301);
        memory.keep([("m0".to_owned(), machine(1024 * 1024))], over);
        assert!(memory.get("m1", over).is_none() && memory.get("m0", over).is_some());
        assert_eq!(memory.bytes, memory.known.values().map(Known::size).sum::<usize>());
    }
}
