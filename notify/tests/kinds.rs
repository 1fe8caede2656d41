//! What mails about each kind of action say, and which states of which kinds deserve one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::message::{MailDecision, message_for};
use cordon_notify::render::Renderer;
use cordon_notify::wording::Tone;
use cordon_records::{
    Action, ActionKind, ActionRecord, ActionState, HELD_ALL_THE_SAME, HELD_TOO_LONG, Impact, Isolation,
    MachineActionId, OtherAction, Ruling,
};
use support::actions::{approval, every_action, left_alone, record};
use support::{of, of_the_machine, report, step_of, told, verdict};

fn is_told(record: &ActionRecord) -> bool {
    told(record).is_some()
}

#[test]
fn gentle_kinds_are_told_when_they_fail_or_wait_and_disrupting_ones_at_every_step() {
    let states = |kind: ActionKind| -> Vec<&str> {
        ActionState::ALL
            .iter()
            .copied()
            .filter(|state| is_told(&record(kind, *state)))
            .map(ActionState::as_str)
            .collect()
    };
    let all: Vec<&str> =
        ActionState::ALL.iter().copied().map(ActionState::as_str).filter(|state| *state != "covered").collect();
    let outcomes: Vec<&str> = all.iter().copied().filter(|state| !["accepted", "in_doubt"].contains(state)).collect();
    let product = ["held", "succeeded", "failed", "timed_out", "needs_human"];
    let trouble = ["held", "failed", "timed_out", "needs_human"];
    for kind in [
        ActionKind::Isolate,
        ActionKind::Release,
        ActionKind::RestrictCode,
        ActionKind::UnrestrictCode,
        ActionKind::LiveResponse,
        ActionKind::Offboard,
    ] {
        assert_eq!(states(kind), all, "{kind:?}");
    }
    for kind in [ActionKind::StopFile, ActionKind::Indicator] {
        assert_eq!(states(kind), outcomes, "{kind:?}");
    }
    assert_eq!(states(ActionKind::CollectPackage), product);
    for kind in [
        ActionKind::Scan,
        ActionKind::Investigate,
        ActionKind::Tag,
        ActionKind::SetDeviceValue,
        ActionKind::UpdateAlert,
        ActionKind::Cancel,
    ] {
        assert_eq!(states(kind), trouble, "{kind:?}");
    }
}

#[test]
fn what_a_person_approved_or_asked_for_is_answered_also_when_there_was_nothing_to_do() {
    let mut covered = record(ActionKind::Release, ActionState::Covered);
    covered.requested_by = Some("anna@contoso.com".into());
    assert_eq!(
        of_the_machine(&of(covered.clone()).subject),
        "LAPTOP-ANNA: no release needed; automatic isolation stops"
    );
    covered.requested_by = None;
    assert!(!is_told(&covered));
    covered.approvals = vec![approval("bert@contoso.com", "yes")];
    assert!(is_told(&covered));
}

#[test]
fn a_mail_says_for_how_long_the_record_says_that_automatic_isolation_stops_and_no_number_where_it_says_none() {
    for state in [ActionState::Covered, ActionState::Succeeded] {
        for theirs in [false, true] {
            let mut release = record(ActionKind::Release, state);
            release.requested_by = Some("anna@contoso.com".into());
            release.other_action = theirs.then(|| OtherAction {
                id: MachineActionId::new("by-hand").unwrap(),
                by: "analyst@example.com".into(),
                scope: None,
            });
            let summary = |seconds| of(ActionRecord { keeps_connected_s: seconds, ..release.clone() }).summary;
            assert!(summary(Some(7_200)).contains("automatic isolation: for 2h after it"), "{}", summary(Some(7_200)));
            let unsaid = summary(None);
            assert!(unsaid.contains("automatic isolation") && !unsaid.contains(char::is_numeric), "{unsaid}");
            assert!(!summary(Some(0)).contains("automatic isolation"), "the guards keep nothing connected");
        }
    }
}

