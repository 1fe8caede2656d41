//! What mails about an isolation and about the whole responder say. Other kinds are in `kinds.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::message::{Fate, message_for};
use cordon_notify::render::Renderer;
use cordon_records::{Action, ActionState, IsolationType, NoticeKind, Report, Ruling};
use mail_parser::{MessageParser, MimeHeaders};
use support::{instant, mail, message, notice, of, report, step, step_of, verdict};

const MAILED: [(ActionState, &str, &str); 15] = [
    (ActionState::Accepted, "laptop-anna.contoso.com", "laptop-anna: isolation requested, not yet confirmed"),
    (ActionState::Succeeded, "LAPTOP-ANNA", "LAPTOP-ANNA is isolated"),
    (ActionState::Refused, "DC-01.contoso.com", "ACTION NEEDED: DC-01 was not isolated"),
    (ActionState::Held, "DC-01", "ACTION NEEDED: DC-01 was not isolated: a person must approve or deny it"),
    (ActionState::Failed, "DC-01", "ACTION NEEDED: DC-01 was not isolated"),
    (ActionState::TimedOut, "DC-01", "ACTION NEEDED: DC-01 was not isolated"),
    (ActionState::Cancelled, "DC-01", "ACTION NEEDED: DC-01 was not isolated"),
    (ActionState::NeedsHuman, "DC-01", "ACTION NEEDED: DC-01 was not isolated"),
    (ActionState::Would, "LAPTOP-ANNA", "WOULD isolate LAPTOP-ANNA (shadow mode, nothing was done)"),
    (ActionState::InDoubt, "LAPTOP-ANNA", "LAPTOP-ANNA: isolation requested, answer lost"),
    (
        ActionState::ClosedMeanwhile,
        "LAPTOP-ANNA",
        "ACTION NEEDED: LAPTOP-ANNA: isolation goes on, but its alert was closed",
    ),
    (ActionState::Approved, "DC-01", "DC-01: isolation approved, not yet requested"),
    (ActionState::Denied, "DC-01", "DC-01 was not isolated: a person denied it"),
    (ActionState::Expired, "DC-01", "ACTION NEEDED: DC-01 was not isolated: nobody decided in time"),
    (ActionState::Overdue, "LAPTOP-ANNA", "ACTION NEEDED: LAPTOP-ANNA: isolation requested, but not confirmed in time"),
];

#[test]
fn each_state_has_its_subject_and_its_text() {
    let renderer = Renderer::new().unwrap();
    for (state, name, subject) in MAILED {
        let message = of(step(state, name));
        assert_eq!(message.subject, subject, "{state:?}");
        insta::assert_snapshot!(format!("text_{}", state.as_str()), renderer.text(&message).unwrap());
    }
}

#[test]
fn each_notice_has_its_subject_and_its_text() {
    let renderer = Renderer::new().unwrap();
    for (kind, subject) in [
        (
            NoticeKind::BreakerLatched,
            "ACTION NEEDED: Cordon stopped acting: all_rules.10m reached: 10 attempts in 10 min",
        ),
        (NoticeKind::Paused, "ACTION NEEDED: Cordon is paused"),
        (NoticeKind::Resumed, "Cordon acts again"),
        (
            NoticeKind::CommandRefused,
            "ACTION NEEDED: Cordon refused a command: approve of 2d7b4c1e6f1a4a39 by anna: the signature is not hers",
        ),
        (NoticeKind::PolicyReloaded, "Changed rules or guards are in force"),
        (NoticeKind::PolicyRefused, "ACTION NEEDED: Changed rules or guards are wrong; the old ones stay in force"),
    ] {
        let message = message(&Report::Notice(notice(kind)));
        assert_eq!(message.subject, subject);
        insta::assert_snapshot!(format!("text_{}", kind.as_str()), renderer.text(&message).unwrap());
    }
}

