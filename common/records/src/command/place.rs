//! Where a command stands on its topic, and the name of the notice that nothing is done with it.

use std::fmt;

use jiff::Timestamp;

use crate::ids::ActionKey;
use crate::report::NoticeKind;

/// What a place is written like, before its offset.
const COMMANDS: &str = "commands/0/";

/// Where a command stands on `commands`. On a topic that was made anew offsets begin again: only with the instant at which
/// it was written there does a place name one command for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandPlace {
    /// Its offset on partition 0, the only one.
    pub offset: i64,
    /// When it was written there; absent where the broker does not say, and in names that older builds gave.
    pub written_at: Option<Timestamp>,
}

impl CommandPlace {
    /// Whether the command that stands here is still to be read by whoever reads on at `next`: what stands before it is new
    /// where it was written after the newest that was read, since on a topic that was made anew offsets begin again.
    #[must_use]
    pub fn is_new(self, next: i64, newest: Option<Timestamp>) -> bool {
        self.offset >= next || self.written_at.zip(newest).is_some_and(|(written_at, newest)| written_at > newest)
    }

    /// The id of the notice that nothing is done with this command; with this action alone, where one is given.
    #[must_use]
    pub fn refusal(self, of: Option<&ActionKey>) -> String {
        let alone = of.map(|key| format!("/{key}")).unwrap_or_default();
        format!("{}@{self}{alone}", NoticeKind::CommandRefused.as_str())
    }

    /// The command that the notice of this id refuses, and the action where it refuses that one alone. `None` where the id
    /// names no place.
    #[must_use]
    pub fn of_refusal(notice: &str) -> Option<(Self, Option<ActionKey>)> {
        let place = notice.strip_prefix(NoticeKind::CommandRefused.as_str())?.strip_prefix('@')?;
        let place = place.strip_prefix(COMMANDS)?;
        let (place, alone) = match place.split_once('/') {
            Some((place, key)) => (place, Some(ActionKey::new(key).ok()?)),
            None => (place, None),
        };
        let (offset, written_at) = match place.split_once('@') {
            Some((offset, written_at)) => (offset, Some(written_at.parse().ok()?)),
            None => (place, None),
        };
        Some((Self { offset: offset.parse().ok()?, written_at }, alone))
    }
}

impl fmt::Display for CommandPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COMMANDS}{}", self.offset)?;
        self.written_at.map_or(Ok(()), |at| write!(f, "@{at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_named_by_offset_and_instant_and_names_of_older_builds_are_read() {
        let key = ActionKey::new("a1b2c3d4e5f60718").unwrap();
        let at: Timestamp = "2026-11-22T18:00:00.25Z".parse().unwrap();
        for (offset, written_at, alone, id) in [
            (7, None, None, "command_refused@commands/0/7"),
            (7, None, Some(&key), "command_refused@commands/0/7/a1b2c3d4e5f60718"),
            (7, Some(at), None, "command_refused@commands/0/7@2026-11-22T18:00:00.25Z"),
            (7, Some(at), Some(&key), "command_refused@commands/0/7@2026-11-22T18:00:00.25Z/a1b2c3d4e5f60718"),
        ] {
            let place = CommandPlace { offset, written_at };
            assert_eq!(place.refusal(alone), id);
            assert_eq!(CommandPlace::of_refusal(id), Some((place, alone.cloned())), "{id}");
        }
        for id in ["command_refused@2026-11-22T18:00:00Z", "paused@commands/0/7", "command_refused@commands/0/x", ""] {
            assert_eq!(CommandPlace::of_refusal(id), None, "{id}");
        }
    }
}
