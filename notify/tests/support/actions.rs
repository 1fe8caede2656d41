//! Actions and states made for the tests.

use cordon_records::{
    Action, ActionKind, ActionRecord, ActionState, AlertChanges, AlertStatus, Approval, CommandId, DeviceValue,
    GuardFacts, Indicator, IndicatorAction, IndicatorType, IntentHash, Isolation, IsolationType, LiveCommand,
    ReleaseTerms, Ruling, ScanType, Sha1, TagChange,
};

use super::{instant, step_of, verdict};

/// One action of each kind; `text` stands in every field that is free text.
pub fn every_action(text: &str) -> Vec<Action> {
    let comment = text.to_owned();
    vec![
        Action::Isolate {
            isolation: IsolationType::Full,
            comment: comment.clone(),
            release: Some(ReleaseTerms { after_s: 14_400, ask: false }),
        },
        Action::Release { comment: comment.clone() },
        Action::RestrictCode { comment: comment.clone() },
        Action::UnrestrictCode { comment: comment.clone() },
        Action::Scan { scan: ScanType::Quick, comment: comment.clone() },
        Action::CollectPackage { comment: comment.clone() },
        Action::Investigate { comment: comment.clone() },
        Action::StopFile {
            sha1: Sha1::new("6fe2d1e0c6d4a8b9f0a1b2c3d4e5f60718293a4b").unwrap(),
            comment: comment.clone(),
        },
        Action::LiveResponse {
            commands: vec![
                LiveCommand::PutFile { file: text.to_owned() },
                LiveCommand::RunScript { script: text.to_owned(), args: text.to_owned() },
                LiveCommand::GetFile { path: text.to_owned() },
            ],
            comment: comment.clone(),
        },
        Action::Offboard { comment: comment.clone() },
        Action::Tag { tag: text.to_owned(), change: TagChange::Add },
        Action::SetDeviceValue { value: DeviceValue::High },
        Action::UpdateAlert(changes(text)),
        Action::Indicator(indicator(text)),
        Action::Cancel { what: ActionKind::Isolate, comment },
    ]
}

fn changes(text: &str) -> AlertChanges {
    AlertChanges {
        status: Some(AlertStatus::InProgress),
        assigned_to: Some(text.to_owned()),
        classification: Some(text.into()),
        determination: Some(text.to_owned()),
        comment: Some(text.to_owned()),
    }
}

pub fn indicator(text: &str) -> Indicator {
    Indicator {
        value: text.to_owned(),
        kind: IndicatorType::DomainName,
        action: IndicatorAction::Block,
        title: text.to_owned(),
        description: text.to_owned(),
        severity: Some(text.to_owned()),
        expires_after_s: Some(604_800),
        generate_alert: true,
        groups: vec![text.to_owned()],
    }
}

pub fn approval(by: &str, why: &str) -> Approval {
    Approval {
        by: by.to_owned(),
        key: "SHA256:uNiVztksCsDhcc0u9e8BrrSdo5tALVpLm0zLwPbo5wQ".into(),
        why: why.to_owned(),
        at: instant("2026-11-20T09:15:00Z"),
        command: CommandId::new("c0ffee11c0ffee11").unwrap(),
        intent: IntentHash::new("0f1e2d3c4b5a6978").unwrap(),
        notice: None,
    }
}

/// The action of this kind, with `pilot` in every free text.
pub fn action(kind: ActionKind) -> Action {
    every_action("pilot").into_iter().find(|action| action.kind() == kind).unwrap()
}

/// A step of such an action on LAPTOP-ANNA.
pub fn record(kind: ActionKind, state: ActionState) -> ActionRecord {
    step_of(action(kind), state, "LAPTOP-ANNA")
}

/// A release that one signed word asked for among others, left alone because this stands; `by` put it there.
pub fn left_alone(isolation: Isolation, by: Option<&str>) -> ActionRecord {
    let mut record = record(ActionKind::Release, ActionState::Covered);
    let why = format!("isolated anew by {}, which is not the one that was to be taken back", by.unwrap_or("action x"));
    record.reason = format!("standing-isolation: {why}");
    record.guards = vec![verdict("standing-isolation", Ruling::Covered, &why)];
    record.requested_by = Some("anna@contoso.com".into());
    record.keeps_connected_s = Some(7_200);
    record.facts = Some(GuardFacts {
        guard_set: "0f5c".into(),
        at: record.at,
        read: true,
        alert: record.alert.clone(),
        alert_read: false,
        users: Vec::new(),
        machine: record.machine.clone(),
        polled: None,
        isolation,
        actions: None,
        ours: false,
        narrower: false,
        isolated_by: by.map(str::to_owned),
        elsewhere: None,
        fleet: None,
        paused: false,
        latched: false,
        latched_at: None,
        about_another: true,
        left_out: 0,
    });
    record
}
