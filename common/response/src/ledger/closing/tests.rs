use cordon_records::{
    Approval, CommandId, GuardVerdict, IntentHash, LedgerRecord, MachineActionId, Mode, OtherAction, ReleaseTerms,
};

use super::*;

const EXAMPLE: &str = include_str!("../../../../records/examples/v1/ledger-action.json");

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// An action of this kind that ended so, so many hours ago, without a call.
fn ended(kind: ActionKind, state: ActionState, hours: i64) -> LedgerEntry {
    let LedgerRecord::Action(mut entry) = serde_json::from_str(EXAMPLE).unwrap() else { panic!("an action") };
    let comment = String::new();
    entry.action = match kind {
        ActionKind::Release => Action::Release { comment },
        ActionKind::Scan => Action::Scan { scan: cordon_records::ScanType::Quick, comment },
        ActionKind::Cancel => Action::Cancel { what: ActionKind::Isolate, comment },
        _ => entry.action,
    };
    (entry.attempt, entry.intents, entry.machine_action_id) = (0, Vec::new(), None);
    (entry.release_at, entry.expires_at, entry.unseen) = (None, None, Some(0));
    (entry.limits, entry.guards, entry.mode) = (Vec::new(), Vec::new(), Mode::Auto);
    (entry.state, entry.at) = (AttemptState::Reported(state), ago(hours));
    *entry
}

/// The same with a call that long ago.
fn called(kind: ActionKind, state: ActionState, hours: i64) -> LedgerEntry {
    let mut entry = ended(kind, state, hours);
    (entry.attempt, entry.intents) = (1, vec![ago(hours)]);
    entry
}

fn guards() -> Guards {
    let text = "{caps: {all_rules: {20d: 100}, gentle: {1h: 100}}, hold: {released_by_person_within: 12d}, \
                approvals: {two_people: {above: {9d: 5}}}}";
    Guards::load("guards.yaml", text).unwrap()
}

fn why(entry: &LedgerEntry, around: Around) -> Option<Needed> {
    needed(entry, &around, &Reach::of(&guards()), now())
}

fn yes(hours: i64, notice: Option<&str>) -> Approval {
    Approval {
        by: "ann".into(),
        key: "k".into(),
        why: "w".into(),
        at: ago(hours),
        command: CommandId::new("c-1").unwrap(),
        intent: serde_json::from_str::<IntentHash>("\"00ff\"").unwrap(),
        notice: notice.map(str::to_owned),
    }
}

#[test]
fn what_has_not_ended_or_is_awaited_is_never_closed() {
    use ActionState::{Accepted, Approved, Covered, Held, InDoubt, Overdue};
    let year = 24 * 365;
    for state in [Held, InDoubt, Accepted, Approved, Overdue] {
        let entry = ended(ActionKind::Scan, state, year);
        assert_eq!(why(&entry, Around::default()), Some(Needed::NotEnded), "{state:?}");
    }
    for state in [AttemptState::Intent, AttemptState::InDoubt] {
        let mut entry = ended(ActionKind::Scan, Held, year);
        entry.state = state;
        assert_eq!(why(&entry, Around::default()), Some(Needed::NotEnded), "{state:?}");
        assert_eq!(short(&entry, now()), None);
    }
    let mut theirs = ended(ActionKind::Isolate, Covered, year);
    assert_eq!(why(&theirs, Around::default()), None);
    let id = MachineActionId::new("by-hand").unwrap();
    theirs.other_action = Some(OtherAction { id, by: "ann".into(), scope: None });
    assert_eq!(why(&theirs, Around::default()), Some(Needed::NotEnded));
    let mut timed = ended(ActionKind::Scan, ActionState::Succeeded, year);
    timed.release_at = Some(now() + SignedDuration::from_hours(1));
    assert_eq!(why(&timed, Around::default()), Some(Needed::Timer));
    let done = ended(ActionKind::Scan, ActionState::Succeeded, year);
    let under_way = Around { under_way: true, ..Around::default() };
    assert_eq!(why(&done, under_way), Some(Needed::NotEnded));
    let busy = Around { machine_is_busy: true, ..Around::default() };
    assert_eq!((why(&done, busy), why(&done, Around::default())), (Some(Needed::MachineIsBusy), None));
}

