//! The items of the alert list: what each is, what tells two sights of one alert apart, and which sights have already been
//! produced, as far back as the poll looks: the memory that makes an overlapping poll cheap.
//!
//! Forgetting can only duplicate, never skip; so every part of the memory is bounded and the oldest goes first.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::hash::Hash;

use cordon_records::text::hex;
use cordon_records::{AlertId, Verbatim, lenient};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

/// Versions kept at most: some 20 MB. Where a sweep looks back over more, it produces the oldest of them again.
const MAX_VERSIONS: usize = 200_000;
/// Ids kept at most, to tell an update from a first sight.
const MAX_IDS: usize = 100_000;
/// Items kept at most that have no id or no stamp.
const MAX_CONTENTS: usize = 10_000;

/// The first 16 bytes of SHA-256 over an item's JSON: what an item is called that has no id or no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of a JSON text.
    #[must_use]
    pub fn of(json: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(json.as_bytes()).into();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What makes two items the same sight of the same alert.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The alert's id and its `lastUpdateTime`.
    Version(AlertId, Timestamp),
    /// The JSON itself: the item has no readable id, or no `lastUpdateTime`.
    Content(Fingerprint),
}

/// What an item turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// An alert.
    Alert(AlertId),
    /// Not an alert that this build can read, and why.
    Unreadable(String),
}

/// How much of an alert was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All of it.
    Whole,
    /// All but its evidence: the server fails or refuses when it is asked for that.
    WithoutEvidence,
}

/// One item of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is.
    pub reading: Reading,
    /// Its `lastUpdateTime`; absent when there is none to be read.
    pub stamp: Option<Timestamp>,
    /// What tells it from other sights.
    pub identity: Identity,
    /// Microsoft's JSON, byte for byte.
    pub raw: Verbatim,
    /// How much of it was asked for.
    pub asked: Asked,
}

/// What of an alert makes it one, and tells its sights apart. A round serves what earlier ones have served again, hundreds of
/// items to a new one, and the new ones wait for all of them to be read. The rest of an alert may be anything; that its
/// machine's id is not given twice is looked at here as wherever alerts are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Sighted {
    id: AlertId,
    #[serde(default, deserialize_with = "lenient::instant")]
    last_update_time: Option<Timestamp>,
    #[serde(default, rename = "machineId")]
    _machine_id: IgnoredAny,
}

/// The one field that orders the list, readable even when the rest is not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamp {
    #[serde(default, deserialize_with = "lenient::instant")]
    last_update_time: Option<Timestamp>,
}

impl Item {
    /// Reads one item. Never fails: what cannot be read is an item too, since it must not get lost.
    #[must_use]
    pub fn read(raw: Verbatim) -> Self {
        let (reading, stamp) = match raw.view::<Sighted>() {
            Ok(alert) => (Reading::Alert(alert.id), alert.last_update_time),
            Err(error) => {
                let stamp = raw.view::<Stamp>().ok().and_then(|found| found.last_update_time);
                (Reading::Unreadable(format!("the item of the alert list is no alert: {error}")), stamp)
            }
        };
        let identity = match (&reading, stamp) {
            (Reading::Alert(id), Some(stamp)) => Identity::Version(id.clone(), stamp),
            (Reading::Alert(_), None) | (Reading::Unreadable(_), _) => Identity::Content(Fingerprint::of(raw.get())),
        };
        Self { reading, stamp, identity, raw, asked: Asked::Whole }
    }

    /// The item, of which so much was asked for.
    #[must_use]
    pub fn asked(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }

