//! What mails about an isolation and about the whole responder say. Other kinds are in `kinds.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::message::{MailDecision, message_for};
use cordon_notify::render::Renderer;
use cordon_notify::wording::Tone;
use cordon_records::{
    Action, ActionRecord, ActionState, AlertStatus, IsolationType, NoticeKind, RefusalCause, Report, Ruling, Severity,
};
use mail_parser::{MessageParser, MimeHeaders};
use support::{instant, mail, message, notice, of, of_the_machine, report, step, step_of, verdict};

/// What each subject says of the machine; before it stand severity and title.
const MAILED: [(ActionState, &str, &str); 15] = [
    (ActionState::Accepted, "laptop-anna.contoso.com", "laptop-anna: isolation requested, not yet confirmed"),
    (ActionState::Succeeded, "LAPTOP-ANNA", "LAPTOP-ANNA: isolated"),
    (ActionState::Refused, "DC-01.contoso.com", "DC-01: NOT isolated, a guard forbids it"),
    (ActionState::Held, "DC-01", "DC-01: you decide"),
    (ActionState::Failed, "DC-01", "DC-01: NOT isolated, it failed"),
    (ActionState::TimedOut, "DC-01", "DC-01: NOT isolated, Defender gave up"),
    (ActionState::Cancelled, "DC-01", "DC-01: NOT isolated, it was called off"),
    (ActionState::NeedsHuman, "DC-01", "DC-01: NOT isolated, look at it yourself"),
    (ActionState::Would, "LAPTOP-ANNA", "LAPTOP-ANNA: WOULD isolate it (shadow mode)"),
    (ActionState::InDoubt, "LAPTOP-ANNA", "LAPTOP-ANNA: isolation requested, answer lost"),
    (ActionState::ClosedMeanwhile, "LAPTOP-ANNA", "LAPTOP-ANNA: isolation goes on, but the alert was closed"),
    (ActionState::Approved, "DC-01", "DC-01: isolation approved, not yet requested"),
    (ActionState::Denied, "DC-01", "DC-01: not isolated, a person said no"),
    (ActionState::Expired, "DC-01", "DC-01: NOT isolated, nobody decided in time"),
    (ActionState::Overdue, "LAPTOP-ANNA", "LAPTOP-ANNA: isolation requested, NOT confirmed in time"),
];