#[test]
fn every_end_is_closed_once_its_time_is_over_and_not_before() {
    use ActionState::{
        Cancelled, ClosedMeanwhile, Covered, Denied, Expired, Failed, NeedsHuman, Refused, Succeeded, TimedOut, Would,
    };
    let ends =
        [Refused, Would, Covered, Succeeded, Failed, TimedOut, Cancelled, NeedsHuman, ClosedMeanwhile, Denied, Expired];
    for state in ends {
        let of = |hours| why(&ended(ActionKind::Scan, state, hours), Around::default());
        let rests = match state {
            Would => (Some(Needed::Counted), 20 * 24),
            Expired => (Some(Needed::MayBeDenied), 30 * 24),
            _ => (Some(Needed::Recent), 24),
        };
        assert_eq!((of(23), of(rests.1)), (rests.0, None), "{state:?}");
        // What Defender was called for, a cap counts for 20 days.
        let of = |hours| why(&called(ActionKind::Scan, state, hours), Around::default());
        let then = (state == Expired).then_some(Needed::MayBeDenied);
        assert_eq!((of(20 * 24 - 1), of(20 * 24)), (Some(Needed::Counted), then), "{state:?}");
    }
    let reach = Reach::of(&Guards::built_in());
    let as_shipped = |entry: &LedgerEntry| needed(entry, &Around::default(), &reach, now());
    assert_eq!(as_shipped(&ended(ActionKind::Scan, Would, 24)), None, "the caps reach back a day");
    let done = |hours| as_shipped(&called(ActionKind::Scan, Succeeded, hours));
    assert_eq!((done(7 * 24 - 1), done(7 * 24)), (Some(Needed::Counted), None));
    for kind in [ActionKind::Isolate, ActionKind::Release] {
        let done = |hours| as_shipped(&called(kind, Succeeded, hours));
        assert_eq!(
            (done(30 * 24 - 1), done(30 * 24)),
            (Some(Needed::Counted), None),
            "{kind}: who was let back is named"
        );
    }
    let mut held_once = ended(ActionKind::Scan, Would, 24);
    held_once.guards = vec![GuardVerdict { guard: guard::CAPS.into(), ruling: Ruling::Hold, why: "the cap".into() }];
    assert_eq!(why(&held_once, Around::default()), None, "it is no rehearsal that counts");
}

#[test]
fn a_rules_own_limit_and_the_ways_of_people_keep_an_entry_as_long_as_they_reach() {
    let mut limited = called(ActionKind::Scan, ActionState::Succeeded, 30 * 24);
    limited.limits = vec![(3_600, 5), (40 * 86_400, 50)];
    assert_eq!(why(&limited, Around::default()), Some(Needed::Counted));
    let released = |hours| why(&ended(ActionKind::Release, ActionState::Succeeded, hours), Around::default());
    assert_eq!((released(12 * 24), released(12 * 24 + 1)), (Some(Needed::Released), None));
    let approved = |hours, notice| {
        let mut entry = ended(ActionKind::Scan, ActionState::Failed, hours);
        entry.approvals = vec![yes(hours, notice)];
        entry
    };
    assert_eq!(why(&approved(9 * 24 - 1, None), Around::default()), Some(Needed::Approved));
    assert_eq!(why(&approved(9 * 24, None), Around::default()), None);
    let notice = format!("breaker_latched@{}", ago(700));
    let by_notice = approved(600, Some(&notice));
    let latched = |at| Around { latched: at, ..Around::default() };
    assert_eq!(why(&by_notice, latched(Some(ago(700)))), Some(Needed::Approved), "its breaker holds yet");
    assert_eq!((why(&by_notice, latched(Some(ago(1)))), why(&by_notice, latched(None))), (None, None));
    let mut forbidden = ended(ActionKind::Scan, ActionState::Failed, 29 * 24);
    forbidden.cause = Some(cordon_records::FailureCause::MissingPermission);
    assert_eq!(why(&forbidden, Around::default()), Some(Needed::MayBeRetried));
    forbidden.at = ago(30 * 24);
    assert_eq!(why(&forbidden, Around::default()), None);
}

