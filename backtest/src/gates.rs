//! What a change of rules may not do: the gates of a rules repository.

use cordon_records::ActionKind;

use crate::args::{BacktestArgs, Denied};
use crate::document::{Document, Gate, Outcome};

/// So many actions of one kind at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    kind: ActionKind,
    most: u64,
}

/// Reads `isolate=5`.
///
/// # Errors
/// What is accepted.
pub fn limit(text: &str) -> Result<Limit, String> {
    let (kind, most) = text.split_once('=').ok_or("write KIND=N, such as isolate=5")?;
    let names: Vec<&str> = ActionKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let kind = ActionKind::ALL.iter().copied().find(|known| known.as_str() == kind).ok_or_else(|| {
        let meant = cordon_settings::closest(kind, &names).map(|meant| format!("; did you mean {meant}?"));
        format!("there is no action `{kind}`{}", meant.unwrap_or_default())
    })?;
    let most = most.parse().map_err(|_| format!("`{most}` is no number; write {kind}=5"))?;
    Ok(Limit { kind, most })
}

/// The gates that were asked for.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    /// At most so many more than before, per kind.
    pub max_added: Vec<Limit>,
    /// At most so many at all, per kind.
    pub max_total: Vec<Limit>,
    /// What there may not be.
    pub deny: Vec<Denied>,
}

impl Gates {
    /// Those of a command line.
    #[must_use]
    pub fn asked(args: &BacktestArgs) -> Self {
        Self { max_added: args.max_added.clone(), max_total: args.max_total.clone(), deny: args.deny.clone() }
    }

    /// How each gate stands.
    #[must_use]
    pub fn judge(&self, document: &Document) -> Vec<Gate> {
        let added = self.max_added.iter().map(|limit| {
            let found = newly_done(document, limit.kind);
            counted(format!("--max-added {}={}", limit.kind, limit.most), found, limit.most, "more would be done")
        });
        let total = self.max_total.iter().map(|limit| {
            let found = done(document, limit.kind);
            counted(format!("--max-total {}={}", limit.kind, limit.most), found, limit.most, "would be done in all")
        });
        added.chain(total).chain(self.deny.iter().map(|what| denied(*what, document))).collect()
    }
}

fn counted(gate: String, found: u64, most: u64, what: &str) -> Gate {
    Gate { gate, holds: found <= most, why: format!("{found} {what}") }
}

/// Machines on which such an action is done under test, and was not before.
fn newly_done(document: &Document, kind: ActionKind) -> u64 {
    let changes = document.actions.added.iter().chain(&document.actions.changed);
    let done = |course: &Option<crate::document::Course>| course.as_ref().is_some_and(|it| it.outcome == Outcome::Done);
    count(changes.filter(|change| change.is_of(kind) && done(&change.after) && !done(&change.before)).count())
}

fn done(document: &Document, kind: ActionKind) -> u64 {
    let outcomes = document.totals.after.actions.get(kind.as_str());
    outcomes.and_then(|outcomes| outcomes.get(Outcome::Done.as_str())).copied().unwrap_or(0)
}

fn denied(what: Denied, document: &Document) -> Gate {
    let (found, told) = match what {
        Denied::NeverList => (document.totals.after.never_list, "stopped by the never-list alone"),
        Denied::Errors => (document.rules.iter().map(|rule| rule.errors).sum(), "times a rule could not be judged"),
        Denied::Unreproducible => (count(document.unreproducible.after.len()), "actions cannot be told"),
    };
    counted(format!("--deny {}", what.as_str()), found, 0, told)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_a_kind_that_there_is_and_a_number() {
        assert_eq!(limit("isolate=5"), Ok(Limit { kind: ActionKind::Isolate, most: 5 }));
        assert_eq!(limit("isolat=5").unwrap_err(), "there is no action `isolat`; did you mean isolate?");
        assert!(limit("isolate").unwrap_err().contains("KIND=N"));
        assert!(limit("isolate=few").unwrap_err().contains("is no number"));
    }
}
