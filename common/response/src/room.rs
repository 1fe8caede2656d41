//! What of all that is held the caps leave room for. Pure; `cordon approve --notice` asks the same before it is signed.

use std::borrow::Cow;

use cordon_policy::{Attempt, Case, Consent, Guards, Isolation, guard, within_caps};
use cordon_records::{ActionState, AttemptState, LedgerEntry, Mode, Ruling};
use jiff::{SignedDuration, Timestamp};

use super::asker::asker;
use super::ledger::LedgerState;

/// What of some actions fits every cap and limit.
#[derive(Debug)]
pub struct Room<'a> {
    /// Those that may be begun now, all of them, in the order in which they were given.
    pub fitting: Vec<&'a LedgerEntry>,
    /// Why the first of the others does not fit.
    pub why: Option<String>,
}

/// Which of these, in this order, fit when they are all begun now. One that does not fit, by its rule or its group, say, is
/// passed over.
#[must_use]
pub fn room_for<'a>(ledger: &LedgerState, guards: &Guards, entries: &[&'a LedgerEntry], now: Timestamp) -> Room<'a> {
    let limits = entries.iter().flat_map(|entry| entry.limits.iter().map(|(window_s, _)| *window_s));
    let longest = limits.chain([guards.longest_window()]).max().unwrap_or(0);
    let length = SignedDuration::from_secs(i64::try_from(longest).unwrap_or(i64::MAX));
    let mut attempts = ledger.attempts(now.checked_sub(length).unwrap_or(Timestamp::MIN), Mode::Auto, None);
    let mut room = Room { fitting: Vec::new(), why: None };
    for &entry in entries {
        match within_caps(guards, &case(ledger, entry, &attempts, now)) {
            Ok(()) => {
                room.fitting.push(entry);
                attempts.push(attempt_of(entry, now));
            }
            Err(why) => {
                room.why.get_or_insert(why);
            }
        }
    }
    room
}

/// Whether this waits for a person because that breaker latched, and for nothing else.
#[must_use]
pub fn waits_for_the_breaker(entry: &LedgerEntry, latched: Timestamp) -> bool {
    let counting = [
        guard::BREAKER,
        guard::RULE_LIMITS,
        guard::PER_RULE,
        guard::PER_DEVICE_GROUP,
        guard::GENTLE_CAPS,
        guard::CAPS,
        guard::FLEET_SHARE,
    ];
    let holds = entry.guards.iter().filter(|verdict| verdict.ruling == Ruling::Hold);
    let names: Vec<&str> = holds.map(|verdict| verdict.guard.as_str()).collect();
    let is_its = names.iter().any(|name| [guard::BREAKER, guard::CAPS, guard::FLEET_SHARE].contains(name));
    entry.state == AttemptState::Reported(ActionState::Held)
        && entry.at >= latched
        && is_its
        && names.iter().all(|name| counting.contains(name))
}

/// What it would count as.
fn attempt_of(entry: &LedgerEntry, now: Timestamp) -> Attempt<'_> {
    Attempt {
        at: now,
        rules: Cow::Borrowed(&entry.rules[..]),
        kind: entry.action.kind(),
        group: entry.machine.known_group().map(Cow::Borrowed),
    }
}

/// The entry as the counting guards see it: they ask neither alert nor isolation.
fn case<'a>(ledger: &'a LedgerState, entry: &'a LedgerEntry, attempts: &'a [Attempt<'a>], now: Timestamp) -> Case<'a> {
    Case {
        action: &entry.action,
        mode: entry.mode,
        asker: asker(entry),
        consent: Consent::None,
        limits: &entry.limits,
        rules: &entry.rules,
        alert: &entry.alert,
        machine: Some(&entry.machine),
        polled: None,
        read: false,
        users: &entry.alert.users,
        isolation: &Isolation::None,
        ours: false,
        narrower: false,
        isolated_by: None,
        elsewhere: None,
        now,
        attempts,
        fleet: ledger.fleet(),
        breaker: None,
        pause: None,
    }
}
