//! What has already been produced, as far back as the poll looks: the memory that makes an overlapping poll cheap.
//!
//! Forgetting can only duplicate, never skip; so every part of it is bounded and the oldest goes first.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::Hash;

use cordon_records::AlertId;
use jiff::Timestamp;

use crate::item::{Asked, Fingerprint, Identity, Item};

/// Versions kept at most: some 20 MB. Where a sweep looks back over more, it produces the oldest of them again.
const MAX_VERSIONS: usize = 200_000;
/// Ids kept at most, to tell an update from a first sight.
const MAX_IDS: usize = 100_000;
/// Items kept at most that have no id or no stamp.
const MAX_CONTENTS: usize = 10_000;

/// The newest so many of something, each once.
#[derive(Debug)]
struct Recent<T> {
    members: HashSet<T>,
    order: VecDeque<T>,
    capacity: usize,
}

impl<T: Clone + Eq + Hash> Recent<T> {
    fn new(capacity: usize) -> Self {
        Self { members: HashSet::new(), order: VecDeque::new(), capacity }
    }

    fn insert(&mut self, member: T) {
        if !self.members.insert(member.clone()) {
            return;
        }
        self.order.push_back(member);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
    }
}

/// The versions that have been produced, and the items that went to the dead letters.
#[derive(Debug)]
pub struct Seen {
    versions: BTreeSet<(Timestamp, AlertId)>,
    /// Sights of which only a part was asked for.
    parts: Recent<Identity>,
    contents: Recent<Fingerprint>,
    ids: Recent<AlertId>,
    max_versions: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(MAX_VERSIONS)
    }
}

impl Seen {
    /// An empty memory for so many versions.
    #[must_use]
    pub fn with_capacity(max_versions: usize) -> Self {
        let (parts, contents) = (Recent::new(max_versions), Recent::new(MAX_CONTENTS));
        Self { versions: BTreeSet::new(), parts, contents, ids: Recent::new(MAX_IDS), max_versions }
    }

    /// Whether this very sight has been produced, as much of it or more.
    #[must_use]
    pub fn contains(&self, item: &Item) -> bool {
        self.is_whole(&item.identity)
            || item.asked == Asked::WithoutEvidence && self.parts.members.contains(&item.identity)
    }

    fn is_whole(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Version(id, stamp) => self.versions.contains(&(*stamp, id.clone())),
            Identity::Content(fingerprint) => self.contents.members.contains(fingerprint),
        }
    }

    /// Whether any sight of this alert is remembered. An alert that was last seen long ago is not.
    #[must_use]
    pub fn knows(&self, id: &AlertId) -> bool {
        self.ids.members.contains(id)
    }

    /// Remembers that an alert has been produced at some time, without saying in which version.
    pub fn know(&mut self, id: AlertId) {
        self.ids.insert(id);
    }

    /// Remembers an item; call it only once the broker has confirmed the record.
    pub fn insert(&mut self, item: &Item) {
        if let Some(id) = item.alert_id() {
            self.ids.insert(id.clone());
        }
        if item.asked == Asked::WithoutEvidence {
            self.parts.insert(item.identity.clone());
            return;
        }
        match &item.identity {
            Identity::Version(id, stamp) => {
                self.versions.insert((*stamp, id.clone()));
                if self.versions.len() > self.max_versions {
                    self.versions.pop_first();
                }
            }
            Identity::Content(fingerprint) => self.contents.insert(*fingerprint),
        }
    }

    /// Forgets the versions older than the poll will ever ask for again.
    pub fn forget_before(&mut self, since: Timestamp) {
        while self.versions.first().is_some_and(|(stamp, _)| *stamp < since) {
            self.versions.pop_first();
        }
    }

    /// How many sights are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.versions.len() + self.parts.members.len() + self.contents.members.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::Verbatim;

    use super::*;

    fn item(id: &str, second: i64) -> Item {
        let stamp = Timestamp::from_second(second).unwrap();
        Item::read(Verbatim::parse(&format!(r#"{{"id":"{id}","lastUpdateTime":"{stamp}"}}"#)).unwrap())
    }

    #[test]
    fn two_versions_of_one_alert_are_two_sights_and_one_known_id() {
        let mut seen = Seen::default();
        seen.insert(&item("a", 1));
        assert!(seen.contains(&item("a", 1)));
        assert!(!seen.contains(&item("a", 2)));
        assert!(!seen.contains(&item("b", 1)));
        assert!(seen.knows(&AlertId::new("a").unwrap()));
    }

    #[test]
    fn an_alert_that_was_seen_without_its_evidence_is_new_with_it_and_not_without() {
        let mut seen = Seen::default();
        let (part, whole) = (item("a", 1).asked(Asked::WithoutEvidence), item("a", 1));
        seen.insert(&part);
        assert!(seen.contains(&part) && !seen.contains(&whole));
        seen.insert(&whole);
        assert!(seen.contains(&part) && seen.contains(&whole));
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_stamp_first() {
        let mut seen = Seen::with_capacity(2);
        for second in [30, 10, 20] {
            seen.insert(&item("a", second));
        }
        assert!(!seen.contains(&item("a", 10)));
        assert!(seen.contains(&item("a", 20)) && seen.contains(&item("a", 30)));
    }

    #[test]
    fn versions_inside_the_window_survive_forgetting() {
        let mut seen = Seen::default();
        seen.insert(&item("a", 10));
        seen.insert(&item("b", 20));
        seen.forget_before(Timestamp::from_second(20).unwrap());
        assert_eq!(seen.len(), 1);
        assert!(seen.contains(&item("b", 20)));
    }

    #[test]
    fn an_item_without_a_stamp_is_remembered_by_content_and_bounded() {
        let bare = |n: usize| Item::read(Verbatim::parse(&format!(r#"{{"title":"{n}"}}"#)).unwrap());
        let mut seen = Seen::default();
        for n in 0..=MAX_CONTENTS {
            seen.insert(&bare(n));
        }
        assert_eq!(seen.len(), MAX_CONTENTS);
        assert!(!seen.contains(&bare(0)));
        assert!(seen.contains(&bare(MAX_CONTENTS)));
    }
}