#[test]
fn a_release_that_left_alone_what_somebody_else_isolated_says_that_it_stands_and_by_whom() {
    let id = || MachineActionId::new("5382f7ea").unwrap();
    let stands = of(left_alone(Isolation::Isolated { id: id() }, Some("analyst@example.com (Full)")));
    let said = of_the_machine(&stands.subject);
    assert_eq!(said, "LAPTOP-ANNA: NOT released from isolation, isolated anew by analyst@example.com (Full)");
    assert_eq!((stands.tone, stands.badge), (Tone::Alarm, "Action needed"));
    let whole = "LAPTOP-ANNA stands isolated by analyst@example.com (Full), action 5382f7ea.";
    assert!(stands.summary.starts_with(whole), "{}", stands.summary);
    let runs = of(left_alone(Isolation::Running { id: id() }, Some("analyst@example.com")));
    assert!(runs.subject.ends_with("isolation by analyst@example.com is on its way"), "{}", runs.subject);
    let unknown = of(left_alone(Isolation::Isolated { id: id() }, None));
    assert!(unknown.subject.ends_with("isolated anew by somebody unknown"), "{}", unknown.subject);
    assert!(unknown.summary.contains("action 5382f7ea"), "{}", unknown.summary);
    for free in [Isolation::None, Isolation::Released { at: stands.happened_at, by: "analyst@example.com".into() }] {
        assert!(of(left_alone(free, None)).subject.contains("no release needed"));
    }
}

#[test]
fn what_ran_out_says_who_refused_it_or_that_people_had_approved_it_and_not_that_nobody_decided() {
    let ran_out_of = |action: Action, reason: &str, approved: bool| {
        let mut record = step_of(action, ActionState::Expired, "LAPTOP-ANNA");
        record.reason = reason.into();
        record.tenant_refuses = reason.contains("Cordon was refused");
        record.approvals = if approved { vec![approval("bert@contoso.com", "yes")] } else { Vec::new() };
        record
    };
    let ran_out = |reason: &str, approved: bool| {
        let message = of(ran_out_of(every_action("pilot").remove(0), reason, approved));
        let (_, outcome) = message.subject.split_once("NOT isolated").unwrap();
        for action in every_action(&"W".repeat(300)) {
            let Some(told) = told(&ran_out_of(action, reason, approved)) else { continue };
            assert!(told.subject.ends_with(outcome), "whole also behind a long name: {}", told.subject);
        }
        message
    };
    let refused = ran_out(
        "its time is over. Cordon was refused until then, so that nobody could decide: Entra gave no token (HTTP 401)",
        false,
    );
    let by_guard = ran_out(
        &format!(
            "{HELD_TOO_LONG}approved by bert@contoso.com{HELD_ALL_THE_SAME}caps: reached; approve it anew once that is over"
        ),
        true,
    );
    let too_few = ran_out(&format!("{HELD_TOO_LONG}hold-tags: the machine carries the tag VIP"), true);
    for (message, outcome, part) in [
        (&refused, "expired: Entra or Defender refused", "refused Cordon until its time was over"),
        (&by_guard, "expired: approved, held by a guard", "bert@contoso.com approved it"),
        (&too_few, "expired: too few approved in time", "Approved by bert@contoso.com"),
    ] {
        assert_eq!(of_the_machine(&message.subject), format!("LAPTOP-ANNA: NOT isolated, {outcome}"));
        assert!(message.summary.contains(part), "{}", message.summary);
        assert!(message.summary.contains("did not isolate LAPTOP-ANNA"), "{}", message.summary);
    }
    for said in [&by_guard, &too_few] {
        assert!(!said.reason.contains("nobody decided"), "{}", said.reason);
    }
    assert!(refused.reason.contains("Entra gave no token (HTTP 401)"), "{}", refused.reason);
    assert_eq!(refused.next[0].command, "cordon check --stage respond");
}

#[test]
fn an_action_that_people_have_to_do_with_is_told_by_its_own_key_and_not_once_a_day() {
    for state in [ActionState::Held, ActionState::Refused, ActionState::Expired, ActionState::NeedsHuman] {
        let by_rules = record(ActionKind::Isolate, state);
        let mut approved = by_rules.clone();
        approved.approvals = vec![approval("bert@contoso.com", "yes")];
        if state == ActionState::Held {
            assert_eq!(of(by_rules).key, "a1b2c3d4e5f60718|0|held|0f1e2d3c4b5a6978#0");
            assert_eq!(of(approved).key, "a1b2c3d4e5f60718|0|held|0f1e2d3c4b5a6978#1", "one yes of two is news");
            continue;
        }
        let own = format!("a1b2c3d4e5f60718|0|{}", state.as_str()).replace("|0|expired", "|1|expired");
        if state == ActionState::Refused {
            assert!(of(by_rules).key.ends_with("|2026-11-20"), "{state:?}");
        } else {
            assert_eq!(of(by_rules).key, own, "it waits for a person");
        }
        assert_eq!(of(approved).key, own);
    }
}

