//! The client against the simulated tenant: what it sends is what Microsoft's documentation asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::time::Duration;

use cordon_defender::{ApiError, Defender, Done};
use cordon_records::{
    Action, ActionStatus, ActionType, AlertChanges, AlertId, AlertStatus, Classified, Clock, DeviceValue, ErrorClass,
    Indicator, IndicatorAction, IndicatorType, IsolationType, LiveCommand, MachineId, ScanType, Sha1, SystemClock,
    TagChange, TenantId,
};
use cordon_settings::Secret;
use cordon_simulator::{
    App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, SimAlert, SimMachine, Simulator, TENANT_ID,
};
use support::{machine, ports, settings};

const SHA1: &str = "87662bc3d60e4200ceaf7aae249d1c343f4b83c9";

struct Bench {
    tenant: Simulator,
    defender: Defender,
    alert: AlertId,
}

fn id() -> MachineId {
    machine("m1")
}

/// A tenant with one machine and one alert, and a client with every role or with these.
fn bench(roles: Option<&[&str]>) -> Bench {
    let mut options = Options { settle: Duration::ZERO, ..Options::default() };
    if let Some(roles) = roles {
        options.apps = vec![App::new(CLIENT_ID, CLIENT_SECRET, roles)];
    }
    let tenant = Simulator::start(options).unwrap();
    let known = SimMachine::new(id(), "lab-01");
    tenant.add_machine(known.clone());
    let alert = tenant.add_alert(SimAlert::on(&known));
    let base = url::Url::parse(&tenant.base()).unwrap();
    let mut settings = settings(&base, &base);
    settings.tenant_id = TenantId::new(TENANT_ID).unwrap();
    settings.client_id = CLIENT_ID.to_owned();
    settings.client_secret = Secret::from_literal(CLIENT_SECRET);
    let defender = Defender::with(settings, ports()).unwrap();
    Bench { tenant, defender, alert }
}

impl Bench {
    async fn act(&self, action: &Action) -> Result<Done, ApiError> {
        self.defender.act_if(&self.alert, &id(), action, "why [cordon:k#1]", || true).await
    }
}

fn every_action() -> Vec<Action> {
    let comment = String::new;
    vec![
        Action::Isolate { isolation: IsolationType::Full, comment: comment(), release: None },
        Action::Release { comment: comment() },
        Action::RestrictCode { comment: comment() },
        Action::UnrestrictCode { comment: comment() },
        Action::Scan { scan: ScanType::Quick, comment: comment() },
        Action::CollectPackage { comment: comment() },
        Action::StopFile { sha1: Sha1::new(SHA1).unwrap(), comment: comment() },
        Action::LiveResponse {
            commands: vec![
                LiveCommand::RunScript { script: "dump.ps1".into(), args: "-x".into() },
                LiveCommand::GetFile { path: r"C:\dump.zip".into() },
            ],
            comment: comment(),
        },
        Action::Offboard { comment: comment() },
        Action::Tag { tag: "VIP".into(), change: TagChange::Add },
        Action::SetDeviceValue { value: DeviceValue::High },
        Action::UpdateAlert(AlertChanges { status: Some(AlertStatus::Resolved), ..AlertChanges::default() }),
        Action::Indicator(Indicator {
            value: "203.0.113.7".into(),
            kind: IndicatorType::IpAddress,
            action: IndicatorAction::Audit,
            title: "C2".into(),
            description: "seen".into(),
            severity: Some("High".into()),
            expires_after_s: Some(3_600),
            generate_alert: true,
            groups: vec!["clients".into()],
        }),
    ]
}

#[tokio::test]
async fn the_tenant_takes_every_action_and_shows_what_it_did() {
    let bench = bench(None);
    for action in every_action() {
        let done = bench.act(&action).await.unwrap_or_else(|error| panic!("{action:?}: {error}"));
        let Done::MachineAction(listed) = done else { continue };
        assert_eq!(Some(&listed.kind), ActionType::of(action.kind()).as_ref());
        let ended = bench.defender.machine_action(&listed.id).await.unwrap();
        assert_eq!((ended.status, ended.comment.as_deref()), (ActionStatus::Succeeded, Some("why [cordon:k#1]")));
    }
    let known = bench.tenant.machine(&id()).unwrap();
    assert_eq!((known.tags, known.value.as_deref()), (vec!["VIP".to_owned()], Some("High")));
    assert_eq!(bench.tenant.alert(&bench.alert).unwrap().status, "Resolved");
    let indicator = bench.tenant.indicators().remove(0);
    let end: jiff::Timestamp = indicator["expirationTime"].as_str().unwrap().parse().unwrap();
    assert!(end.duration_since(SystemClock.now()).as_secs() > 3_500, "{end}");
    assert_eq!(bench.tenant.violations(), 0);
}

