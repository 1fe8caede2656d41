//! Every response action that a machine carries out: who may ask, with which body, on which platform, how often, and
//! how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use common::{MACHINE, MDE, World, world};
use cordon_records::MachineId;
use cordon_simulator::{ALL_ROLES, ActionOutcome, App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Quirks, SimMachine};
use serde_json::{Value, json};

const SHA1: &str = "87662bc3d60e4200ceaf7aae249d1c343f4b83c9";

fn id() -> MachineId {
    MachineId::new(MACHINE).unwrap()
}

fn live(script: &str) -> Value {
    json!({"Comment": "c", "Commands": [{"type": "RunScript", "params": [{"key": "ScriptName", "value": script}]}]})
}

/// Path, body, type and role of each action.
fn every_action() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let plain = || json!({"Comment": "c"});
    vec![
        ("isolate", json!({"Comment": "c", "IsolationType": "Selective"}), "Isolate", "Machine.Isolate"),
        ("unisolate", plain(), "Unisolate", "Machine.Isolate"),
        ("restrictCodeExecution", plain(), "RestrictCodeExecution", "Machine.RestrictExecution"),
        ("unrestrictCodeExecution", plain(), "UnrestrictCodeExecution", "Machine.RestrictExecution"),
        ("runAntiVirusScan", json!({"Comment": "c", "ScanType": "Full"}), "RunAntiVirusScan", "Machine.Scan"),
        ("collectInvestigationPackage", plain(), "CollectInvestigationPackage", "Machine.CollectForensics"),
        (
            "StopAndQuarantineFile",
            json!({"Comment": "c", "Sha1": SHA1}),
            "StopAndQuarantineFile",
            "Machine.StopAndQuarantine",
        ),
        ("runliveresponse", live("a.ps1"), "LiveResponse", "Machine.LiveResponse"),
        ("offboard", plain(), "Offboard", "Machine.Offboard"),
    ]
}

async fn ask(world: &World, action: &str, body: Value) -> (u16, Value) {
    world.post(&format!("/api/machines/{MACHINE}/{action}"), body).await
}

async fn status(world: &World, action: &Value) -> String {
    let path = format!("/api/machineactions/{}", action["id"].as_str().unwrap());
    world.get(&path).await.1["status"].as_str().unwrap().to_owned()
}

fn code(answer: &(u16, Value)) -> (u16, String) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn every_action_is_accepted_is_pending_and_runs_to_its_end_by_the_clock() {
    let world = world(|_| {}).await;
    for (action, body, kind, _) in every_action() {
        let (answered, wire) = ask(&world, action, body).await;
        assert_eq!(answered, if action == "offboard" { 200 } else { 201 }, "{action}: {wire}");
        assert_eq!((wire["type"].as_str(), wire["status"].as_str()), (Some(kind), Some("Pending")), "{wire}");
        world.clock.forward(6);
        assert_eq!(status(&world, &wire).await, "InProgress", "{action}");
        world.clock.forward(4);
        assert_eq!(status(&world, &wire).await, "Succeeded", "{action}");
        assert_eq!((world.tenant.accepted(kind, &id()), world.tenant.posts(action)), (1, 1), "{action}");
    }
    world.tenant.update_machine(&id(), |machine| machine.outcome = ActionOutcome::Fails);
    for (action, body, ..) in every_action() {
        let (_, wire) = ask(&world, action, body).await;
        world.clock.forward(10);
        assert_eq!(status(&world, &wire).await, "Failed", "{action}");
    }
}

#[tokio::test]
async fn a_second_action_of_a_kind_waits_for_the_first_and_other_kinds_and_other_files_do_not() {
    let world = world(|_| {}).await;
    for (action, body, ..) in every_action() {
        assert!(ask(&world, action, body.clone()).await.0 < 300, "{action}");
        let again = ask(&world, action, body).await;
        assert_eq!(code(&again), (400, "ActiveRequestAlreadyExists".to_owned()), "{action}");
    }
    let other = json!({"Comment": "c", "Sha1": "0".repeat(40)});
    assert_eq!(ask(&world, "StopAndQuarantineFile", other).await.0, 201);
    assert_eq!(world.tenant.actions().len(), 10);
}