#[test]
fn nothing_that_bears_on_an_isolation_that_stands_is_closed() {
    let year = 24 * 365;
    let stands = |hours| Some(CutOff { since: ago(hours), let_back: false });
    let isolation = called(ActionKind::Isolate, ActionState::Succeeded, year);
    let since = cut_off([&isolation].into_iter());
    assert_eq!(since, stands(year));
    let around = Around { cut_off: since, ..Around::default() };
    assert_eq!(why(&isolation, around), Some(Needed::Isolation));
    let later = |kind, state| why(&ended(kind, state, year - 1), around);
    assert_eq!(later(ActionKind::Isolate, ActionState::Covered), Some(Needed::Isolation), "it wanted it, too");
    assert_eq!(later(ActionKind::Release, ActionState::Failed), Some(Needed::Isolation));
    assert_eq!(later(ActionKind::Cancel, ActionState::Failed), Some(Needed::Isolation));
    assert_eq!(later(ActionKind::Scan, ActionState::Succeeded), None);
    for state in [ActionState::Would, ActionState::Refused, ActionState::Denied] {
        assert_eq!(later(ActionKind::Isolate, state), None, "{state:?} left it as it was");
    }
    assert_eq!(why(&called(ActionKind::Isolate, ActionState::Succeeded, year + 1), around), None, "an earlier one");
    let doubted = called(ActionKind::Isolate, ActionState::NeedsHuman, year);
    assert_eq!(cut_off([&doubted].into_iter()), stands(year), "it may stand");
    let failed = called(ActionKind::Isolate, ActionState::Failed, year);
    assert_eq!(cut_off([&failed].into_iter()), None);
    let release = |state| called(ActionKind::Release, state, year - 2);
    let back = release(ActionState::Succeeded);
    let cut = cut_off([&isolation, &back].into_iter());
    assert_eq!(cut, Some(CutOff { since: ago(year), let_back: true }), "it was let back");
    let around = Around { cut_off: cut, ..Around::default() };
    assert_eq!(
        (why(&isolation, around), why(&back, around)),
        (None, Some(Needed::Isolation)),
        "the isolation goes first"
    );
    assert_eq!(why(&back, Around::default()), None);
    for state in [ActionState::Failed, ActionState::NeedsHuman, ActionState::Covered] {
        assert_eq!(cut_off([&isolation, &release(state)].into_iter()), stands(year), "{state:?}");
    }
}

#[test]
fn the_short_form_says_what_bars_a_new_decision_and_which_alert_had_a_machine_cut_off() {
    let mut isolation = called(ActionKind::Isolate, ActionState::Succeeded, 999);
    let terms = ReleaseTerms { after_s: 60, ask: false };
    if let Action::Isolate { release, .. } = &mut isolation.action {
        *release = Some(terms);
    }
    isolation.machine_action_id = Some(MachineActionId::new("abc").unwrap());
    let closed = short(&isolation, now()).unwrap();
    assert_eq!((closed.alert, closed.again), (Some(AlertMark::of(&isolation.alert.id)), false));
    assert_eq!((closed.attempt, closed.id, closed.day), (1, isolation.machine_action_id.clone(), Some(20_787)));
    let failed = called(ActionKind::Isolate, ActionState::Failed, 999);
    assert_eq!(short(&failed, now()).unwrap().alert, None);
    let again = |state| short(&ended(ActionKind::Scan, state, 999), now()).unwrap().again;
    assert_eq!([ActionState::Expired, ActionState::Would].map(again), [true, true]);
    assert_eq!([ActionState::Denied, ActionState::Covered, ActionState::NeedsHuman].map(again), [false; 3]);
    let mut refused = ended(ActionKind::Scan, ActionState::Refused, 999);
    let verdict = |guard: &str| GuardVerdict { guard: guard.into(), ruling: Ruling::Refuse, why: "w".into() };
    refused.guards = vec![verdict(guard::CLOSED)];
    assert!(short(&refused, now()).unwrap().again, "people may reopen the alert");
    refused.guards.push(verdict("never-list"));
    assert!(!short(&refused, now()).unwrap().again);
}