#[tokio::test]
async fn links_lead_to_what_an_action_brought() {
    let bench = bench(None);
    let listed = |done: Done| match done {
        Done::MachineAction(action) => action.id,
        Done::Now(text) => panic!("{text}"),
    };
    let package = listed(bench.act(&Action::CollectPackage { comment: String::new() }).await.unwrap());
    let link = bench.defender.package_uri(&package).await.unwrap();
    assert!(link.starts_with(&bench.tenant.base()) && link.ends_with(".zip"), "{link}");
    let session = every_action().into_iter().find(|action| matches!(action, Action::LiveResponse { .. })).unwrap();
    let session = listed(bench.act(&session).await.unwrap());
    let link = bench.defender.live_response_link(&session, 1).await.unwrap();
    assert!(link.starts_with(&bench.tenant.base()), "{link}");
    assert!(bench.defender.live_response_link(&session, 2).await.unwrap_err().is_not_found());
    bench.tenant.set_online(&id(), false);
    let waiting = listed(bench.act(&Action::CollectPackage { comment: String::new() }).await.unwrap());
    assert!(bench.defender.package_uri(&waiting).await.unwrap_err().is_not_found(), "it is not complete");
}

#[tokio::test]
async fn a_pending_action_is_cancelled_and_an_ended_one_is_not() {
    let bench = bench(None);
    bench.tenant.set_online(&id(), false);
    let isolate = &every_action()[0];
    let Done::MachineAction(pending) = bench.act(isolate).await.unwrap() else { panic!("an isolation is listed") };
    let again = bench.act(isolate).await.unwrap_err();
    assert_eq!((again.class(), again.code()), (ErrorClass::Poison, Some("ActiveRequestAlreadyExists")), "{again}");
    let cancelled = bench.defender.cancel_if(&pending.id, "stop", || true).await.unwrap();
    assert_eq!(cancelled.status, ActionStatus::Cancelled);
    let error = bench.defender.cancel_if(&pending.id, "stop", || true).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Poison, "{error}");
    assert!(!bench.tenant.is_isolated(&id()));
}

#[tokio::test]
async fn many_alerts_are_changed_together() {
    let bench = bench(None);
    let other = bench.tenant.add_alert(SimAlert::default());
    let changes = AlertChanges { determination: Some("Malware".into()), ..AlertChanges::default() };
    bench.defender.update_alerts_if(&[bench.alert.clone(), other.clone()], &changes, || true).await.unwrap();
    for alert in [&bench.alert, &other] {
        assert_eq!(bench.tenant.alert(alert).unwrap().extra["determination"], "Malware");
    }
    assert_eq!(bench.tenant.posts("/api/alerts/batchUpdate"), 1);
}

#[tokio::test]
async fn an_app_without_roles_may_do_none_of_it_and_the_error_says_so() {
    let bench = bench(Some(&["Machine.Read.All"]));
    for action in every_action() {
        let error = bench.act(&action).await.unwrap_err();
        assert_eq!((error.class(), error.code()), (ErrorClass::Fatal, Some("Forbidden")), "{action:?}: {error}");
        assert!(error.to_string().contains("API required roles"), "{error}");
    }
    assert!(bench.tenant.actions().is_empty());
}

#[tokio::test]
async fn a_lost_answer_of_any_action_is_in_doubt_with_its_effect_done_once() {
    let bench = bench(None);
    bench.defender.token_facts().await.unwrap();
    for action in every_action() {
        bench.tenant.script(Fault::on("*", "", FaultKind::DropBeforeAnswer));
        let error = bench.act(&action).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{action:?}: {error}");
        assert_eq!(bench.tenant.faults_left(), 0);
    }
    let listed = every_action().iter().filter(|action| action.kind().is_machine_action()).count();
    assert_eq!(bench.tenant.actions().len(), listed);
    assert_eq!(bench.tenant.indicators().len(), 1);
}