#[test]
fn each_state_has_its_subject_and_its_text() {
    let renderer = Renderer::new().unwrap();
    for (state, name, subject) in MAILED {
        let message = of(step(state, name));
        assert_eq!(of_the_machine(&message.subject), subject, "{state:?}");
        assert!(message.subject.starts_with("High · Suspicious PowerShell"), "{}", message.subject);
        assert_eq!(message.subject, message.headline);
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
            "ACTION NEEDED: Cordon refused a command: approve of 2d7b4c1e… by anna: the signature is not hers",
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
fn a_refused_command_is_an_attack_a_gap_or_calm_by_its_cause() {
    let renderer = Renderer::new().unwrap();
    for (cause, text, tone) in [
        (RefusalCause::NotGenuine, "approve by anna: it is not signed", Tone::Alarm),
        (RefusalCause::Configuration, "approve by anna was refused: nobody may sign yet", Tone::Alarm),
        (RefusalCause::TooLate, "release by anna was refused: it came too late", Tone::Calm),
        (RefusalCause::NothingToDo, "cancel by anna was refused: 2d7b4c1e6f1a4a39 has ended", Tone::Calm),
        (RefusalCause::NotPossible, "approve by anna was refused: it is no longer what was looked at", Tone::Alarm),
    ] {
        let mut refused = notice(NoticeKind::CommandRefused);
        (refused.cause, refused.text) = (Some(cause), text.into());
        let message = message(&Report::Notice(refused));
        assert_eq!(message.tone, tone, "{cause:?}");
        assert_eq!(message.subject.starts_with("ACTION NEEDED"), tone == Tone::Alarm, "{}", message.subject);
        let text = renderer.text(&message).unwrap();
        let is_attack = text.contains("treat it as an attack");
        assert_eq!(is_attack, cause == RefusalCause::NotGenuine, "{text}");
        let name = serde_json::to_value(cause).unwrap().as_str().unwrap().to_owned();
        insta::assert_snapshot!(format!("text_command_refused_{name}"), text);
    }
}

#[test]
fn the_mistakes_of_refused_files_keep_their_places_and_carets() {
    let mut refused = notice(NoticeKind::PolicyRefused);
    // As the settings print them.
    let line = format!("when: {}alert.severty == \"High\"", "alert.status != \"Resolved\" && ".repeat(3));
    let column = line.find("alert.severty").unwrap();
    refused.text = format!(
        "11 rules, set 0c5d5f7b9a11 stay in force. error: when: unknown field `alert.severty`\n \
         --> rules/isolate-high.yaml:4:{}\n  |\n4 | {line}\n  | {}^\n  = help: did you mean `severity`?",
        column + 1,
        " ".repeat(column)
    );
    let message = message(&Report::Notice(refused.clone()));
    assert!(message.reason.ends_with("unknown field `alert.severty`"), "{}", message.reason);
    let marked = "4 | …esolved\" && alert.severty == \"Hi…\n  |              ^\n  = help: did you mean `severity`?";
    assert!(message.rest.ends_with(marked), "{}", message.rest);
    let renderer = Renderer::new().unwrap();
    insta::assert_snapshot!("text_mistakes", renderer.text(&message).unwrap());
    assert!(renderer.html(&message).unwrap().contains("\n  |              ^\n"));
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
        assert_eq!(subject.ends_with("LAPTOP-ANNA: isolated"), state == ActionState::Succeeded, "{subject}");
    }
}

#[test]
fn an_outcome_that_nobody_knows_is_not_reported_as_not_isolated() {
    let mut record = step(ActionState::NeedsHuman, "LAPTOP-ANNA");
    record.attempt = 1;
    assert_eq!(of_the_machine(&of(record).subject), "LAPTOP-ANNA: unknown whether it was isolated");
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
    let subject =
        "High · Suspicious PowerShell command line fetched hta from hxxps:/…: NOT dealt with, look at it yourself";
    assert_eq!(message.subject, subject);
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
        MailDecision::Fold(folded) => folded.leads,
        other => panic!("{other:?}"),
    };
    assert!(!leads(vec![caps()]) && !leads(vec![breaker(), caps()]));
    assert!(leads(vec![breaker(), platform()]) && leads(vec![]));
    assert_eq!(message_for(&report(step(ActionState::Covered, "DC-01"))), MailDecision::Skip("covered"));
}