#[test]
fn the_mistakes_of_refused_files_keep_their_places_and_carets() {
    let mut refused = notice(NoticeKind::PolicyRefused);
    refused.text = "2 mistakes; the first:\n  rules/isolate-high.yaml:4:5: unknown field `alert.severty`\n    alert.severty == \"High\"\n          ^^^^^^^ did you mean `severity`?".into();
    let message = message(&Report::Notice(refused.clone()));
    assert_eq!(format!("{}\n{}", message.reason, message.rest), refused.text);
    let renderer = Renderer::new().unwrap();
    insta::assert_snapshot!("text_mistakes", renderer.text(&message).unwrap());
    assert!(renderer.html(&message).unwrap().contains("\n          ^^^^^^^ did you mean"));
}

#[test]
fn the_html_of_each_loudness_is_as_reviewed() {
    let renderer = Renderer::new().unwrap();
    for (state, name) in [
        (ActionState::Accepted, "LAPTOP-ANNA"),
        (ActionState::Succeeded, "LAPTOP-ANNA"),
        (ActionState::Refused, "DC-01"),
        (ActionState::Would, "LAPTOP-ANNA"),
    ] {
        insta::assert_snapshot!(format!("html_{}", state.as_str()), renderer.html(&of(step(state, name))).unwrap());
    }
    let latched = message(&Report::Notice(notice(NoticeKind::BreakerLatched)));
    insta::assert_snapshot!("html_breaker_latched", renderer.html(&latched).unwrap());
}

#[test]
fn only_a_confirmed_isolation_is_called_one() {
    for (state, name, _) in MAILED {
        let subject = of(step(state, name)).subject;
        assert_eq!(subject.ends_with(" is isolated"), state == ActionState::Succeeded, "{subject}");
    }
}

#[test]
fn an_outcome_that_nobody_knows_is_not_reported_as_not_isolated() {
    let mut record = step(ActionState::NeedsHuman, "LAPTOP-ANNA");
    record.attempt = 1;
    assert_eq!(of(record).subject, "ACTION NEEDED: it is unknown whether LAPTOP-ANNA was isolated");
}

#[test]
fn a_selective_isolation_says_what_stays_open() {
    let mut record = step(ActionState::Succeeded, "LAPTOP-ANNA");
    record.action =
        Some(Action::Isolate { isolation: IsolationType::Selective, comment: String::new(), release: None });
    assert!(of(record).summary.contains("Outlook, Teams and Skype"));
}

#[test]
fn an_alert_without_a_machine_is_named_instead() {
    let mut record = step(ActionState::NeedsHuman, "x");
    (record.machine, record.key, record.action) = (None, None, None);
    let message = of(record);
    assert_eq!(message.subject, "ACTION NEEDED: alert da637472900382838869_1364969609 was not dealt with");
    mail(&message);
}

