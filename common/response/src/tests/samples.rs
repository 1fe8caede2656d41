//! What the tests of respond begin with: a configuration, an alert on a laptop, the decision on it, an action of each kind. The tests of
//! the act stage are compiled with this file too.

use std::time::Duration;

use cordon_policy::Guards;
use cordon_records::{
    Action, ActionKey, ActionKind, ActionStatus, AlertChanges, AlertId, AlertStatus, AlertSummary, DecisionRecord,
    DeviceValue, Indicator, IndicatorAction, IndicatorType, IsolationType, LiveCommand, MachineActionId, MachineId,
    MachineSummary, MatchedRule, Mode, PlannedAction, RuleId, SCHEMA_VERSION, ScanType, Severity, Sha1, TagChange,
    TenantId, Verdict,
};
use cordon_signing::AllowedSigners;
use jiff::Timestamp;

use super::{ActionSnapshot, Config, Waits};

pub fn config() -> Config {
    Config {
        tenant: TenantId::new("tenant").unwrap(),
        mode: Mode::Auto,
        // Of the kinds that need approval by default the tests of their way are to see more than the hold.
        guards: Guards::load("guards.yaml", "hold: {kinds: []}").unwrap(),
        signers: AllowedSigners::default(),
        lease: Duration::from_secs(30),
        settle: Duration::from_secs(120),
        waits: Waits::default(),
        close_every: Duration::from_secs(3_600),
    }
}

pub fn decision(alert: &str, machine: &str) -> DecisionRecord {
    let tenant = TenantId::new("tenant").unwrap();
    let (alert, machine) = (AlertId::new(alert).unwrap(), MachineId::new(machine).unwrap());
    let action =
        Action::Isolate { isolation: IsolationType::Full, comment: "High severity alert".into(), release: None };
    let rule = RuleId::new("isolate-high").unwrap();
    DecisionRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("cordon.enriched/0/{alert}"),
        tenant: tenant.clone(),
        alert: summary(&alert),
        machine: Some(laptop(&machine)),
        verdict: Verdict::Act,
        reason: "isolate: alert.severity == \"High\"".into(),
        matched: vec![MatchedRule { rule: rule.clone(), mode: Mode::Auto, when: "alert.severity == \"High\"".into() }],
        planned: vec![PlannedAction {
            key: ActionKey::derive(&tenant, &alert, &machine, &action),
            action,
            mode: Mode::Auto,
            rules: vec![rule],
            limits: Vec::new(),
        }],
        rule_set: "rules".into(),
        fleet: None,
        seen_at: start(),
        enriched_at: start(),
        decided_at: start(),
    }
}

/// An action of this kind.
pub fn an(kind: ActionKind) -> Action {
    let comment = format!("{kind} it");
    match kind {
        ActionKind::Isolate => Action::Isolate { isolation: IsolationType::Full, comment, release: None },
        ActionKind::Release => Action::Release { comment },
        ActionKind::RestrictCode => Action::RestrictCode { comment },
        ActionKind::UnrestrictCode => Action::UnrestrictCode { comment },
        ActionKind::Scan => Action::Scan { scan: ScanType::Quick, comment },
        ActionKind::CollectPackage => Action::CollectPackage { comment },
        ActionKind::Investigate => Action::Investigate { comment },
        ActionKind::StopFile => Action::StopFile { sha1: Sha1::new(&"0a".repeat(20)).unwrap(), comment },
        ActionKind::LiveResponse => {
            Action::LiveResponse { commands: vec![LiveCommand::PutFile { file: "tool.exe".into() }], comment }
        }
        ActionKind::Offboard => Action::Offboard { comment },
        ActionKind::Tag => Action::Tag { tag: "seen-by-cordon".into(), change: TagChange::Add },
        ActionKind::SetDeviceValue => Action::SetDeviceValue { value: DeviceValue::High },
        ActionKind::UpdateAlert => {
            Action::UpdateAlert(AlertChanges { status: Some(AlertStatus::InProgress), ..AlertChanges::default() })
        }
        ActionKind::Indicator => Action::Indicator(Indicator {
            value: "203.0.113.7".into(),
            kind: IndicatorType::IpAddress,
            action: IndicatorAction::Block,
            title: "Seen in an attack".into(),
            description: comment,
            severity: None,
            expires_after_s: None,
            generate_alert: false,
            groups: Vec::new(),
        }),
        ActionKind::Cancel => Action::Cancel { what: ActionKind::Isolate, comment },
    }
}

pub fn start() -> Timestamp {
    "2026-11-22T18:00:00Z".parse().unwrap()
}

pub fn summary(alert: &AlertId) -> AlertSummary {
    AlertSummary {
        id: alert.clone(),
        title: "Ransomware behaviour".into(),
        severity: Severity::High,
        status: AlertStatus::New,
        classification: None,
        category: None,
        incident_id: None,
        created: Some(start()),
        newest_moment: Some(start()),
        last_update: Some(start()),
        users: Vec::new(),
        cut: Vec::new(),
    }
}

pub fn laptop(machine: &MachineId) -> MachineSummary {
    MachineSummary {
        name: Some(format!("{machine}.example.com")),
        os: Some("Windows11".into()),
        group: Some("Clients".into()),
        value: Some("Normal".into()),
        tags: Some(Vec::new()),
        ..MachineSummary::unknown(machine.clone())
    }
}

pub fn pending(key: &ActionKey) -> ActionSnapshot {
    ActionSnapshot {
        id: MachineActionId::new(format!("action-{key}")).unwrap(),
        status: ActionStatus::Pending,
        by: "cordon".into(),
        cancelled_by: None,
        detail: None,
        created: None,
    }
}
