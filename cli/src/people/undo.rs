//! Which isolations are to be taken back: those of a rule since a time, or those that made the breaker latch. Pure.

use std::fmt::Write as _;

use cordon_records::{
    ActionKind, ActionState, AttemptState, LedgerEntry, MAX_NAMED, NamedIsolation, NoticeKind, RuleId,
};
use cordon_response::LedgerState;
use jiff::{SignedDuration, Timestamp};

use super::seconds;
use crate::isolated::mine;
use crate::isolated::standing::State;
use crate::output::{cell, table};

/// respond makes no new attempt that is later than this by itself.
const LATEST_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Which isolations are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those that this rule asked for since then.
    Rule(RuleId, Timestamp),
    /// Those that used up the cap of this breaker's notice.
    Notice(String),
}

/// What is to be taken back.
#[derive(Debug)]
pub struct Undo<'a> {
    /// Those that one command names, the longest isolated first.
    pub isolations: Vec<&'a LedgerEntry>,
    /// What other alerts wanted of these machines, and is covered by these isolations.
    pub covered: Vec<&'a LedgerEntry>,
    /// How many there are besides.
    pub more: usize,
}

/// The isolations that are meant and that our ledger does not know as ended, one of each machine.
///
/// # Errors
/// Why nobody can say which they are.
pub fn of<'a>(ledger: &'a LedgerState, which: &Which, now: Timestamp) -> Result<Undo<'a>, String> {
    let (rule, from, to) = match which {
        Which::Rule(rule, since) => (Some(rule), *since, Timestamp::MAX),
        Which::Notice(notice) => {
            let (from, to) = window(ledger, notice)?;
            (None, from, to)
        }
    };
    let begun = |entry: &LedgerEntry| entry.intents.iter().any(|at| *at >= from && *at <= to);
    let by_rule = |entry: &LedgerEntry| rule.is_none_or(|rule| entry.rules.contains(rule));
    let standing = mine::standings(ledger).into_iter().filter(|standing| standing.state != State::LetBack);
    let standing = standing.filter_map(|standing| ledger.get(standing.key.as_ref()?));
    let mut found: Vec<&LedgerEntry> = standing.filter(|entry| begun(entry) && by_rule(entry)).collect();
    let retried = ledger.entries().filter(|entry| may_be_retried(entry, now) && begun(entry) && by_rule(entry));
    for entry in retried {
        if !found.iter().any(|other| other.machine.id == entry.machine.id) {
            found.push(entry);
        }
    }
    found.sort_by_key(|entry| entry.intents.last().copied());
    let more = found.len().saturating_sub(MAX_NAMED);
    found.truncate(MAX_NAMED);
    let covered = found.iter().flat_map(|entry| ledger.covered_by(entry)).collect();
    Ok(Undo { isolations: found, covered, more })
}

/// From when to when the attempts counted that made the breaker latch.
fn window(ledger: &LedgerState, notice: &str) -> Result<(Timestamp, Timestamp), String> {
    let latch = ledger.breaker();
    let named = |at: Timestamp| format!("{}@{at}", NoticeKind::BreakerLatched.as_str());
    let Some(latch) = latch.filter(|latch| named(latch.at) == notice) else {
        return Err("it is not the newest notice of the breaker: give --rule and --since instead".to_owned());
    };
    let Some(window) = latch.window_s.and_then(|seconds| i64::try_from(seconds).ok()) else {
        return Err("the ledger does not say which cap it was: give --rule and --since instead".to_owned());
    };
    let from = latch.at.checked_sub(SignedDuration::from_secs(window)).unwrap_or(Timestamp::MIN);
    Ok((from, latch.at))
}

/// Whether respond may isolate its machine yet, by a new attempt of its own.
fn may_be_retried(entry: &LedgerEntry, now: Timestamp) -> bool {
    entry.action.kind() == ActionKind::Isolate
        && matches!(entry.state, AttemptState::Reported(ActionState::Failed | ActionState::TimedOut))
        && entry.machine_action_id.is_some()
        && now.duration_since(entry.at) <= LATEST_RETRY
}