#[test]
fn ten_alerts_on_one_machine_are_one_mail_a_day_but_each_action_is_followed_and_each_decision_that_waits_is_told() {
    let key = |state, alert: &str, at: &str| {
        let mut record = step(state, "DC-01");
        record.alert.id = cordon_records::AlertId::new(alert).unwrap();
        record.key = Some(cordon_records::ActionKey::new(format!("key-{alert}")).unwrap());
        record.at = instant(at);
        of(record).key
    };
    let (morning, evening, next_day) = ("2026-11-20T01:00:00Z", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z");
    for state in [ActionState::Refused, ActionState::Would] {
        assert_eq!(key(state, "a", morning), key(state, "b", evening), "{state:?}");
        assert_ne!(key(state, "a", morning), key(state, "a", next_day), "{state:?}");
    }
    assert_ne!(key(ActionState::Refused, "a", morning), key(ActionState::Held, "a", morning));
    for state in [
        ActionState::Held,
        ActionState::NeedsHuman,
        ActionState::Expired,
        ActionState::Accepted,
        ActionState::Succeeded,
        ActionState::Failed,
        ActionState::Approved,
    ] {
        assert_ne!(key(state, "a", morning), key(state, "b", morning), "{state:?}");
        assert_eq!(key(state, "a", morning), key(state, "a", next_day), "{state:?}");
    }
}

#[test]
fn each_alert_that_needs_a_person_is_told_also_the_second_one_of_a_machine_and_a_day() {
    let key = |alert: &str, at: &str| {
        let mut record = step(ActionState::NeedsHuman, "DC-01");
        (record.key, record.action) = (None, None);
        record.alert.id = cordon_records::AlertId::new(alert).unwrap();
        record.at = instant(at);
        of(record).key
    };
    assert_eq!(key("a", "2026-11-20T01:00:00Z"), "a|none|needs_human");
    assert_eq!(key("a", "2026-11-20T01:00:00Z"), key("a", "2026-11-21T01:00:00Z"), "the same alert, judged again");
    assert_ne!(key("a", "2026-11-20T01:00:00Z"), key("b", "2026-11-20T01:00:01Z"));
}

#[test]
fn the_breakers_notice_speaks_for_what_it_alone_holds_and_for_nothing_else() {
    let fate = |guards| {
        let mut record = step(ActionState::Held, "DC-01");
        record.guards = guards;
        message_for(&report(record))
    };
    let caps = || verdict("caps", Ruling::Hold, "10 of 10");
    let breaker = || verdict("breaker", Ruling::Hold, "latched");
    let platform = || verdict("platform", Ruling::Hold, "a server");
    let leads = |guards| match fate(guards) {
        Fate::Fold(folded) => folded.leads,
        other => panic!("{other:?}"),
    };
    assert!(!leads(vec![caps()]) && !leads(vec![breaker(), caps()]));
    assert!(leads(vec![breaker(), platform()]) && leads(vec![]));
    assert_eq!(message_for(&report(step(ActionState::Covered, "DC-01"))), Fate::Skip("covered"));
}

#[test]
fn the_mime_has_two_readable_parts_and_headers_that_stop_loops() {
    let message = of(step(ActionState::Refused, "DC-01"));
    let mail = mail(&message);
    let parsed = MessageParser::default().parse(&mail.mime).unwrap();
    assert_eq!(parsed.subject(), Some("ACTION NEEDED: DC-01 was not isolated"));
    assert_eq!(parsed.message_id().map(|id| format!("<{id}>")), Some(mail.message_id.clone()));
    assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
    assert_eq!(parsed.header_raw("X-Auto-Response-Suppress").map(str::trim), Some("All"));
    assert_eq!(parsed.header_raw("Importance").map(str::trim), Some("high"));
    assert!(parsed.content_type().is_some_and(|kind| kind.subtype() == Some("alternative")));
    let renderer = Renderer::new().unwrap();
    let same = |got: &str, want: String| assert_eq!(got.replace("\r\n", "\n").trim_end(), want.trim_end());
    same(&parsed.body_text(0).unwrap(), renderer.text(&message).unwrap());
    same(&parsed.body_html(0).unwrap(), renderer.html(&message).unwrap());
    assert_eq!(parsed.attachment_count(), 0);
}

#[test]
fn the_same_report_makes_the_same_mail_and_all_mails_of_one_alert_and_machine_share_a_thread() {
    let requested = mail(&of(step(ActionState::Accepted, "LAPTOP-ANNA")));
    let succeeded = mail(&of(step(ActionState::Succeeded, "LAPTOP-ANNA")));
    assert_eq!(requested, mail(&of(step(ActionState::Accepted, "LAPTOP-ANNA"))));
    assert_ne!(requested.message_id, succeeded.message_id);
    let mut release = step_of(Action::Release { comment: "clean".into() }, ActionState::Succeeded, "LAPTOP-ANNA");
    release.key = Some(cordon_records::ActionKey::new("ffffffffffffffff").unwrap());
    let mut other = step(ActionState::Accepted, "LAPTOP-ANNA");
    other.alert.id = cordon_records::AlertId::new("another").unwrap();
    let thread = |mail: &cordon_notify::render::Mail| {
        let parsed = MessageParser::default().parse(&mail.mime).unwrap();
        assert_eq!(parsed.references().as_text(), parsed.in_reply_to().as_text());
        parsed.references().as_text().unwrap().to_owned()
    };
    assert_eq!(thread(&requested), thread(&succeeded));
    assert_eq!(thread(&requested), thread(&mail(&of(release))));
    assert_ne!(thread(&requested), thread(&mail(&of(other))));
}
