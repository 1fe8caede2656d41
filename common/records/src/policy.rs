//! What decisions and verdicts were judged by: the records on the compacted topic `policies`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Fleet;
use crate::{digest, known_version, schema_version};

/// A record on `policies`. The Kafka key is [`PolicyRecord::key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum PolicyRecord {
    /// A part of the text of a rule set, or of guards.
    Text(PolicyText),
    /// How many machines there are. respond counts them; decide, which has no credential, reads it here and notes it on
    /// each decision.
    Fleet(CountedFleet),
}

/// Who counted the fleet: the ledger, by the instant at which it was made, and the epoch of the claim there. A later one
/// beats an earlier one; a ledger that was made anew counts its claims from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counter {
    /// When the ledger was made.
    pub ledger: Timestamp,
    /// The epoch of the claim.
    pub epoch: u64,
}

/// The number of onboarded machines, and who counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedFleet {
    /// How many.
    pub machines: u64,
    /// When they were counted, by the counter's clock.
    pub at: Timestamp,
    /// Who counted. Absent where an older build did: any other beats it, and builds that do not know the field pass over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Counter>,
}

impl CountedFleet {
    /// The count alone.
    #[must_use]
    pub const fn fleet(self) -> Fleet {
        Fleet { machines: self.machines, at: self.at }
    }
}

impl PolicyRecord {
    /// The Kafka key. Whoever writes the same text writes the same records.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Text(text) => {
                format!("{}/{}/{}/{}", text.of.as_str(), text.hash, text.text, text.part)
            }
            Self::Fleet(_) => "fleet".to_owned(),
        }
    }
}

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// A rule set.
    Rules,
    /// The guards.
    Guards,
}

impl PolicyKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Guards => "guards",
        }
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    /// What it was called where it was read.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A part of a text. The hash says what decides and leaves comments and file names out, so texts that differ may have one
/// hash: each of them can judge again, and no part of one gets among those of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// Whose text.
    pub of: PolicyKind,
    /// The hash that decisions (`rule_set`) and reports (`guard_set`) name.
    pub hash: String,
    /// Digest of the whole text.
    pub text: String,
    /// Which part this is, from 0.
    pub part: usize,
    /// How many there are.
    pub parts: usize,
    /// The part: together they are a JSON array of [`PolicyFile`].
    pub content: String,
    /// When it was written.
    pub at: Timestamp,
}

/// The largest part, in bytes. It is JSON already, of which JSON writes no character with more than two: it fits a record of
/// 1 MB.
const PART: usize = 256 * 1024;

/// The records of a text.
///
/// # Errors
/// Those of the JSON writer; none are known for these types.
pub fn policy_texts(
    of: PolicyKind,
    hash: &str,
    files: &[PolicyFile],
    at: Timestamp,
) -> Result<Vec<PolicyText>, serde_json::Error> {
    let whole = serde_json::to_string(files)?;
    let text = digest(&[&whole], 8);
    let contents = split(&whole);
    let parts = contents.len();
    let record = |(part, content): (usize, &str)| PolicyText {
        schema_version: crate::SCHEMA_VERSION,
        of,
        hash: hash.to_owned(),
        text: text.clone(),
        part,
        parts,
        content: content.to_owned(),
        at,
    };
    Ok(contents.into_iter().enumerate().map(record).collect())
}

fn split(mut whole: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while whole.len() > PART {
        let end = (0..=PART).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(whole.len());
        let (part, rest) = whole.split_at(end);
        parts.push(part);
        whole = rest;
    }
    parts.push(whole);
    parts
}

/// Why a text cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyMissing {
    /// Nothing of it was read.
    #[error("no text of {} {hash} is on the topic policies", of.as_str())]
    Unknown {
        /// Whose.
        of: PolicyKind,
        /// Its hash.
        hash: String,
    },
    /// Parts are missing, or are not what they were.
    #[error("the text of {} {hash} on the topic policies is not whole: {have} of {parts} parts can be used", of.as_str())]
    Broken {
        /// Whose.
        of: PolicyKind,
        /// Its hash.
        hash: String,
        /// How many parts are there.
        have: usize,
        /// How many there should be.
        parts: usize,
    },
}

/// The texts that were read from the topic.
#[derive(Debug, Clone, Default)]
pub struct PolicyTexts {
    /// By kind and hash, then by the text's digest, the parts.
    texts: BTreeMap<(PolicyKind, String), BTreeMap<String, BTreeMap<usize, PolicyText>>>,
}

