//! One item of an alert list, and what tells two sights of it apart.

use std::fmt;

use cordon_records::text::hex;
use cordon_records::{Alert, AlertId, Verbatim, lenient};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

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
        let (reading, stamp) = match raw.view::<Alert>() {
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

#[cfg(test)]
mod tests {
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
        assert_eq!(item("17").stamp, None);
        assert_eq!(item("null").stamp, None);
    }
}