#[test]
fn the_mime_has_two_readable_parts_and_headers_that_stop_loops() {
    let message = of(step(ActionState::Refused, "DC-01"));
    let mail = mail(&message);
    let parsed = MessageParser::default().parse(&mail.mime).unwrap();
    assert_eq!(parsed.subject(), Some(message.subject.as_str()));
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

#[test]
fn a_subject_says_severity_title_and_machine_and_what_you_must_do_and_cuts_only_the_title() {
    let subject = |title: &str, name: &str, state| {
        let mut record = step(state, name);
        record.alert.title = title.to_owned();
        of(record).subject
    };
    assert_eq!(
        subject("Ransomware behaviour", "LAPTOP-ANNA.corp.example", ActionState::Held),
        "High · Ransomware behaviour on LAPTOP-ANNA: you decide"
    );
    let long = subject(&"Suspicious ".repeat(40), &"W".repeat(60), ActionState::Overdue);
    assert!(long.ends_with(": isolation requested, NOT confirmed in time"), "{long}");
    assert!(long.starts_with("High · Suspicious Suspicious") && long.contains("… on WWWW"), "{long}");
    assert_eq!(
        subject("", "LAPTOP-ANNA", ActionState::Succeeded),
        "High · an alert without a title on LAPTOP-ANNA: isolated"
    );
}

#[test]
fn no_subject_holds_the_id_of_an_alert_a_machine_a_file_or_a_command() {
    let ids = [
        "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "da637472900382838869_1364969609",
        "1e5bc9d7e413ddd7902c2932e418702b84d0cc07",
    ];
    for id in ids {
        let mut record = step(ActionState::Failed, id);
        record.alert.title = format!("Alert {id} raised");
        let subject = of(record.clone()).subject;
        assert!(!subject.contains(id), "{subject}");
        assert!(subject.contains(&id[..8]), "what is left tells them apart: {subject}");
        record.machine.as_mut().unwrap().name = None;
        let subject = of(record).subject;
        assert!(subject.ends_with(" on machine 1e5bc9d7…: NOT isolated, it failed"), "{subject}");
        let mut said = notice(NoticeKind::CommandRefused);
        said.text = format!("retry of {id}: it is over");
        assert!(!message(&Report::Notice(said)).subject.contains(id));
    }
}

#[test]
fn the_reason_is_the_guards_plain_word_and_guards_that_passed_are_one_line() {
    let mut record = step(ActionState::Held, "LAPTOP-ANNA");
    let mode = verdict("mode", Ruling::Hold, "approval is asked for");
    let tag = verdict("hold-tags", Ruling::Hold, "tag VIP is on the hold list");
    record.guards.extend([mode, tag]);
    record.guards.retain(|verdict| verdict.guard != "allow-os");
    record.reason = "mode: approval is asked for".into();
    let message = of(record.clone());
    assert_eq!(message.reason, "This rule asks a person first: its mode, or that of cordon-act, is approve.");
    assert_eq!(message.guards.passed, "age, never-list, caps");
    let against: Vec<_> = message.guards.against.iter().map(|guard| guard.why.as_str()).collect();
    assert_eq!(against, ["A person decides about this machine: tag VIP is on the hold list."]);
    record.reason =
        "approved by anna, but held all the same: hold-tags: tag VIP is on the hold list; approve it anew".into();
    assert_eq!(
        of(record.clone()).reason,
        "approved by anna, but held all the same: A person decides about this machine: tag VIP is on the hold list; approve it anew"
    );
    record.reason = "something else".into();
    assert_eq!(of(record.clone()).reason, "something else");
    record.guards = vec![verdict("new-guard", Ruling::Hold, "it is new")];
    record.reason = "new-guard: it is new".into();
    assert_eq!(of(record).reason, "New-guard: it is new.", "one that a later build has says its name");
}

#[test]
fn the_last_event_is_told_where_it_is_later_than_the_alert_and_its_making_is_never_called_an_event() {
    let mut record = step(ActionState::Succeeded, "LAPTOP-ANNA");
    let told = |record: &ActionRecord| Renderer::new().unwrap().text(&of(record.clone())).unwrap();
    assert!(told(&record).contains("Last event: 2026-11-20 09:12:40 UTC"), "{}", told(&record));
    record.alert.newest_moment = record.alert.created;
    assert!(!told(&record).contains("Last event") && told(&record).contains("Raised: 2026-11-20 09:12:31 UTC"));
    record.alert.created = None;
    assert!(told(&record).contains("Last event: 2026-11-20 09:12:31 UTC"));
}

#[test]
fn the_cause_of_a_failure_is_whole() {
    let mut record = step(ActionState::Failed, "LAPTOP-ANNA");
    record.reason = format!("Defender answered 400: {} the end", "a long way to the cause ".repeat(60));
    assert!(of(record.clone()).reason.ends_with("the end"));
    let renderer = Renderer::new().unwrap();
    assert!(renderer.text(&of(record)).unwrap().contains("the end"));
}

#[test]
fn a_missing_permission_is_named_and_the_first_advice_is_to_grant_it_and_ask_again() {
    let mut record = step(ActionState::Failed, "LAPTOP-ANNA");
    record.reason = "POST isolate is forbidden (HTTP 403: Missing application roles); once the permission is there, \
                     `cordon retry a1b2c3d4e5f60718` asks again"
        .into();
    let message = of(record.clone());
    assert_eq!(of_the_machine(&message.subject), "LAPTOP-ANNA: NOT isolated, a permission is missing");
    assert!(message.summary.contains("lacks the permission Machine.Isolate"), "{}", message.summary);
    assert_eq!(message.next[0].command, "cordon retry a1b2c3d4e5f60718 --why \"…\"");
    assert!(message.next[0].text.contains("Machine.Isolate") && message.next[0].text.contains("admin consent"));
    record.reason = "Defender answered 400".into();
    assert!(!of(record).next.iter().any(|step| step.command.contains("retry")));
}

#[test]
fn what_a_person_called_off_is_theirs_with_their_reason_and_nobody_is_woken() {
    for (reason, who, why) in [
        ("cancelled by anna@contoso.com: the red team's exercise", "anna@contoso.com", "the red team's exercise"),
        ("anna@contoso.com released the machine: it is clean", "anna@contoso.com", "it is clean"),
        ("anna@contoso.com takes this isolation back: the rule was wrong", "anna@contoso.com", "the rule was wrong"),
        ("the action was cancelled (cancelled by anna@contoso.com)", "anna@contoso.com", ""),
    ] {
        let mut record = step(ActionState::Cancelled, "LAPTOP-ANNA");
        record.reason = reason.into();
        let message = of(record);
        let colon = if why.is_empty() { String::new() } else { format!(": {why}") };
        assert_eq!(of_the_machine(&message.subject), format!("LAPTOP-ANNA: not isolated, called off by {who}{colon}"));
        assert_eq!((message.tone, message.badge), (Tone::Calm, "Nothing to do"));
        assert!(message.summary.contains(who) && message.summary.contains(why), "{}", message.summary);
        assert!(!String::from_utf8(mail(&message).mime).unwrap().contains("Importance"));
    }
    assert_eq!(of(step(ActionState::Cancelled, "LAPTOP-ANNA")).tone, Tone::Alarm, "nobody knows by whom");
    let mut failed = step(ActionState::Failed, "LAPTOP-ANNA");
    failed.reason = "Defender says Failed (cancelled by anna@contoso.com)".into();
    assert_eq!(of(failed).tone, Tone::Alarm);
}

#[test]
fn a_release_of_a_machine_that_was_not_isolated_says_that_it_stops_automatic_isolation() {
    let mut record = step_of(Action::Release { comment: "clean".into() }, ActionState::Covered, "LAPTOP-ANNA");
    (record.requested_by, record.keeps_connected_s) = (Some("anna@contoso.com".into()), Some(86_400));
    record.alert.title = "no alert: a person asked".into();
    (record.alert.severity, record.alert.status) = (Severity::UnSpecified, AlertStatus::Unknown);
    (record.alert.created, record.alert.last_update) = (None, None);
    let message = of(record.clone());
    assert_eq!(message.subject, "LAPTOP-ANNA: no release needed; automatic isolation stops for 1d");
    assert!(message.summary.contains("for 1d after it"), "{}", message.summary);
    assert!(message.sections.iter().all(|section| section.title != "Alert"), "there is none to open");
    let mut isolation = step(ActionState::Covered, "LAPTOP-ANNA");
    isolation.requested_by = Some("anna@contoso.com".into());
    assert!(!of(isolation).summary.contains("automatic isolation"));
}

#[test]
fn what_the_tenant_refuses_is_told_as_that_and_offers_no_approval() {
    let mut record = step(ActionState::Held, "LAPTOP-ANNA");
    (record.tenant_refuses, record.guards) = (true, Vec::new());
    record.reason = "Entra gave no token (HTTP 401 invalid_client: AADSTS7000215: Invalid client secret)".into();
    let message = of(record);
    assert_eq!(of_the_machine(&message.subject), "LAPTOP-ANNA: NOT isolated, Entra or Defender refuses Cordon");
    assert!(message.reason.contains("AADSTS7000215"), "{}", message.reason);
    let steps: Vec<String> = message.next.iter().map(|step| format!("{} {}", step.text, step.command)).collect();
    assert!(!steps.iter().any(|step| step.contains("cordon approve") || step.contains("Decide before")), "{steps:?}");
    assert!(steps.iter().any(|step| step.contains("Fix it before")), "{steps:?}");
}
