//! What the breaker of a notice holds, and how much of it one word may approve. Pure.

use std::fmt::Write as _;

use cordon_act::respond::{Book, room_for, waits_for_the_breaker};
use cordon_policy::Guards;
use cordon_records::{LedgerEntry, MAX_NAMED, NamedApproval, NoticeKind};
use jiff::Timestamp;

use super::{ledger, seconds};
use crate::output::{cell, table};

/// What is to be approved.
#[derive(Debug)]
pub struct Noticed<'a> {
    /// What one command names: the longest waiting first.
    pub actions: Vec<&'a LedgerEntry>,
    /// How many more this breaker holds, and why they are not named.
    pub more: Option<(usize, String)>,
    /// How many it holds that are held for another reason, too.
    pub others: usize,
}

/// What this notice's breaker holds, as many as the caps leave and no more than `at_most`.
///
/// # Errors
/// Why there is nothing to approve by it.
pub fn of<'a>(
    book: &'a Book,
    guards: &Guards,
    (notice, at_most): (&str, Option<usize>),
    now: Timestamp,
) -> Result<Noticed<'a>, String> {
    let named = |at: Timestamp| format!("{}@{at}", NoticeKind::BreakerLatched.as_str());
    let latch = book.breaker.as_ref().filter(|latch| latch.on && named(latch.at) == notice);
    let Some(latch) = latch else {
        return Err("it is not the breaker that holds now: approve each by its key".to_owned());
    };
    let since = ledger::held(book, now).into_iter().filter(|entry| entry.at >= latch.at);
    let (mut waiting, others): (Vec<&LedgerEntry>, Vec<&LedgerEntry>) =
        since.partition(|entry| waits_for_the_breaker(entry, latch.at));
    waiting.sort_by_key(|entry| entry.at);
    let all = waiting.len();
    let (room, why) = room_for(book, guards, &waiting, now);
    let most = at_most.unwrap_or(MAX_NAMED).min(MAX_NAMED);
    waiting.truncate(room.min(most));
    let more = all - waiting.len();
    let why = why.filter(|_| room < most).unwrap_or_else(|| format!("at most {most} were asked for"));
    if waiting.is_empty() && all > 0 {
        return Err(format!("{all} wait for it, and the caps leave none now ({why})"));
    }
    Ok(Noticed { actions: waiting, more: (more > 0).then_some((more, why)), others: others.len() })
}

/// As the command names them.
pub fn named(actions: &[&LedgerEntry]) -> Vec<NamedApproval> {
    actions.iter().map(|entry| NamedApproval { key: entry.key.clone(), intent: entry.intent() }).collect()
}

/// What is to be signed, for people.
pub fn page(noticed: &Noticed) -> String {
    let rows: Vec<[String; 6]> = noticed.actions.iter().map(|entry| row(entry)).collect();
    let mut page = table(["MACHINE", "ACTION", "ALERT", "SINCE", "YESES", "KEY"], &rows);
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{} actions; the breaker stays on for everything else", noticed.actions.len());
    if let Some((more, why)) = &noticed.more {
        let _ = writeln!(page, "{more} more wait: {why}");
    }
    if noticed.others > 0 {
        let _ = writeln!(page, "{} are held for another reason, too: approve each by its key", noticed.others);
    }
    page
}

fn row(entry: &LedgerEntry) -> [String; 6] {
    [
        cell(entry.machine.label()),
        entry.action.kind().to_string(),
        cell(&entry.alert.title),
        seconds(entry.at),
        entry.approvals.len().to_string(),
        entry.key.to_string(),
    ]
}
