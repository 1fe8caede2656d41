//! What the breaker of a notice holds, and how much of it one word may approve. Pure.

use std::fmt::Write as _;

use cordon_policy::Guards;
use cordon_records::{LedgerEntry, MAX_NAMED, NamedApproval, NoticeKind};
use cordon_response::{LedgerState, Room, room_for, waits_for_the_breaker};
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
    /// How many were held since then because the tenant refuses our application: no approval lifts that.
    pub refused: usize,
}

/// What this notice's breaker holds, each that the caps leave room for and no more than `at_most`.
///
/// # Errors
/// Why there is nothing to approve by it.
pub fn of<'a>(
    ledger: &'a LedgerState,
    guards: &Guards,
    (notice, at_most): (&str, Option<usize>),
    now: Timestamp,
) -> Result<Noticed<'a>, String> {
    let named = |at: Timestamp| format!("{}@{at}", NoticeKind::BreakerLatched.as_str());
    let latch = ledger.breaker().filter(|latch| latch.on && named(latch.at) == notice);
    let Some(latch) = latch else {
        return Err("it is not the breaker that holds now: approve each by its key".to_owned());
    };
    let since = ledger::held(ledger, now).into_iter().filter(|entry| entry.at >= latch.at);
    let (refused, since): (Vec<&LedgerEntry>, Vec<&LedgerEntry>) = since.partition(|entry| entry.tenant_refuses);
    let (mut waiting, others): (Vec<&LedgerEntry>, Vec<&LedgerEntry>) =
        since.into_iter().partition(|entry| waits_for_the_breaker(entry, latch.at));
    waiting.sort_by_key(|entry| entry.at);
    let all = waiting.len();
    let Room { mut fitting, why } = room_for(ledger, guards, &waiting, now);
    let most = at_most.unwrap_or(MAX_NAMED).min(MAX_NAMED);
    let why = why.filter(|_| fitting.len() <= most).unwrap_or_else(|| match at_most {
        Some(asked) if asked <= MAX_NAMED => format!("at most {asked} were asked for"),
        Some(_) | None => format!("one command names {MAX_NAMED} at most; give it again for the rest"),
    });
    fitting.truncate(most);
    let more = all - fitting.len();
    if fitting.is_empty() && all > 0 {
        return Err(format!("{all} wait for it, and the caps leave none now ({why})"));
    }
    Ok(Noticed {
        actions: fitting,
        more: (more > 0).then_some((more, why)),
        others: others.len(),
        refused: refused.len(),
    })
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
    if noticed.refused > 0 {
        let _ =
            writeln!(page, "{} wait since Entra or Defender refuses Cordon: no approval lifts that", noticed.refused);
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

#[cfg(test)]
mod tests {
    use cordon_policy::guard;
    use cordon_records::{ActionKey, GuardVerdict, Latch, LedgerRecord, Ruling};

    use super::super::ledger::tests::{entry, ledger};
    use super::*;

    /// What this breaker holds, of a machine of this group.
    fn held(number: u32, group: &str, latched: Timestamp) -> LedgerEntry {
        let mut entry = entry(&format!("{number:016x}"), &format!("m{number}"), &format!("PC-{number}"));
        entry.machine.group = Some(group.to_owned());
        entry.at = latched + jiff::SignedDuration::from_secs(i64::from(number));
        entry.guards = vec![GuardVerdict { guard: guard::BREAKER.into(), ruling: Ruling::Hold, why: "latched".into() }];
        entry
    }

    #[test]
    fn each_that_fits_is_offered_also_behind_one_that_does_not() {
        let latched: Timestamp = "2026-11-22T22:41:08Z".parse().unwrap();
        let entries = ["Clients", "clients", "Kiosks", "kiosks", "Lab"];
        let entries: Vec<LedgerEntry> =
            entries.iter().zip(1..).map(|(group, number)| held(number, group, latched)).collect();
        let mut ledger = ledger(&entries);
        let why = "all_rules 10m reached".to_owned();
        let latch = Latch { on: true, by: "breaker".into(), why, at: latched, window_s: Some(600) };
        ledger.apply(LedgerRecord::Breaker(latch).stamped(1));
        let guards = Guards::load("guards.yaml", "caps: {per_device_group: {10m: 1}}").unwrap();
        let notice = format!("breaker_latched@{latched}");
        let now = latched + jiff::SignedDuration::from_mins(1);
        let keys = |noticed: &Noticed| noticed.actions.iter().map(|it| it.key.clone()).collect::<Vec<ActionKey>>();
        let picked = |numbers: &[usize]| numbers.iter().map(|it| entries[*it].key.clone()).collect::<Vec<ActionKey>>();

        let noticed = of(&ledger, &guards, (&notice, None), now).unwrap();
        assert_eq!(keys(&noticed), picked(&[0, 2, 4]));
        let (more, why) = noticed.more.unwrap();
        assert!(more == 2 && why.contains("per_device_group clients"), "{more}: {why}");

        let noticed = of(&ledger, &guards, (&notice, Some(2)), now).unwrap();
        assert_eq!(keys(&noticed), picked(&[0, 2]));
        assert_eq!(noticed.more, Some((3, "at most 2 were asked for".to_owned())));
    }

    #[test]
    fn more_than_one_command_names_are_cut_and_the_cause_is_the_command_not_who_asked() {
        let latched: Timestamp = "2026-11-22T22:41:08Z".parse().unwrap();
        let unlimited = |number| {
            let mut entry = held(number, "Clients", latched);
            entry.limits.clear();
            entry
        };
        let entries: Vec<LedgerEntry> = (1..=502).map(unlimited).collect();
        let mut ledger = ledger(&entries);
        let why = "all_rules 10m reached".to_owned();
        let latch = Latch { on: true, by: "breaker".into(), why, at: latched, window_s: Some(600) };
        ledger.apply(LedgerRecord::Breaker(latch).stamped(1));
        let none = "{caps: {all_rules: {10m: 1000}, fleet_share: {1d: 100%, floor: 1000}}}";
        let guards = Guards::load("guards.yaml", none).unwrap();
        let notice = format!("breaker_latched@{latched}");
        let now = latched + jiff::SignedDuration::from_mins(10);
        for (at_most, why) in [
            (None, "one command names 500 at most; give it again for the rest"),
            (Some(501), "one command names 500 at most; give it again for the rest"),
            (Some(500), "at most 500 were asked for"),
        ] {
            let noticed = of(&ledger, &guards, (&notice, at_most), now).unwrap();
            assert_eq!((noticed.actions.len(), noticed.more), (500, Some((2, why.to_owned()))), "{at_most:?}");
        }
    }

    #[test]
    fn what_the_tenant_refuses_is_not_offered_and_its_page_says_why() {
        let latched: Timestamp = "2026-11-22T22:41:08Z".parse().unwrap();
        let mut entries: Vec<LedgerEntry> = (1..=3).map(|number| held(number, "Clients", latched)).collect();
        entries[1].tenant_refuses = true;
        let mut ledger = ledger(&entries);
        let why = "all_rules 10m reached".to_owned();
        let latch = Latch { on: true, by: "breaker".into(), why, at: latched, window_s: Some(600) };
        ledger.apply(LedgerRecord::Breaker(latch).stamped(1));
        let guards = Guards::load("guards.yaml", "{}").unwrap();
        let notice = format!("breaker_latched@{latched}");
        let noticed = of(&ledger, &guards, (&notice, None), latched + jiff::SignedDuration::from_mins(1)).unwrap();
        let keys: Vec<&ActionKey> = noticed.actions.iter().map(|it| &it.key).collect();
        assert_eq!(keys, [&entries[0].key, &entries[2].key]);
        let page = page(&noticed);
        assert!(page.contains("1 wait since Entra or Defender refuses Cordon: no approval lifts that"), "{page}");
        assert!(!page.contains("for another reason"), "{page}");
    }
}
