//! Actions and states made for the tests.

use cordon_records::{
    Action, ActionKind, ActionRecord, ActionState, AlertChanges, AlertStatus, Approval, CommandId, DeviceValue,
    Indicator, IndicatorAction, IndicatorType, IntentHash, IsolationType, LiveCommand, ReleaseTerms, ScanType, Sha1,
    TagChange,
};

use super::{instant, step_of};

pub const STATES: [ActionState; 16] = [
    ActionState::Refused,
    ActionState::Held,
    ActionState::Would,
    ActionState::Covered,
    ActionState::InDoubt,
    ActionState::Accepted,
    ActionState::Succeeded,
    ActionState::Failed,
    ActionState::TimedOut,
    ActionState::Cancelled,
    ActionState::NeedsHuman,
    ActionState::ClosedMeanwhile,
    ActionState::Approved,
    ActionState::Denied,
    ActionState::Expired,
    ActionState::Overdue,
];

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