/// As the command names them.
pub fn named(isolations: &[&LedgerEntry]) -> Vec<NamedIsolation> {
    let named = |entry: &&LedgerEntry| NamedIsolation { key: entry.key.clone(), machine: entry.machine.id.clone() };
    isolations.iter().map(named).collect()
}

/// What is to be signed, for people.
pub fn page(undo: &Undo) -> String {
    let rows: Vec<[String; 5]> = undo.isolations.iter().map(|entry| row(entry)).collect();
    let mut page = table(["MACHINE", "ISOLATED BY", "ASKED FOR", "STANDS AT", "KEY"], &rows);
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{} machines, each released by an action of its own", undo.isolations.len());
    if !undo.covered.is_empty() {
        let rows: Vec<[String; 4]> = undo.covered.iter().map(|entry| wanted(entry)).collect();
        let _ = writeln!(page, "\nOTHER ALERTS WANTED SOME OF THEM ISOLATED, TOO, AND THESE ISOLATIONS COVER THEM:");
        page += &table(["MACHINE", "ALERT", "TITLE", "WANTED BY"], &rows);
    }
    if undo.more > 0 {
        let _ = writeln!(
            page,
            "{} MORE ARE NOT IN THIS LIST: one command names {MAX_NAMED} at most; give it again for the rest",
            undo.more
        );
    }
    page
}

fn wanted(entry: &LedgerEntry) -> [String; 4] {
    let rules: Vec<&str> = entry.rules.iter().map(RuleId::as_str).collect();
    [cell(entry.machine.label()), cell(entry.alert.id.as_str()), cell(&entry.alert.title), cell(&rules.join(", "))]
}

