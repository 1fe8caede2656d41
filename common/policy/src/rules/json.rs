//! JSON with the places of its parts, so that a mistake is told by line and column. Values stay byte for byte.

use cordon_records::lenient;
use cordon_settings::{Problem, Problems, closest};
use serde_json::value::RawValue;

/// A JSON text and the name of its file.
#[derive(Clone, Copy)]
pub struct Text<'t> {
    pub origin: &'t str,
    pub text: &'t str,
}

impl<'t> Text<'t> {
    /// The text as one JSON value.
    pub fn value(self) -> Result<&'t RawValue, Problems> {
        serde_json::from_str(self.text).map_err(|error| {
            let said = error.to_string();
            let what = said.split(" at line ").next().unwrap_or(&said);
            self.at_place((error.line(), error.column()), "", format!("not valid JSON: {what}"), None).into()
        })
    }

    /// The entries of an object; `None` after telling that it is none.
    pub fn object(self, path: &'static str, raw: &'t RawValue, problems: &mut Problems) -> Option<Object<'t>> {
        let Ok(entries) = lenient::entries(raw.get()) else {
            problems.0.push(self.problem(raw, path, "expected an object (`{…}`)", None));
            return None;
        };
        Some(Object { text: self, path, raw, entries })
    }

    /// A problem at a value.
    pub fn problem(self, raw: &RawValue, path: &str, message: impl Into<String>, help: Option<String>) -> Problem {
        self.at(self.offset(raw), path, message, help)
    }

    /// Where a value that was borrowed from the text begins.
    fn offset(self, raw: &RawValue) -> usize {
        (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn at(self, offset: usize, path: &str, message: impl Into<String>, help: Option<String>) -> Problem {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        self.at_place((line, column), path, message, help)
    }

    fn at_place(
        self,
        (line, column): (usize, usize),
        path: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        Problem {
            line,
            column: column.max(1),
            path: path.to_owned(),
            help,
            source_line: line.checked_sub(1).and_then(|index| self.text.lines().nth(index)).map(str::to_owned),
            ..Problem::whole(self.origin, message)
        }
    }
}

/// An object whose keys are known.
pub struct Object<'t> {
    text: Text<'t>,
    path: &'static str,
    raw: &'t RawValue,
    entries: Vec<(String, &'t RawValue)>,
}

impl<'t> Object<'t> {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&'t RawValue> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The last value under a key: the one that counts where a record of Microsoft's is read.
    pub fn last(&self, key: &str) -> Option<&'t RawValue> {
        self.entries.iter().rfind(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The value under a key that must be there.
    pub fn required(&self, key: &str, problems: &mut Problems) -> Option<&'t RawValue> {
        let found = self.get(key);
        if found.is_none() {
            let message = "required, but missing";
            problems.0.push(self.text.problem(self.raw, &self.named(key), message, None));
        }
        found
    }

    /// A text under a key that must be there.
    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let raw = self.required(key, problems)?;
        self.read(key, raw, "a text (`\"…\"`)", problems)
    }

    /// A value of a type; a problem that names what is expected when it has another one.
    pub fn read<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        raw: &RawValue,
        expected: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let read = serde_json::from_str(raw.get()).ok();
        if read.is_none() {
            problems.0.push(self.text.problem(raw, &self.named(key), format!("expected {expected}"), None));
        }
        read
    }

    /// Tells the keys that are not known, and those that are given twice.
    pub fn finish(&self, known: &[&str], problems: &mut Problems) {
        for (index, (key, raw)) in self.entries.iter().enumerate() {
            let is_twice = self.entries.iter().take(index).any(|(earlier, _)| earlier == key);
            if known.contains(&key.as_str()) && !is_twice {
                continue;
            }
            let meant = closest(key, known).map(|meant| format!("did you mean \"{meant}\"?"));
            let help = meant.unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
            let (message, help) = if is_twice { ("key given twice", None) } else { ("unknown key", Some(help)) };
            problems.0.push(self.text.at(self.key_offset(raw), &self.named(key), message, help));
        }
    }

    /// The path of a key, for messages.
    pub fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the key before a value begins.
    fn key_offset(&self, raw: &RawValue) -> usize {
        let offset = self.text.offset(raw);
        let before = self.text.text.get(..offset).unwrap_or_default().trim_end().trim_end_matches(':').trim_end();
        before.strip_suffix('"').and_then(|before| before.rfind('"')).unwrap_or(offset)
    }
}