impl PolicyTexts {
    /// Takes one record.
    pub fn take(&mut self, text: PolicyText) {
        let versions = self.texts.entry((text.of, text.hash.clone())).or_default();
        versions.entry(text.text.clone()).or_default().insert(text.part, text);
    }

    /// The files of this hash. Of several texts that have it, the first that is whole.
    ///
    /// # Errors
    /// When none is whole.
    pub fn files(&self, of: PolicyKind, hash: &str) -> Result<Vec<PolicyFile>, PolicyMissing> {
        let Some(versions) = self.texts.get(&(of, hash.to_owned())) else {
            return Err(PolicyMissing::Unknown { of, hash: hash.to_owned() });
        };
        let whole = versions.iter().find_map(|(digest, parts)| assembled(digest, parts));
        let most = || versions.values().max_by_key(|parts| parts.len());
        whole.ok_or_else(|| PolicyMissing::Broken {
            of,
            hash: hash.to_owned(),
            have: most().map_or(0, BTreeMap::len),
            parts: most().and_then(|parts| parts.values().next()).map_or(0, |part| part.parts),
        })
    }
}

fn assembled(text: &str, parts: &BTreeMap<usize, PolicyText>) -> Option<Vec<PolicyFile>> {
    let whole: String = parts.values().map(|part| part.content.as_str()).collect();
    (digest(&[&whole], 8) == text).then(|| serde_json::from_str(&whole).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-24T03:00:00Z".parse().unwrap()
    }

    fn file(name: &str, text: &str) -> PolicyFile {
        PolicyFile { name: name.to_owned(), text: text.to_owned() }
    }

    fn read(texts: &[PolicyText]) -> PolicyTexts {
        let mut read = PolicyTexts::default();
        texts.iter().cloned().for_each(|text| read.take(text));
        read
    }

    #[test]
    fn a_text_that_is_larger_than_a_record_comes_back_whole_whatever_the_order_of_its_parts() {
        // Whatever JSON escapes is escaped twice.
        let files = [file("a.yaml", &"\u{1}ü\"\n".repeat(400_000)), file("b.yaml", "id: b")];
        let mut texts = policy_texts(PolicyKind::Rules, "h1", &files, at()).unwrap();
        assert!(texts.len() > 10, "{}", texts.len());
        for text in &texts {
            let record = serde_json::to_vec(&PolicyRecord::Text(text.clone())).unwrap();
            assert!(record.len() < 900_000, "{}", record.len());
        }
        texts.reverse();
        assert_eq!(read(&texts).files(PolicyKind::Rules, "h1").unwrap(), files);
    }

    #[test]
    fn a_text_that_is_not_whole_is_refused_and_never_given_in_part() {
        let files = [file("a.yaml", &"x".repeat(3 * PART))];
        let mut texts = policy_texts(PolicyKind::Rules, "h1", &files, at()).unwrap();
        let parts = texts.len();
        texts.remove(1);
        let broken = PolicyMissing::Broken { of: PolicyKind::Rules, hash: "h1".into(), have: parts - 1, parts };
        assert_eq!(read(&texts).files(PolicyKind::Rules, "h1"), Err(broken));
        let told = read(&texts).files(PolicyKind::Guards, "h1").unwrap_err().to_string();
        assert_eq!(told, "no text of guards h1 is on the topic policies");
    }

    #[test]
    fn two_texts_of_one_hash_never_mix_and_writing_one_again_writes_the_same_keys() {
        let [one, other] = ["# ours\n", "# theirs\n"].map(|comment| [file("r.yaml", &comment.repeat(2 * PART / 8))]);
        let [first, second] = [&one, &other].map(|files| policy_texts(PolicyKind::Rules, "h1", files, at()).unwrap());
        let keys =
            |texts: &[PolicyText]| texts.iter().map(|text| PolicyRecord::Text(text.clone()).key()).collect::<Vec<_>>();
        assert_eq!(keys(&first), keys(&policy_texts(PolicyKind::Rules, "h1", &one, at()).unwrap()));
        assert!(keys(&first).iter().all(|key| !keys(&second).contains(key)));
        let mixed: Vec<PolicyText> = first[..1].iter().chain(&second).cloned().collect();
        assert_eq!(read(&mixed).files(PolicyKind::Rules, "h1").unwrap(), other);
    }
}
