//! Every response action: what is sent, and what its answers mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::time::Duration;

use cordon_defender::{ApiError, Defender, Done, QuotaSettings};
use cordon_records::{
    Action, ActionKind, ActionStatus, ActionType, AlertChanges, AlertId, AlertStatus, Classification, Classified,
    DeviceValue, ErrorClass, Indicator, IndicatorAction, IndicatorType, IsolationType, LiveCommand, MachineActionId,
    ScanType, Sha1, TagChange,
};
use support::{Reply, Server, client, client_of, hasty, machine, nobody, ports, settings};

const SHA1: &str = "87662bc3d60e4200ceaf7aae249d1c343f4b83c9";

fn alert() -> AlertId {
    AlertId::new("da1_1").unwrap()
}

fn changes() -> AlertChanges {
    AlertChanges {
        status: Some(AlertStatus::Resolved),
        assigned_to: Some("secop@contoso.test".into()),
        classification: Some(Classification::FalsePositive),
        determination: Some("NotMalicious".into()),
        comment: Some("a \"test\"".into()),
    }
}

fn indicator() -> Indicator {
    Indicator {
        value: "203.0.113.7".into(),
        kind: IndicatorType::IpAddress,
        action: IndicatorAction::Block,
        title: "C2".into(),
        description: "seen with da1_1".into(),
        severity: None,
        expires_after_s: None,
        generate_alert: false,
        groups: vec![],
    }
}

/// One action of each kind that is taken, in the order of [`ActionKind::TAKEN`] and without a cancellation, which needs an id.
fn every_action() -> Vec<Action> {
    let comment = || "why".to_owned();
    vec![
        Action::Isolate { isolation: IsolationType::UnManagedDevice, comment: comment(), release: None },
        Action::Release { comment: comment() },
        Action::RestrictCode { comment: comment() },
        Action::UnrestrictCode { comment: comment() },
        Action::Scan { scan: ScanType::Quick, comment: comment() },
        Action::CollectPackage { comment: comment() },
        Action::StopFile { sha1: Sha1::new(SHA1).unwrap(), comment: comment() },
        Action::LiveResponse {
            commands: vec![
                LiveCommand::PutFile { file: "tool.exe".into() },
                LiveCommand::RunScript { script: "dump.ps1".into(), args: "Office".into() },
                LiveCommand::RunScript { script: "clean.ps1".into(), args: String::new() },
                LiveCommand::GetFile { path: r"C:\TEMP\dump.zip".into() },
            ],
            comment: comment(),
        },
        Action::Offboard { comment: comment() },
        Action::Tag { tag: "VIP".into(), change: TagChange::Add },
        Action::SetDeviceValue { value: DeviceValue::High },
        Action::UpdateAlert(changes()),
        Action::Indicator(indicator()),
    ]
}

