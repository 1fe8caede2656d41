//! One rule asks for every kind of action, over a real broker; the tenant's request log tells which calls came, in which
//! order, and what came of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionKind, ActionState};
use cordon_simulator::{Options, SimAlert, evidence};
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use serde_json::json;

const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";

/// Every kind but release, unrestrict and cancel, which undo what stands here, and offboard, which would be the end.
const RULE: &str = r#"
id: everything
description: Every kind of action in one rule
mode: auto
when: alert.severity == "High" && alert.status != "Resolved"
actions:
  - collect_package: {comment: before anything changes}
  - isolate: {comment: cut off}
  - restrict_code: {comment: only what is signed}
  - stop_file: {files: evidence, comment: named by the alert}
  - scan: {type: Full, comment: after a file was stopped}
  - live_response: {commands: [{run_script: triage.ps1, args: -All}], comment: look around}
  - tag: {add: seen-by-cordon}
  - set_device_value: High
  - indicator: {from: evidence_ips, action: Block, title: Seen in an attack, description: Block it everywhere}
  - update_alert: {status: InProgress, assigned_to: soc@example.com, comment: Cordon is at it}
"#;

/// The end of the path of each call that has an effect, in the order of the rule.
const CALLS: [&str; 10] = [
    "/collectInvestigationPackage",
    "/isolate",
    "/restrictCodeExecution",
    "/StopAndQuarantineFile",
    "/runAntiVirusScan",
    "/runliveresponse",
    "/tags",
    "/setDeviceValue",
    "/indicators",
    "/alerts/",
];

/// The calls that have an effect, as the tenant saw them, by what they end in.
fn calls(pipeline: &Pipeline) -> Vec<&'static str> {
    let requests = pipeline.tenant.requests().into_iter();
    let effects = requests.filter(|request| ["POST", "PATCH"].contains(&request.method.as_str()));
    let of =
        |path: &str| CALLS.into_iter().find(|end| path.ends_with(end) || (*end == "/alerts/" && path.contains(end)));
    effects.filter(|request| !request.path.contains("/token")).filter_map(|request| of(&request.path)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_of_a_rule_is_begun_once_in_the_rules_order_and_followed_to_its_end() {
    let tenant = Options { settle: Duration::from_secs(1), enforce_quota: false, ..Options::default() };
    let Some(mut pipeline) = Pipeline::prepare("actions", Setup { tenant, ..Setup::default() }).await else { return };
    let beside = |name: &str| pipeline.config().with_file_name(name);
    std::fs::write(beside("isolate-high.yaml"), RULE).unwrap();
    std::fs::write(beside("guards.yaml"), "hold: {kinds: []}\n").unwrap();
    let text = std::fs::read_to_string(pipeline.config()).unwrap();
    std::fs::write(pipeline.config(), text.replace("act: {", "act: {guards: guards.yaml, ")).unwrap();
    pipeline.launch(1).await;
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    let now = pipeline.tenant.now();
    let file = evidence("File", now, &[("sha1", json!(SHA1)), ("fileName", json!("m.exe"))]);
    let address = evidence("Ip", now, &[("ipAddress", json!("203.0.113.7"))]);
    let alert = pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High").evidence(file).evidence(address));

    let kinds = [
        ActionKind::CollectPackage,
        ActionKind::Isolate,
        ActionKind::RestrictCode,
        ActionKind::StopFile,
        ActionKind::Scan,
        ActionKind::LiveResponse,
        ActionKind::Tag,
        ActionKind::SetDeviceValue,
        ActionKind::Indicator,
        ActionKind::UpdateAlert,
    ];
    until(SOON * 2, "every action to succeed", async || {
        let actions = pipeline.actions().await;
        let done = |kind: &ActionKind| {
            let of =
                |record: &&cordon_records::ActionRecord| record.action.as_ref().is_some_and(|it| it.kind() == *kind);
            actions.iter().filter(of).any(|record| record.state == ActionState::Succeeded)
        };
        let open: Vec<&str> = kinds.iter().filter(|kind| !done(kind)).map(|kind| kind.as_str()).collect();
        let told = || actions.iter().map(|record| (record.id.clone(), record.reason.clone())).collect::<Vec<_>>();
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?} of {:?}", told())) }
    })
    .await;
    assert_eq!(calls(&pipeline), CALLS, "{}", pipeline.tenant.to_jsonl());
    let stands = (pipeline.tenant.is_isolated(&anna.id), pipeline.tenant.is_restricted(&anna.id));
    assert_eq!(stands, (true, true));
    let found = pipeline.tenant.machine(&anna.id).unwrap();
    assert!(found.tags.contains(&"seen-by-cordon".to_owned()), "{found:?}");
    assert_eq!(pipeline.tenant.alert(&alert).unwrap().status, "InProgress");
    assert_eq!(pipeline.tenant.indicators()[0]["indicatorValue"], json!("203.0.113.7"));
    let actions = pipeline.actions().await;
    let package = actions.iter().find(|record| record.link.is_some()).expect("the link to the package is reported");
    assert_eq!(package.action.as_ref().map(cordon_records::Action::kind), Some(ActionKind::CollectPackage));
    pipeline.mailed("investigation package", SOON).await;
}