    /// The alert's id, if it is an alert.
    #[must_use]
    pub const fn alert_id(&self) -> Option<&AlertId> {
        match &self.reading {
            Reading::Alert(id) => Some(id),
            Reading::Unreadable(_) => None,
        }
    }
}

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
    use cordon_records::Alert;
    use proptest::prelude::*;

    use super::*;

    fn item(json: &str) -> Item {
        Item::read(Verbatim::parse(json).unwrap())
    }

    #[test]
    fn the_same_version_is_the_same_sight_whatever_else_the_json_says() {
        let one = item(r#"{"id":"a","lastUpdateTime":"2026-01-01T00:00:00Z","title":"x"}"#);
        let two = item(r#"{"id":"a","lastUpdateTime":"2026-01-01T00:00:00.0000000Z","title":"y"}"#);
        assert_eq!(one.identity, two.identity);
    }

    #[test]
    fn an_alert_without_a_stamp_is_known_by_its_content() {
        let one = item(r#"{"id":"a","title":"x"}"#);
        assert_eq!(one.reading, Reading::Alert(AlertId::new("a").unwrap()));
        assert_ne!(one.identity, item(r#"{"id":"a","title":"y"}"#).identity);
        assert_eq!(one.identity, item(r#"{"id":"a","title":"x"}"#).identity);
    }

    #[test]
    fn text_that_an_attacker_chooses_makes_no_alert_unreadable_and_stays_as_it_came() {
        for json in [
            r#"{"id":"a","lastUpdateTime":"2026-01-01T00:00:00Z","title":"cut \ud83d"}"#,
            r#"{"id":"a","evidence":[{"fileName":"inv\udc00oice.exe"}],"lastUpdateTime":"2026-01-01T00:00:00Z"}"#,
            r#"{"id":"a","lastUpdateTime":"x","title":1,"title":2,"lastUpdateTime":"2026-01-01T00:00:00Z"}"#,
        ] {
            let item = item(json);
            assert_eq!(item.reading, Reading::Alert(AlertId::new("a").unwrap()), "{json}");
            assert_eq!(item.stamp, Some("2026-01-01T00:00:00Z".parse().unwrap()));
            assert_eq!(item.raw.get(), json);
        }
        let half = item(r#"{"id":"a\ud800","title":"x\udfff","lastUpdateTime":"2026-01-01T00:00:00Z"}"#);
        assert!(
            matches!(&half.reading, Reading::Unreadable(why) if why.contains("the alert id")),
            "{:?}",
            half.reading
        );
        assert!(half.stamp.is_some());
    }

    #[test]
    fn what_is_no_alert_keeps_its_stamp_so_that_paging_can_pass_it() {
        for json in [
            r#"{"id":"a/b","lastUpdateTime":"2026-01-01T00:00:00Z"}"#,
            r#"{"lastUpdateTime":"2026-01-01T00:00:00Z"}"#,
            r#"{"id":17,"lastUpdateTime":"2026-01-01T00:00:00Z"}"#,
        ] {
            let item = item(json);
            assert!(matches!(item.reading, Reading::Unreadable(_)), "{json} was read as {:?}", item.reading);
            assert!(item.stamp.is_some(), "{json} lost its stamp");
        }
        for list in [r#"["a"]"#, r#"["a","2026-01-01T00:00:00Z",1]"#, r#"["2026-01-01T00:00:00Z"]"#] {
            let item = item(list);
            assert!(
                matches!(&item.reading, Reading::Unreadable(why) if why.contains("expected an object")),
                "{item:?}"
            );
            assert_eq!(item.stamp, None, "{list}");
        }
        assert_eq!(item("17").stamp, None);
        assert_eq!(item("null").stamp, None);
    }

    fn sight(id: &str, second: i64) -> Item {
        let stamp = Timestamp::from_second(second).unwrap();
        Item::read(Verbatim::parse(&format!(r#"{{"id":"{id}","lastUpdateTime":"{stamp}"}}"#)).unwrap())
    }

    #[test]
    fn two_versions_of_one_alert_are_two_sights_and_one_known_id() {
        let mut seen = Seen::default();
        seen.insert(&sight("a", 1));
        assert!(seen.contains(&sight("a", 1)));
        assert!(!seen.contains(&sight("a", 2)));
        assert!(!seen.contains(&sight("b", 1)));
        assert!(seen.knows(&AlertId::new("a").unwrap()));
    }

    #[test]
    fn an_alert_that_was_seen_without_its_evidence_is_new_with_it_and_not_without() {
        let mut seen = Seen::default();
        let (part, whole) = (sight("a", 1).asked(Asked::WithoutEvidence), sight("a", 1));
        seen.insert(&part);
        assert!(seen.contains(&part) && !seen.contains(&whole));
        seen.insert(&whole);
        assert!(seen.contains(&part) && seen.contains(&whole));
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_stamp_first() {
        let mut seen = Seen::with_capacity(2);
        for second in [30, 10, 20] {
            seen.insert(&sight("a", second));
        }
        assert!(!seen.contains(&sight("a", 10)));
        assert!(seen.contains(&sight("a", 20)) && seen.contains(&sight("a", 30)));
    }

    #[test]
    fn versions_inside_the_window_survive_forgetting() {
        let mut seen = Seen::default();
        seen.insert(&sight("a", 10));
        seen.insert(&sight("b", 20));
        seen.forget_before(Timestamp::from_second(20).unwrap());
        assert_eq!(seen.len(), 1);
        assert!(seen.contains(&sight("b", 20)));
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

    /// Values of an alert's fields as they come, and as nobody should send them.
    fn value() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            r#""a""#,
            r#""a/b""#,
            r#""""#,
            "17",
            "null",
            "true",
            "1e999",
            "[]",
            "{}",
            r#""x\ud83d""#,
            r#"{"x":1,"x":2}"#,
            r#"[{"entityType":"File","entityType":"Ip"}]"#,
            r#""2026-01-01T00:00:00Z""#,
            r#""2026-01-01T00:00:00""#,
        ])
    }

    proptest! {
        #[test]
        fn what_is_an_alert_here_is_one_for_whoever_reads_all_of_it(
            id in prop::sample::select(vec![Some(r#""id":"a""#), None]),
            fields in prop::collection::vec((
                prop::sample::select(vec!["id", "machineId", "lastUpdateTime", "title", "evidence", "other", "\\ud800"]),
                value(),
            ), 0..6)
        ) {
            let fields = fields.iter().map(|(key, value)| format!("\"{key}\":{value}"));
            let fields: Vec<String> = id.map(str::to_owned).into_iter().chain(fields).collect();
            let json = format!("{{{}}}", fields.join(","));
            let item = item(&json);
            match item.raw.view::<Alert>() {
                Ok(alert) => {
                    prop_assert_eq!(item.alert_id(), Some(&alert.id), "{}", json);
                    prop_assert_eq!(item.stamp, alert.last_update_time, "{}", json);
                }
                Err(_) => prop_assert_eq!(item.alert_id(), None, "{}", json),
            }
        }
    }
}
