//! What a result follows from: from the manifest of an earlier backtest the same range runs again, whatever has been written
//! since.

use std::collections::BTreeMap;
use std::path::Path;

use cordon_settings::{Problem, Problems, read_text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a result follows from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of Cordon.
    pub cordon: String,
    /// Hash of the rules under test.
    pub rule_set: String,
    /// Hash of their guards.
    pub guard_set: String,
    /// The same of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<(String, String)>,
    /// Records that were made at or after this time were judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Up to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Where the records are.
    pub inputs: Vec<ManifestInput>,
    /// What was assumed where nothing is recorded, by the name of its flag.
    pub assumed: BTreeMap<String, String>,
}

/// One input of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum ManifestInput {
    /// A file, or standard input.
    File {
        /// As it was named.
        name: String,
        /// So many lines.
        lines: u64,
        /// BLAKE3 of its text, in hexadecimal digits.
        blake3: String,
    },
    /// A partition of a topic.
    Partition {
        /// The cluster's id.
        cluster: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset.
        from: i64,
        /// The first offset that is not part of it.
        to: i64,
        /// Whether what stood before the first offset was deleted when this was written.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
}

/// Reads a manifest, alone or in the document that `-o json` has written.
///
/// # Errors
/// When the file cannot be read, or is neither.
pub fn read(path: &Path) -> Result<Manifest, Problems> {
    let origin = path.display().to_string();
    let text = read_text(path).map_err(|error| Problem::whole(&origin, format!("cannot be read: {error}")))?;
    let unlike = |why: String| {
        let help = "name what `-o json` has written, or its `manifest`";
        Problem { help: Some(help.to_owned()), ..Problem::whole(&origin, format!("is no manifest: {why}")) }
    };
    let mut value: Value = serde_json::from_str(&text).map_err(|error| unlike(error.to_string()))?;
    let manifest = value.get_mut("manifest").map(Value::take).unwrap_or(value);
    serde_json::from_value(manifest).map_err(|error| unlike(error.to_string()).into())
}

/// Refuses to run again with other rules, guards or assumptions than then.
///
/// # Errors
/// Everything that differs.
pub fn check(path: &Path, then: &Manifest, now: &Manifest) -> Result<(), Problems> {
    let origin = path.display().to_string();
    let differences = differences(then, now);
    Problems(differences.into_iter().map(|why| Problem::whole(&origin, why)).collect()).into_result()
}

fn differences(then: &Manifest, now: &Manifest) -> Vec<String> {
    let mut all = Vec::new();
    let mut compare = |what: &str, then: Option<&str>, now: Option<&str>| {
        if then != now {
            let [then, now] = [then, now].map(|value| value.unwrap_or("none"));
            all.push(format!("{what} differ: {then} then, {now} now"));
        }
    };
    compare("the rules", Some(&then.rule_set), Some(&now.rule_set));
    compare("the guards", Some(&then.guard_set), Some(&now.guard_set));
    let against = |manifest: &Manifest| manifest.against.clone().unzip();
    let ((old_rules, old_guards), (new_rules, new_guards)) = (against(then), against(now));
    compare("the rules compared with", old_rules.as_deref(), new_rules.as_deref());
    compare("the guards compared with", old_guards.as_deref(), new_guards.as_deref());
    let names: std::collections::BTreeSet<&String> = then.assumed.keys().chain(now.assumed.keys()).collect();
    for name in names {
        let [then, now] = [then, now].map(|manifest| manifest.assumed.get(name).map(String::as_str));
        compare(&format!("the values of {name}"), then, now);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            cordon: "1".to_owned(),
            rule_set: "aa".to_owned(),
            guard_set: "bb".to_owned(),
            against: Some(("cc".to_owned(), "dd".to_owned())),
            assumed: [("mode".to_owned(), "auto".to_owned())].into(),
            ..Manifest::default()
        }
    }

    #[test]
    fn everything_that_differs_is_named_at_once_and_a_later_version_of_cordon_does_not_count() {
        let then = manifest();
        assert_eq!(differences(&then, &Manifest { cordon: "2".to_owned(), ..manifest() }), [""; 0]);
        let now = Manifest { rule_set: "xx".to_owned(), against: None, assumed: Default::default(), ..manifest() };
        assert_eq!(
            differences(&then, &now),
            [
                "the rules differ: aa then, xx now",
                "the rules compared with differ: cc then, none now",
                "the guards compared with differ: dd then, none now",
                "the values of mode differ: auto then, none now",
            ]
        );
    }

    #[test]
    fn a_manifest_is_read_alone_and_out_of_its_document_and_nothing_else_is_taken_for_one() {
        let read = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            super::read(file.path())
        };
        let alone = serde_json::to_value(manifest()).unwrap();
        assert_eq!(read(&alone.to_string()).unwrap(), manifest());
        let document = serde_json::json!({"version": 1, "manifest": alone, "more": []});
        assert_eq!(read(&document.to_string()).unwrap(), manifest());
        for wrong in ["", "[]", "{\"manifest\": 3}", "{\"rule_set\": \"aa\"}"] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(told.contains("is no manifest") && told.contains("-o json"), "{wrong}: {told}");
        }
    }
}