#[tokio::test]
async fn a_call_without_the_role_of_its_page_is_forbidden_without_effect() {
    let world = world(|_| {}).await;
    for (action, body, _, role) in every_action() {
        let others: Vec<&str> = ALL_ROLES.into_iter().filter(|has| *has != role).collect();
        world.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &others)]);
        let token = world.token(MDE).await;
        let url = format!("{}/api/machines/{MACHINE}/{action}", world.tenant.base());
        let response = world.http.post(url).bearer_auth(&token).json(&body).send().await.unwrap();
        let answer = common::answer(response).await;
        assert_eq!(code(&answer), (403, "Forbidden".to_owned()), "{action}");
        assert!(answer.1["error"]["message"].as_str().unwrap().contains(role), "{answer:?}");
    }
    assert!(world.tenant.actions().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_the_rules_of_its_page_is_refused_without_effect() {
    let world = world(|_| {}).await;
    let params = |key: &str| json!([{"key": key, "value": "x"}]);
    let get_then_put = json!([
        {"type": "GetFile", "params": params("Path")},
        {"type": "PutFile", "params": params("FileName")},
    ]);
    let wrong_param = json!([{"type": "GetFile", "params": params("path")}]);
    for (action, body, refused) in [
        ("unisolate", json!({"comment": "c"}), "InvalidRequestBody"),
        ("offboard", json!({}), "MissingRequiredParameter"),
        ("runAntiVirusScan", json!({"Comment": "c"}), "MissingRequiredParameter"),
        ("runAntiVirusScan", json!({"Comment": "c", "ScanType": "quick"}), "InvalidInput"),
        ("runAntiVirusScan", json!({"Comment": "c", "scanType": "Quick"}), "InvalidRequestBody"),
        ("isolate", json!({"Comment": "c", "IsolationType": "UnManagedDevice"}), "InvalidInput"),
        ("StopAndQuarantineFile", json!({"Comment": "c", "Sha1": "abc"}), "InvalidHashValue"),
        ("StopAndQuarantineFile", json!({"Comment": "c"}), "MissingRequiredParameter"),
        ("runliveresponse", json!({"Comment": "c", "Commands": []}), "MissingRequiredParameter"),
        ("runliveresponse", json!({"Comment": "c", "Commands": get_then_put}), "InvalidInput"),
        ("runliveresponse", json!({"Comment": "c", "Commands": wrong_param}), "InvalidInput"),
    ] {
        assert_eq!(code(&ask(&world, action, body.clone()).await), (400, refused.to_owned()), "{action} {body}");
    }
    assert_eq!(code(&ask(&world, "stopAndQuarantineFile", json!({"Comment": "c"})).await).0, 404, "paths, too");
    assert_eq!(world.post("/api/machines/nobody/offboard", json!({"Comment": "c"})).await.0, 404);
    assert!(world.tenant.actions().is_empty());
}

#[tokio::test]
async fn a_platform_without_the_action_refuses_it_and_only_unmanaged_devices_can_be_contained() {
    let world = world(|_| {}).await;
    for (os, refused) in [
        ("macOS", &["restrictCodeExecution", "collectInvestigationPackage", "StopAndQuarantineFile", "offboard"][..]),
        ("WindowsServer2016", &["restrictCodeExecution", "runliveresponse"]),
        ("Android", &["runAntiVirusScan", "unisolate"]),
    ] {
        world.tenant.update_machine(&id(), |machine| os.clone_into(&mut machine.os));
        for (action, body, ..) in every_action().into_iter().filter(|(action, ..)| refused.contains(action)) {
            let answer = ask(&world, action, body).await;
            assert_eq!(code(&answer), (400, "OsPlatformNotSupported".to_owned()), "{action} on {os}");
        }
    }
    world.tenant.update_machine(&id(), |machine| {
        machine.os = "Windows11".into();
        machine.onboarding = "CanBeOnboarded".into();
    });
    let contain = json!({"Comment": "c", "IsolationType": "UnManagedDevice"});
    assert_eq!(ask(&world, "isolate", contain).await.0, 201);
}

#[tokio::test]
async fn a_tenant_has_25_live_response_sessions_at_a_time_and_10_calls_a_minute() {
    let world = world(|options| options.token_lifetime = std::time::Duration::from_secs(86_400)).await;
    let machines: Vec<_> = (0..26).map(|n| MachineId::new(format!("m{n}")).unwrap()).collect();
    for machine in &machines {
        world.tenant.add_machine(SimMachine::new(machine.clone(), machine.as_str()).offline());
    }
    let mut answers = Vec::new();
    for machine in &machines {
        world.clock.forward(10);
        answers.push(world.post(&format!("/api/machines/{machine}/runliveresponse"), live("a.ps1")).await);
    }
    assert!(answers[..25].iter().all(|(status, _)| *status == 201), "{answers:?}");
    assert_eq!(code(&answers[25]), (429, "TooManyRequests".to_owned()));
    world.clock.forward(3_600);
    for call in 0..11 {
        let (status, answer) = world.post("/api/machines/nobody/runliveresponse", live("a.ps1")).await;
        assert_eq!(status, if call < 10 { 404 } else { 429 }, "call {call}: {answer}");
    }
}

#[tokio::test]
async fn the_calls_with_smaller_quotas_keep_to_them() {
    let world = world(|options| options.token_lifetime = std::time::Duration::from_secs(86_400)).await;
    let post = |path: &'static str| world.post(path, json!({"Comment": "c"}));
    for call in 0..11 {
        assert_eq!(post("/api/alerts/batchUpdate").await.0, if call < 10 { 400 } else { 429 });
    }
    for call in 0..3 {
        let (status, answer) = world.get("/api/machineactions/x/getPackageUri").await;
        assert_eq!(status, if call < 2 { 404 } else { 429 }, "{answer}");
    }
    for call in 0..101 {
        assert_eq!(post("/api/indicators").await.0, if call < 100 { 400 } else { 429 });
    }
    world.tenant.set_enforce_quota(false);
    assert_eq!(world.get("/api/machineactions/x/getPackageUri").await.0, 404);
}

#[tokio::test]
async fn a_cancellation_stops_what_has_not_ended_needs_the_same_role_and_may_come_too_late() {
    let world = world(|_| {}).await;
    let (_, scan) = ask(&world, "runAntiVirusScan", json!({"Comment": "c", "ScanType": "Quick"})).await;
    let cancel = format!("/api/machineactions/{}/cancel", scan["id"].as_str().unwrap());
    let url = format!("{}{cancel}", world.tenant.base());
    world.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &["Machine.Isolate"])]);
    let isolator = world.token(MDE).await;
    let response = world.http.post(url).bearer_auth(isolator).json(&json!({"Comment": "no"})).send().await.unwrap();
    assert_eq!(code(&common::answer(response).await), (403, "Forbidden".to_owned()));
    let (answered, wire) = world.post(&cancel, json!({"Comment": "no"})).await;
    assert_eq!(
        (answered, wire["status"].as_str(), wire["errorHResult"].as_i64()),
        (200, Some("Cancelled"), Some(-2_147_467_260))
    );
    world.clock.forward(60);
    assert_eq!(code(&world.post(&cancel, json!({"Comment": "no"})).await), (400, "InvalidInput".to_owned()));
    assert_eq!(world.post("/api/machineactions/nothing/cancel", json!({"Comment": "no"})).await.0, 404);
    world.tenant.set_quirks(Quirks { cancel_comes_too_late: true, ..Quirks::default() });
    let (_, isolation) = world.isolate().await;
    let cancel = format!("/api/machineactions/{}/cancel", isolation["id"].as_str().unwrap());
    assert_eq!(world.post(&cancel, json!({"Comment": "no"})).await.0, 200);
    world.clock.forward(10);
    assert_eq!((status(&world, &isolation).await.as_str(), world.tenant.is_isolated(&id())), ("Succeeded", true));
}

