//! Records made for the tests.

pub mod actions;

use cordon_notify::message::{MailDecision, Message, message_for};
use cordon_notify::render::{Mail, Parties, Renderer};
use cordon_records::{
    Action, ActionKey, ActionRecord, ActionState, AlertId, AlertStatus, AlertSummary, GuardVerdict, IntentHash,
    IsolationType, MachineActionId, MachineId, MachineSummary, Mode, Notice, NoticeKind, Report, RuleId, Ruling,
    Severity,
};
use jiff::Timestamp;

pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn verdict(guard: &str, ruling: Ruling, why: &str) -> GuardVerdict {
    GuardVerdict { guard: guard.into(), ruling, why: why.into() }
}

pub fn alert() -> AlertSummary {
    AlertSummary {
        id: AlertId::new("da637472900382838869_1364969609").unwrap(),
        title: "Suspicious PowerShell command line fetched hta from https://evil.example/a".into(),
        severity: Severity::High,
        status: AlertStatus::New,
        classification: None,
        category: Some("Execution".into()),
        incident_id: Some(4711),
        created: Some(instant("2026-11-20T09:12:31Z")),
        newest_moment: Some(instant("2026-11-20T09:12:40Z")),
        last_update: Some(instant("2026-11-20T09:13:02Z")),
        users: vec!["anna.berg@contoso.com".into()],
        cut: Vec::new(),
    }
}

pub fn machine(name: &str, os: &str) -> MachineSummary {
    MachineSummary {
        name: Some(name.into()),
        os: Some(os.into()),
        group: Some("Clients".into()),
        value: Some("Normal".into()),
        tags: Some(vec!["cordon-pilot".into()]),
        ..MachineSummary::unknown(MachineId::new("1e5bc9d7e413ddd7902c2932e418702b84d0cc07").unwrap())
    }
}

/// A step of an isolation, with the guards' words that fit the state.
pub fn step(state: ActionState, name: &str) -> ActionRecord {
    let key = ActionKey::new("a1b2c3d4e5f60718").unwrap();
    let begun = !matches!(
        state,
        ActionState::Refused | ActionState::Held | ActionState::Would | ActionState::Covered | ActionState::NeedsHuman
    );
    let attempt = u32::from(begun);
    ActionRecord {
        schema_version: 1,
        id: ActionRecord::step_id(&key, attempt, state),
        key: Some(key),
        attempt,
        state,
        action: Some(Action::Isolate { isolation: IsolationType::Full, comment: "High severity alert".into(), release: None }),
        alert: alert(),
        machine: Some(machine(name, "Windows11")),
        rules: vec![RuleId::new("isolate-high").unwrap()],
        conditions: vec!["alert.severity == \"High\" && alert.status != \"Resolved\" &&\n!(alert.classification in [\"FalsePositive\"])".into()],
        mode: Mode::Auto,
        reason: reason(state).into(),
        guards: guards(state),
        facts: None,
        machine_action_id: begun.then(|| MachineActionId::new("2d7b4c1e-6f1a-4a39-9b8e-0c5d5f7b9a11").unwrap()),
        other_action: None,
        decision: "cordon.enriched/3/1207".into(),
        expires_at: (state == ActionState::Held).then(|| instant("2026-11-21T09:13:10Z")),
        intent: (state == ActionState::Held).then(|| IntentHash::new("0f1e2d3c4b5a6978").unwrap()),
        tenant_refuses: false,
        keeps_connected_s: None,
        requested_by: None,
        approvals: Vec::new(),
        link: None,
        at: instant("2026-11-20T09:13:10Z"),
    }
}

