//! A kind's words with the names of one record in them.

use cordon_records::{Action, ActionRecord};

use super::kinds::{self, Kind};
use crate::clean;
use crate::parts::Step;

/// Characters of a SHA-1 in a headline: enough to tell files apart; the facts have all of it.
const SHA1_SHOWN: usize = 12;

/// The words of one record's kind.
pub struct Phrases {
    kind: &'static Kind,
    /// What people call the machine.
    pub name: String,
    thing: String,
    id: String,
}

impl Phrases {
    pub fn of(record: &ActionRecord) -> Self {
        Self {
            kind: kinds::of(record.action.as_ref()),
            name: short_name(record),
            thing: record.action.as_ref().map(thing).unwrap_or_default(),
            id: record.machine.as_ref().map(|machine| machine.id.to_string()).unwrap_or_default(),
        }
    }

    /// "isolate LAPTOP".
    pub fn errand(&self) -> String {
        self.fill(self.kind.errand)
    }

    /// "isolation".
    pub const fn noun(&self) -> &'static str {
        self.kind.noun
    }

    /// "LAPTOP was isolated".
    pub fn was(&self) -> String {
        format!("{} was {}", self.fill(self.kind.object), self.fill(self.kind.participle))
    }

    /// "LAPTOP was not isolated".
    pub fn was_not(&self) -> String {
        format!("{} was not {}", self.fill(self.kind.object), self.fill(self.kind.participle))
    }

    /// "LAPTOP has not been isolated yet".
    pub fn not_yet(&self) -> String {
        format!("{} has not been {} yet", self.fill(self.kind.object), self.fill(self.kind.participle))
    }

    /// "LAPTOP is isolated".
    pub fn done(&self) -> String {
        self.fill(self.kind.done)
    }

    pub fn meaning(&self) -> String {
        self.fill(self.kind.meaning)
    }

    pub fn after(&self) -> Vec<Step> {
        let last = self.kind.after.len().saturating_sub(1);
        let command = |index| if index == last { self.fill(self.kind.command) } else { String::new() };
        let steps = self.kind.after.iter().enumerate();
        steps.map(|(index, step)| Step { text: self.fill(step), command: command(index) }).collect()
    }

    pub fn by_hand(&self) -> String {
        self.fill(self.kind.by_hand)
    }

    /// Puts the names in, in one pass: a brace in a name stays a brace.
    fn fill(&self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, name, after)) = placeholder(rest) {
            out.push_str(before);
            out.push_str(match name {
                "machine" => &self.name,
                "thing" => &self.thing,
                "id" => &self.id,
                other => other,
            });
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// A headline that begins with an article gets its capital letter; one that begins with a name keeps it as it is.
pub fn capital(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
}

/// What people call the machine: the first label of its name as Defender gives it, else its id. Without a machine,
/// the alert.
pub fn short_name(record: &ActionRecord) -> String {
    match &record.machine {
        Some(machine) => {
            let name = clean::line(machine.label(), 255);
            let label = name.split('.').next().unwrap_or_default();
            clean::line(if label.is_empty() { machine.id.as_str() } else { label }, 63)
        }
        None => format!("alert {}", record.alert.id),
    }
}

fn thing(action: &Action) -> String {
    match action {
        Action::Scan { scan, .. } => scan.as_str().to_lowercase(),
        Action::StopFile { sha1, .. } => clean::line(sha1.as_str(), SHA1_SHOWN),
        Action::Tag { tag, .. } => clean::foreign(tag, 60),
        Action::SetDeviceValue { value } => value.as_str().to_owned(),
        Action::Indicator(indicator) => {
            format!("{} {}", indicator.action.as_str(), clean::foreign(&indicator.value, 70))
        }
        Action::Cancel { what, .. } => kinds::of_kind(*what).noun.to_owned(),
        Action::Isolate { .. }
        | Action::Release { .. }
        | Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::LiveResponse { .. }
        | Action::Offboard { .. }
        | Action::UpdateAlert(_) => String::new(),
    }
}