#[tokio::test]
async fn a_machine_is_isolated_by_what_succeeded_last_whoever_asked_for_it() {
    let world = world(|_| {}).await;
    let isolated = || world.tenant.is_isolated(&id());
    world.isolate().await;
    assert!(!isolated(), "it is only asked for");
    world.clock.forward(10);
    assert!(isolated());
    let release = world.tenant.release_by_person(&id(), "ann@lab.example", "clean");
    assert!(world.tenant.cancel_by_person(&release, "ann@lab.example", "not yet"));
    assert!(!world.tenant.cancel_by_person(&release, "ann@lab.example", "not yet"), "it has ended");
    world.clock.forward(10);
    assert!(isolated(), "a release that was cancelled releases nothing");
    world.tenant.release_by_person(&id(), "ann@lab.example", "clean");
    world.clock.forward(10);
    assert!(!isolated());
    ask(&world, "restrictCodeExecution", json!({"Comment": "c"})).await;
    world.clock.forward(10);
    assert!(world.tenant.is_restricted(&id()) && !isolated());
}

#[tokio::test]
async fn a_package_has_a_link_once_it_is_collected_which_ends_after_a_while_and_is_not_logged() {
    let world = world(|_| {}).await;
    let (_, wire) = ask(&world, "collectInvestigationPackage", json!({"Comment": "c"})).await;
    let path = format!("/api/machineactions/{}/getPackageUri", wire["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.0, 404);
    world.clock.forward(60);
    let (_, answer) = world.get(&path).await;
    let quoted = answer["value"].as_str().unwrap();
    let link: String = serde_json::from_str(quoted).expect("quotes of its own");
    let file = world.http.get(&link).send().await.unwrap();
    assert_eq!(file.status().as_u16(), 200);
    assert!(file.bytes().await.unwrap().starts_with(b"PK"));
    let token = link.split('/').nth_back(1).unwrap();
    assert!(!world.tenant.to_jsonl().contains(token), "{}", world.tenant.to_jsonl());
    world.clock.forward(1_800);
    assert_eq!(world.http.get(&link).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn live_response_commands_show_what_became_of_them_and_lead_to_their_results() {
    let world = world(|_| {}).await;
    let param = |key: &str, value: &str| json!([{"key": key, "value": value}]);
    let commands = json!([
        {"type": "PutFile", "params": param("FileName", "tool.exe")},
        {"type": "RunScript", "params": param("ScriptName", "dump.ps1")},
        {"type": "GetFile", "params": param("Path", "C:\\dump.zip")},
    ]);
    let (_, wire) = ask(&world, "runliveresponse", json!({"Comment": "c", "Commands": commands})).await;
    assert_eq!(wire["commands"][2]["commandStatus"], "Created");
    let result = |index: usize| {
        format!("/api/machineactions/{}/GetLiveResponseResultDownloadLink(index={index})", wire["id"].as_str().unwrap())
    };
    assert_eq!(world.get(&result(1)).await.0, 404, "it has not run");
    world.clock.forward(60);
    let (_, done) = world.get(&format!("/api/machineactions/{}", wire["id"].as_str().unwrap())).await;
    assert_eq!(done["commands"][1]["commandStatus"], "Completed");
    assert_eq!(done["commands"][1]["command"], commands[1]);
    let (_, link) = world.get(&result(1)).await;
    let output: Value = world.http.get(link["value"].as_str().unwrap()).send().await.unwrap().json().await.unwrap();
    assert_eq!(output["script_name"], "dump.ps1");
    for (index, expected) in [(0, 404), (2, 200), (3, 404)] {
        assert_eq!(world.get(&result(index)).await.0, expected, "{index}");
    }
}

#[tokio::test]
async fn faults_play_for_every_action() {
    let world = world(|_| {}).await;
    for (action, body, kind, _) in every_action() {
        let end = format!("/{action}");
        world.tenant.script(Fault::on("POST", &end, FaultKind::Html502));
        assert_eq!(ask(&world, action, body.clone()).await.0, 502, "{action}");
        assert_eq!(world.tenant.accepted(kind, &id()), 0, "{action}");
        world.tenant.script(Fault::on("POST", &end, FaultKind::DropBeforeAnswer));
        let request = world.request(reqwest::Method::POST, &format!("/api/machines/{MACHINE}{end}")).json(&body);
        request.send().await.expect_err("no answer may come");
        assert_eq!((world.tenant.accepted(kind, &id()), world.tenant.posts(&end)), (1, 2), "{action}");
    }
}