fn row(entry: &LedgerEntry) -> [String; 5] {
    let rules: Vec<&str> = entry.rules.iter().map(RuleId::as_str).collect();
    [
        cell(entry.machine.label()),
        cell(&rules.join(", ")),
        entry.intents.last().copied().map_or_else(|| "-".to_owned(), seconds),
        entry.state.as_str().to_owned(),
        entry.key.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use cordon_records::{ActionKey, Latch, LedgerRecord, MachineActionId};

    use super::super::ledger::tests::{entry, ledger};
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        "2026-11-22T18:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    /// An isolation of this machine by this rule, asked for then.
    fn isolation(number: u32, rule: &str, minutes: i64, state: ActionState) -> LedgerEntry {
        let mut entry = entry(&format!("{number:016x}"), &format!("m{number}"), &format!("PC-{number}"));
        entry.rules = vec![RuleId::new(rule).unwrap()];
        (entry.attempt, entry.intents) = (1, vec![at(minutes)]);
        (entry.state, entry.expires_at) = (AttemptState::Reported(state), None);
        entry.at = at(minutes);
        entry.machine_action_id = Some(MachineActionId::new(format!("action-{number}")).unwrap());
        entry
    }

    fn released(isolation: &LedgerEntry, minutes: i64) -> LedgerEntry {
        let mut release = isolation.clone();
        release.key = ActionKey::new(format!("f{}", &isolation.key.as_str()[1..])).unwrap();
        release.action = cordon_records::Action::Release { comment: "w".to_owned() };
        (release.state, release.at) = (AttemptState::Reported(ActionState::Succeeded), at(minutes));
        release
    }

    fn machines(undo: &Undo) -> Vec<String> {
        undo.isolations.iter().map(|entry| entry.machine.id.to_string()).collect()
    }

    #[test]
    fn those_of_a_rule_since_a_time_that_were_not_let_back_are_named_once_each() {
        let gone = isolation(4, "bad", 20, ActionState::Succeeded);
        let entries = [
            isolation(1, "bad", 30, ActionState::Succeeded),
            isolation(2, "bad", 10, ActionState::Accepted),
            isolation(3, "good", 20, ActionState::Succeeded),
            released(&gone, 25),
            gone,
            isolation(5, "bad", 1, ActionState::Succeeded),
            isolation(6, "bad", 40, ActionState::Failed),
            isolation(7, "bad", 40, ActionState::Covered),
            isolation(8, "bad", 41, ActionState::NeedsHuman),
        ];
        let ledger = ledger(&entries);
        let which = Which::Rule(RuleId::new("bad").unwrap(), at(10));
        // What failed may be tried again by itself.
        assert_eq!(machines(&of(&ledger, &which, at(60)).unwrap()), ["m2", "m1", "m6", "m8"]);
        assert_eq!(machines(&of(&ledger, &which, at(60 * 26)).unwrap()), ["m2", "m1", "m8"]);
    }

    #[test]
    fn those_that_made_the_breaker_latch_are_those_of_its_window() {
        let entries: Vec<LedgerEntry> =
            (1..6).map(|number| isolation(number, "bad", i64::from(number) * 5, ActionState::Succeeded)).collect();
        let mut ledger = ledger(&entries);
        let latch = Latch { on: true, by: "breaker".into(), why: "w".into(), at: at(20), window_s: Some(600) };
        ledger.apply(LedgerRecord::Breaker(latch.clone()).into());
        let notice = |at: Timestamp| Which::Notice(format!("breaker_latched@{at}"));
        assert_eq!(machines(&of(&ledger, &notice(at(20)), at(60)).unwrap()), ["m2", "m3", "m4"]);
        assert!(of(&ledger, &notice(at(10)), at(60)).unwrap_err().contains("--rule and --since"));
        ledger.apply(LedgerRecord::Breaker(Latch { window_s: None, ..latch }).into());
        assert!(of(&ledger, &notice(at(20)), at(60)).unwrap_err().contains("does not say which cap"));
    }

    #[test]
    fn other_alerts_that_wanted_such_a_machine_isolated_are_named_before_it_is_signed() {
        let covered = |number: u32, alert: &str, minutes: i64| {
            let mut entry = isolation(number, "good", minutes, ActionState::Covered);
            entry.machine.id = cordon_records::MachineId::new("m1").unwrap();
            (entry.attempt, entry.intents, entry.machine_action_id) = (0, Vec::new(), None);
            entry.alert.id = cordon_records::AlertId::new(alert).unwrap();
            entry
        };
        let mut by_others = covered(13, "by-hand", 32);
        let id = MachineActionId::new("by-hand").unwrap();
        by_others.other_action = Some(cordon_records::OtherAction { id, by: "ann".into(), scope: None });
        let ledger = ledger(&[
            isolation(1, "bad", 30, ActionState::Succeeded),
            covered(11, "second", 33),
            covered(12, "earlier", 10),
            by_others,
        ]);
        let which = Which::Rule(RuleId::new("bad").unwrap(), at(20));
        let undo = of(&ledger, &which, at(60)).unwrap();
        assert_eq!(machines(&undo), ["m1"]);
        let alerts: Vec<&str> = undo.covered.iter().map(|entry| entry.alert.id.as_str()).collect();
        assert_eq!(alerts, ["second"]);
        let page = page(&undo);
        assert!(page.contains("OTHER ALERTS WANTED") && page.contains("second"), "{page}");
    }

    #[test]
    fn more_than_one_command_can_name_are_cut_and_it_is_said() {
        let entries: Vec<LedgerEntry> =
            (1..532).map(|number| isolation(number, "bad", i64::from(number), ActionState::Succeeded)).collect();
        let ledger = ledger(&entries);
        let undo = of(&ledger, &Which::Rule(RuleId::new("bad").unwrap(), at(0)), at(600)).unwrap();
        assert_eq!((undo.isolations.len(), undo.more, machines(&undo)[0].as_str()), (500, 31, "m1"));
        assert!(page(&undo).contains("31 MORE ARE NOT IN THIS LIST"), "{}", page(&undo));
    }
}