#[test]
fn what_only_a_notice_tells_of_is_counted_in_a_digest_while_it_waits_and_not_told_when_it_is_denied_or_expires() {
    let fate = |state, guard: &str| {
        let mut record = record(ActionKind::Isolate, state);
        record.guards = vec![verdict(guard, Ruling::Hold, "w"), verdict("age", Ruling::Pass, "w")];
        message_for(&report(record))
    };
    for guard in ["caps", "breaker", "pause"] {
        for state in [ActionState::Denied, ActionState::Expired] {
            assert_eq!(fate(state, guard), MailDecision::Skip("told_by_breaker_notice"), "{state:?} {guard}");
        }
        assert!(matches!(fate(ActionState::Held, guard), MailDecision::Fold(folded) if !folded.leads), "{guard}");
    }
    assert!(matches!(fate(ActionState::Held, "hold-tags"), MailDecision::Fold(folded) if folded.leads));
    assert!(matches!(fate(ActionState::Denied, "hold-tags"), MailDecision::Mail(_)));
    assert!(matches!(fate(ActionState::Expired, "hold-tags"), MailDecision::Fold(folded) if folded.leads));
    assert!(matches!(fate(ActionState::Approved, "breaker"), MailDecision::Mail(_)), "something is about to happen");
}

#[test]
fn who_said_yes_hears_that_a_switch_holds_it_all_the_same_each_time_that_it_does() {
    let held = |intent: &str| {
        let mut record = record(ActionKind::Isolate, ActionState::Held);
        record.guards = vec![verdict("breaker", Ruling::Hold, "w")];
        record.approvals = vec![approval("bert@contoso.com", "yes")];
        record.intent = Some(cordon_records::IntentHash::new(intent).unwrap());
        of(record).key
    };
    assert_eq!(held("aa"), "a1b2c3d4e5f60718|0|held|aa#1");
    assert_ne!(held("aa"), held("bb"));
}

#[test]
fn what_the_cap_of_gentle_actions_holds_is_told_for_each_action_because_no_notice_speaks_for_it() {
    let held = |kind, guard: &str| {
        let mut record = record(kind, ActionState::Held);
        record.guards = vec![verdict(guard, Ruling::Hold, "w")];
        record
    };
    let fate = |record| message_for(&report(record));
    assert!(matches!(fate(held(ActionKind::Scan, "gentle-caps")), MailDecision::Fold(folded) if folded.leads));
    assert!(matches!(fate(held(ActionKind::Scan, "pause")), MailDecision::Fold(folded) if !folded.leads));
}

#[test]
fn every_kind_in_every_state_speaks_of_itself_and_of_nothing_else() {
    let renderer = Renderer::new().unwrap();
    for mut action in every_action("pilot") {
        if let Action::Cancel { what, .. } = &mut action {
            *what = ActionKind::Scan;
        }
        let kind = action.kind();
        for state in ActionState::ALL.iter().copied() {
            for attempt in [0, 1, 2] {
                let mut record = step_of(action.clone(), state, "LAPTOP-ANNA");
                (record.attempt, record.reason, record.conditions) = (attempt, "r".into(), Vec::new());
                let Some(message) = told(&record) else { continue };
                let steps: Vec<String> = message
                    .next
                    .iter()
                    .map(|step| format!("{} {}", step.text, step.command).trim().to_owned())
                    .collect();
                let words = format!("{} {} {}", message.subject, message.summary, steps.join(" "));
                assert!(!words.contains(['{', '}']) && !words.contains("  "), "{kind:?} {state:?}: {words}");
                let isolation = matches!(kind, ActionKind::Isolate | ActionKind::Release);
                assert!(isolation || !words.contains("isolat"), "{kind:?} {state:?}: {words}");
                assert_eq!(message.subject.ends_with("(attempt 2)"), attempt == 2, "{}", message.subject);
                renderer.html(&message).unwrap();
            }
        }
    }
}

#[test]
fn only_what_defender_confirmed_is_called_done_and_only_what_hurts_is_loud() {
    for action in every_action("pilot") {
        let done = step_of(action.clone(), ActionState::Succeeded, "LAPTOP-ANNA");
        let Some(done) = told(&done) else { continue };
        for state in ActionState::ALL.iter().copied().filter(|state| *state != ActionState::Succeeded) {
            let Some(other) = told(&step_of(action.clone(), state, "LAPTOP-ANNA")) else { continue };
            assert_ne!(other.tone, Tone::Done, "{state:?}");
            assert!(!other.subject.contains(&done.headline), "{}", other.subject);
        }
        let failed = of(step_of(action.clone(), ActionState::Failed, "LAPTOP-ANNA"));
        let gentle = action.kind().impact() == Impact::LowImpact;
        assert_eq!(failed.tone, if gentle { Tone::Minor } else { Tone::Alarm }, "{action:?}");
    }
}