fn reason(state: ActionState) -> &'static str {
    match state {
        ActionState::Refused => "never-list: tag cordon-never is on the never list",
        ActionState::Held => "allow-os: WindowsServer2022 is not among the allowed platforms",
        ActionState::Would => "all guards passed; the mode is shadow",
        ActionState::Covered => "an isolation of the machine already runs",
        ActionState::InDoubt => "the isolate call got no answer within 20 s",
        ActionState::Accepted => "Defender took the request, status Pending",
        ActionState::Succeeded => "Defender reports Succeeded",
        ActionState::Failed => "Defender answered 400 InvalidRequestBody: the machine does not support isolation",
        ActionState::TimedOut => "Defender reports TimeOut",
        ActionState::Cancelled => "the action was cancelled",
        ActionState::NeedsHuman => "the machine's facts could not be read",
        ActionState::ClosedMeanwhile => "status became Resolved while the request was pending",
        ActionState::Approved => "anna@corp.example approved: known test machine",
        ActionState::Denied => "anna@corp.example denied: false alarm",
        ActionState::Expired => "nobody approved it until 2026-11-21T09:13:10Z",
        ActionState::Overdue => "Defender has named no end for 15 minutes",
    }
}

fn guards(state: ActionState) -> Vec<GuardVerdict> {
    let never = if state == ActionState::Refused {
        verdict("never-list", Ruling::Refuse, "tag cordon-never is on the never list")
    } else {
        verdict("never-list", Ruling::Pass, "not on the never list")
    };
    let platform = if state == ActionState::Held {
        verdict("allow-os", Ruling::Hold, "WindowsServer2022 is not among the allowed platforms")
    } else {
        verdict("allow-os", Ruling::Pass, "Windows11 is allowed")
    };
    vec![
        verdict("age", Ruling::Pass, "30s old, at most 1h"),
        platform,
        never,
        verdict("caps", Ruling::Pass, "passed, 4 of 10 in 10m"),
    ]
}

pub fn notice(kind: NoticeKind) -> Notice {
    let text = match kind {
        NoticeKind::BreakerLatched => {
            "all_rules.10m reached: 10 attempts in 10 min. Every further action is held until a person resumes.\n\
             These wait by now, and more may follow:\nLAPTOP-ANNA\nhttps://evil.example/pc"
        }
        NoticeKind::Paused => "anna@soc-1 paused all actions: maintenance of the core switch",
        NoticeKind::Resumed => {
            "actions go on: breaker_latched@2026-11-20T09:20:00Z was lifted at the start of cordon-act"
        }
        NoticeKind::CommandRefused => "approve of 2d7b4c1e6f1a4a39 by anna: the signature is not hers",
        NoticeKind::PolicyReloaded => "11 rules are in force, set 0c5d5f7b9a11",
        NoticeKind::PolicyRefused => "rules/isolate-high.yaml:4:11: unknown field `alert.severty`",
    };
    Notice {
        schema_version: 1,
        id: format!("{}@2026-11-20T09:20:00Z", kind.as_str()),
        kind,
        text: text.into(),
        cause: None,
        at: instant("2026-11-20T09:20:00Z"),
    }
}

/// The same step of another action.
pub fn step_of(action: Action, state: ActionState, name: &str) -> ActionRecord {
    ActionRecord { action: Some(action), ..step(state, name) }
}

pub fn message(report: &Report) -> Message {
    match message_for(report) {
        MailDecision::Mail(message) => *message,
        MailDecision::Fold(folded) => folded.message,
        MailDecision::Skip(reason) => panic!("no mail: {reason}"),
    }
}

/// The mail that a report would have on its own; `None` for one that needs none.
pub fn told(record: &ActionRecord) -> Option<Message> {
    match message_for(&report(record.clone())) {
        MailDecision::Mail(message) => Some(*message),
        MailDecision::Fold(folded) => Some(folded.message),
        MailDecision::Skip(_) => None,
    }
}

pub fn of(record: ActionRecord) -> Message {
    message(&report(record))
}

/// What a subject says of the machine: "LAPTOP-ANNA: isolated" of "High · A title on LAPTOP-ANNA: isolated".
pub fn of_the_machine(subject: &str) -> &str {
    subject.split_once(" on ").map_or(subject, |(_, told)| told)
}

pub fn parties() -> Parties {
    Parties { from: "Cordon <cordon@contoso.com>".parse().unwrap(), to: vec!["soc@contoso.com".parse().unwrap()] }
}

pub fn mail(message: &Message) -> Mail {
    Renderer::new().unwrap().mail(message, &parties(), instant("2026-11-20T09:13:11Z")).unwrap()
}

pub fn report(record: ActionRecord) -> Report {
    Report::Action(Box::new(record))
}
