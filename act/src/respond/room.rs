//! How many of what is held the caps leave room for. Pure; `cordon approve --notice` asks the same before it is signed.

use std::borrow::Cow;

use cordon_policy::{Attempt, Case, Consent, Guards, Isolation, within_caps};
use cordon_records::{LedgerEntry, Mode};
use jiff::{SignedDuration, Timestamp};

use super::asker::asker;
use super::book::Book;

/// How many of these, in this order, fit every cap and limit when they are all begun now; and why the next does not.
#[must_use]
pub fn room_for(book: &Book, guards: &Guards, entries: &[&LedgerEntry], now: Timestamp) -> (usize, Option<String>) {
    let limits = entries.iter().flat_map(|entry| entry.limits.iter().map(|(window_s, _)| *window_s));
    let longest = limits.chain([guards.longest_window()]).max().unwrap_or(0);
    let length = SignedDuration::from_secs(i64::try_from(longest).unwrap_or(i64::MAX));
    let mut attempts = book.attempts(now.checked_sub(length).unwrap_or(Timestamp::MIN), Mode::Auto);
    for (fitting, entry) in entries.iter().enumerate() {
        if let Err(why) = within_caps(guards, &case(book, entry, &attempts, now)) {
            return (fitting, Some(why));
        }
        attempts.push(Attempt {
            at: now,
            rules: Cow::Borrowed(&entry.rules[..]),
            kind: entry.action.kind(),
            group: entry.machine.group.as_deref().map(Cow::Borrowed),
        });
    }
    (entries.len(), None)
}

/// The entry as the counting guards see it: they ask neither alert nor isolation.
fn case<'a>(book: &'a Book, entry: &'a LedgerEntry, attempts: &'a [Attempt<'a>], now: Timestamp) -> Case<'a> {
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
        users: &entry.alert.users,
        isolation: &Isolation::None,
        ours: false,
        narrower: false,
        isolated_by: None,
        elsewhere: None,
        now,
        attempts,
        fleet: book.fleet,
        breaker: None,
        pause: None,
    }
}