/// What Defender answers to a call with that path.
fn taken(path: &str) -> Reply {
    let kind = match path.rsplit('/').next().unwrap() {
        "isolate" => "Isolate",
        "unisolate" => "Unisolate",
        "restrictCodeExecution" => "RestrictCodeExecution",
        "unrestrictCodeExecution" => "UnrestrictCodeExecution",
        "runAntiVirusScan" => "RunAntiVirusScan",
        "collectInvestigationPackage" => "CollectInvestigationPackage",
        "StopAndQuarantineFile" => "StopAndQuarantineFile",
        "runliveresponse" => "LiveResponse",
        "offboard" => return Reply::new(200, r#"{"id":"act-1","type":"Offboard","status":"Pending"}"#),
        "tags" | "setDeviceValue" => return Reply::new(200, r#"{"id":"M1","machineTags":["VIP"]}"#),
        "da1_1" => return Reply::new(200, r#"{"id":"da1_1","status":"Resolved"}"#),
        "indicators" => return Reply::new(200, r#"{"id":995,"indicatorValue":"203.0.113.7"}"#),
        other => panic!("nobody should have called {other}"),
    };
    Reply::new(201, format!(r#"{{"id":"act-1","type":"{kind}","status":"Pending","machineId":"m1"}}"#))
}

async fn act(defender: &Defender, action: &Action) -> Result<Done, ApiError> {
    defender.act_if(&alert(), &machine("m1"), action, "why [cordon:k#1]", || true).await
}

#[tokio::test]
async fn what_microsoft_no_longer_takes_is_never_sent_and_the_error_names_what_takes_its_place() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let error = act(&client(&server), &Action::Investigate { comment: "why".into() }).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert!(error.to_string().contains("`scan: {type: Full, comment: why}`"), "{error}");
    assert_eq!((server.calls().len(), server.token_requests().len()), (0, 0));
}

#[tokio::test]
async fn every_action_goes_to_its_path_with_the_documented_body_exactly_once() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let defender = client(&server);
    for action in every_action() {
        act(&defender, &action).await.unwrap();
    }
    let sent: Vec<String> =
        server.calls().iter().map(|call| format!("{} {} {}", call.method, call.path, call.body)).collect();
    let comment = r#""Comment":"why [cordon:k#1]""#;
    let script = |name: &str, args: &str| {
        format!(r#"{{"type":"RunScript","params":[{{"key":"ScriptName","value":"{name}"}}{args}]}}"#)
    };
    let commands = [
        r#"{"type":"PutFile","params":[{"key":"FileName","value":"tool.exe"}]}"#.to_owned(),
        script("dump.ps1", r#",{"key":"Args","value":"Office"}"#),
        script("clean.ps1", ""),
        r#"{"type":"GetFile","params":[{"key":"Path","value":"C:\\TEMP\\dump.zip"}]}"#.to_owned(),
    ]
    .join(",");
    let expected = [
        format!(r#"POST /api/machines/m1/isolate {{{comment},"IsolationType":"UnManagedDevice"}}"#),
        format!("POST /api/machines/m1/unisolate {{{comment}}}"),
        format!("POST /api/machines/m1/restrictCodeExecution {{{comment}}}"),
        format!("POST /api/machines/m1/unrestrictCodeExecution {{{comment}}}"),
        format!(r#"POST /api/machines/m1/runAntiVirusScan {{{comment},"ScanType":"Quick"}}"#),
        format!("POST /api/machines/m1/collectInvestigationPackage {{{comment}}}"),
        format!(r#"POST /api/machines/m1/StopAndQuarantineFile {{{comment},"Sha1":"{SHA1}"}}"#),
        format!(r#"POST /api/machines/m1/runliveresponse {{{comment},"Commands":[{commands}]}}"#),
        format!("POST /api/machines/m1/offboard {{{comment}}}"),
        r#"POST /api/machines/m1/tags {"Value":"VIP","Action":"Add"}"#.to_owned(),
        r#"POST /api/machines/m1/setDeviceValue {"DeviceValue":"High"}"#.to_owned(),
        concat!(
            r#"PATCH /api/alerts/da1_1 {"status":"Resolved","assignedTo":"secop@contoso.test","#,
            r#""classification":"FalsePositive","determination":"NotMalicious","comment":"a \"test\""}"#
        )
        .to_owned(),
        concat!(
            r#"POST /api/indicators {"indicatorValue":"203.0.113.7","indicatorType":"IpAddress","action":"Block","#,
            r#""title":"C2","description":"seen with da1_1","generateAlert":false}"#
        )
        .to_owned(),
    ];
    assert_eq!(sent, expected);
    assert!(server.calls().iter().all(|call| call.content_type.as_deref() == Some("application/json")));
}

#[tokio::test]
async fn a_machine_action_is_to_be_followed_and_everything_else_is_done_with_its_answer() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let defender = client(&server);
    let mut said = Vec::new();
    for action in every_action() {
        match act(&defender, &action).await.unwrap() {
            Done::MachineAction(listed) => {
                assert_eq!(Some(listed.kind), ActionType::of(action.kind()), "{action:?}");
                assert_eq!(listed.status, ActionStatus::Pending);
                assert!(action.kind().is_machine_action(), "{action:?}");
            }
            Done::Now(text) => {
                assert!(!action.kind().is_machine_action(), "{action:?}");
                said.push(text);
            }
        }
    }
    let expected = ["tag VIP put on", "device value set to High", "alert updated", "indicator 995 submitted"];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn an_indicator_names_its_end_and_its_groups_when_it_has_them() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let mut full = indicator();
    full.severity = Some("High".into());
    full.expires_after_s = Some(3_600);
    full.generate_alert = true;
    full.groups = vec!["clients".into()];
    act(&client(&server), &Action::Indicator(full)).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&server.calls()[0].body).unwrap();
    assert_eq!((body["severity"].as_str(), body["generateAlert"].as_bool()), (Some("High"), Some(true)));
    assert_eq!(body["rbacGroupNames"], serde_json::json!(["clients"]));
    let end = body["expirationTime"].as_str().unwrap();
    assert!(end.len() == 20 && end.ends_with('Z') && end.parse::<jiff::Timestamp>().is_ok(), "{end}");
}

#[tokio::test]
async fn a_cancellation_goes_to_the_action_and_needs_its_id() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"id":"act-1","type":"Isolate","status":"Cancelled"}"#)).await;
    let defender = client(&server);
    let id = MachineActionId::new("act-1").unwrap();
    let cancelled = defender.cancel_if(&id, "stop [cordon:k#1]", || true).await.unwrap();
    assert_eq!(cancelled.status, ActionStatus::Cancelled);
    let without_id = Action::Cancel { what: ActionKind::Isolate, comment: "stop".into() };
    let error = act(&defender, &without_id).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].method.as_str(), calls[0].path.as_str(), calls[0].body.as_str()),
        ("POST", "/api/machineactions/act-1/cancel", r#"{"Comment":"stop [cordon:k#1]"}"#)
    );
}

#[tokio::test]
async fn many_alerts_are_changed_with_one_call_and_none_with_none() {
    let server = Server::start(|_, _| Reply::new(200, "")).await;
    let defender = client(&server);
    let some = AlertChanges { status: Some(AlertStatus::InProgress), ..AlertChanges::default() };
    defender.update_alerts_if(&[], &some, || true).await.unwrap();
    defender.update_alerts_if(&[alert(), AlertId::new("da2_1").unwrap()], &some, || true).await.unwrap();
    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].method.as_str(), calls[0].path.as_str(), calls[0].body.as_str()),
        ("POST", "/api/alerts/batchUpdate", r#"{"alertIds":["da1_1","da2_1"],"status":"InProgress"}"#)
    );
}

/// Answers every call with this, and gives back the class of each action's error and how many calls there were.
async fn classes(status: u16, body: &'static str) -> (Vec<ErrorClass>, Vec<Option<String>>, usize) {
    let server = Server::start(move |_, _| Reply::new(status, body)).await;
    let defender = client(&server);
    let mut errors = Vec::new();
    for action in every_action() {
        errors.push(act(&defender, &action).await.unwrap_err());
    }
    let id = MachineActionId::new("act-1").unwrap();
    errors.push(defender.cancel_if(&id, "c", || true).await.unwrap_err());
    errors.push(defender.update_alerts_if(&[alert()], &changes(), || true).await.unwrap_err());
    let codes = errors.iter().map(|error| error.code().map(str::to_owned)).collect();
    (errors.iter().map(Classified::class).collect(), codes, server.calls().len())
}

#[tokio::test]
async fn an_answer_means_the_same_for_every_action_and_none_is_sent_twice() {
    for (status, body, class) in [
        (500, r#"{"error":{"code":"InternalServerError"}}"#, ErrorClass::Ambiguous),
        (502, "<html><h1>Bad Gateway</h1></html>", ErrorClass::Ambiguous),
        (503, "", ErrorClass::Ambiguous),
        (200, "<html>sign in</html>", ErrorClass::Ambiguous),
        (404, r#"{"error":{"code":"ResourceNotFound","message":"Machine m1 was not found"}}"#, ErrorClass::Poison),
        (403, r#"{"error":{"code":"Forbidden"}}"#, ErrorClass::Fatal),
        (403, r#"{"error":{"code":"DisabledFeature"}}"#, ErrorClass::Fatal),
    ] {
        let (classes, _, calls) = classes(status, body).await;
        assert_eq!(classes, vec![class; 15], "{status} {body}");
        assert_eq!(calls, 15, "{status} {body}");
    }
    for code in ["ActiveRequestAlreadyExists", "OsPlatformNotSupported", "ClientVersionNotSupported", "InvalidInput"] {
        let body = Box::leak(format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#).into_boxed_str());
        let (classes, codes, calls) = classes(400, body).await;
        assert_eq!((classes, calls), (vec![ErrorClass::Poison; 15], 15), "{code}");
        assert!(codes.iter().all(|said| said.as_deref() == Some(code)), "{codes:?}");
    }
}

#[tokio::test]
async fn a_call_over_the_quota_is_transient_is_not_repeated_and_keeps_only_its_own_kind_back() {
    let server = Server::start(|seen, _| match seen.path.ends_with("/runAntiVirusScan") {
        true => Reply::new(429, "").header("retry-after", "90"),
        false => taken(&seen.path),
    })
    .await;
    let defender = client(&server);
    let scan = Action::Scan { scan: ScanType::Full, comment: "c".into() };
    for _ in 0..2 {
        let error = act(&defender, &scan).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        assert!(error.retry_after().unwrap() > Duration::from_secs(80), "{error}");
    }
    act(&defender, &Action::Release { comment: "c".into() }).await.unwrap();
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn silence_is_in_doubt_and_a_server_that_is_not_there_is_not() {
    let server = Server::start(|_, _| Reply::hang()).await;
    let defender = Defender::with(settings(&server.url, &server.url), hasty()).unwrap();
    defender.token_facts().await.unwrap();
    for action in every_action() {
        let error = act(&defender, &action).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{action:?}: {error}");
    }
    assert_eq!(server.calls().len(), every_action().len());
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let defender = client_of(&nobody().await, &authority);
    for action in every_action() {
        let error = act(&defender, &action).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{action:?}: {error}");
    }
}

#[tokio::test]
async fn nothing_is_sent_once_permission_is_gone() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let defender = client(&server);
    for action in every_action() {
        let error = defender.act_if(&alert(), &machine("m1"), &action, "c", || false).await.unwrap_err();
        assert!(matches!(error, ApiError::Withdrawn { .. }), "{error}");
    }
    let id = MachineActionId::new("act-1").unwrap();
    assert!(matches!(defender.cancel_if(&id, "c", || false).await, Err(ApiError::Withdrawn { .. })));
    let refused = defender.update_alerts_if(&[alert()], &changes(), || false).await;
    assert!(matches!(refused, Err(ApiError::Withdrawn { .. })));
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn an_update_of_an_alert_without_its_alert_in_the_answer_is_in_doubt() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"id":"another"}"#)).await;
    for action in [
        Action::UpdateAlert(changes()),
        Action::Tag { tag: "t".into(), change: TagChange::Remove },
        Action::SetDeviceValue { value: DeviceValue::Low },
    ] {
        let error = act(&client(&server), &action).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{action:?}: {error}");
    }
}

#[tokio::test]
async fn what_was_done_before_a_restart_holds_back_its_own_kind_and_nothing_else() {
    let server = Server::start(|seen, _| taken(&seen.path)).await;
    let mut settings = settings(&server.url, &server.url);
    settings.quota = QuotaSettings::default();
    let defender = Defender::with(settings, ports()).unwrap();
    let before: Vec<_> = (0..100).map(|_| (ActionKind::Scan, Duration::from_secs(30))).collect();
    defender.acted_before(&before);
    let error = act(&defender, &Action::Scan { scan: ScanType::Quick, comment: "c".into() }).await.unwrap_err();
    assert!(matches!(error, ApiError::Throttled { endpoint: "machines/{id}/runAntiVirusScan", .. }), "{error}");
    act(&defender, &Action::Release { comment: "c".into() }).await.unwrap();
    let paths: Vec<String> = server.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/api/machines/m1/unisolate"]);
}

#[tokio::test]
async fn links_are_read_like_every_read_and_do_not_show_in_errors() {
    let server = Server::start(|seen, before| match before {
        0 => Reply::new(503, ""),
        1 => Reply::new(200, r#"{"value":"\"http://127.0.0.1/p.zip?token=s%2f\""}"#),
        2 => Reply::new(404, r#"{"error":{"code":"ResourceNotFound","message":"not complete"}}"#),
        3 => Reply::new(200, r#"{"value":"http://127.0.0.1/o.json?sig=s"}"#),
        _ if seen.path.contains("getPackageUri") => Reply::new(200, r#"{"value":"ftp://s.ecret"}"#),
        _ => panic!("{seen:?}"),
    })
    .await;
    let defender = client(&server);
    let id = MachineActionId::new("act-1").unwrap();
    assert_eq!(defender.package_uri(&id).await.unwrap(), "http://127.0.0.1/p.zip?token=s%2f");
    assert!(defender.package_uri(&id).await.unwrap_err().is_not_found());
    assert_eq!(defender.live_response_link(&id, 2).await.unwrap(), "http://127.0.0.1/o.json?sig=s");
    let error = defender.package_uri(&id).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ecret"), "{error:?}");
    let paths: Vec<String> = server.calls().into_iter().map(|call| call.path).take(4).collect();
    let package = "/api/machineactions/act-1/getPackageUri";
    let result = "/api/machineactions/act-1/GetLiveResponseResultDownloadLink(index=2)";
    assert_eq!(paths, [package, package, package, result]);
}
