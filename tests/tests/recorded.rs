//! Topics as an earlier build wrote them: this build goes on with them, and that one with what this one writes. The
//! recorder, which is run by hand on the build that is to be recorded, has a pipeline do everything that respond can
//! remember and writes its topics down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_records::{
    Action, ActionKind, ActionRecord, ActionState, AttemptState, LedgerRecord, MachineId, NoticeKind, Report,
    StampedRecord, Topic,
};
use cordon_runtime::kafka::{Inbound, cluster_id, read_all};
use cordon_simulator::{Fault, FaultKind, Options, SimAlert, SimMachine, evidence};
use cordon_tests::meddle;
use cordon_tests::office::Office;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use serde_json::{Value, json};

/// What is recorded.
const TOPICS: [Topic; 9] = [
    Topic::Alerts,
    Topic::Enriched,
    Topic::Decisions,
    Topic::Commands,
    Topic::Ledger,
    Topic::Actions,
    Topic::Cursors,
    Topic::Notified,
    Topic::DeadLetters,
];

/// The id of the cluster on which they were recorded.
const RECORDED_CLUSTER: &str = "MhjiKuOHRvCBg-qSyzeyrQ";

const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";

/// The rules, by the title of the alert: name and rest.
const RULES: [(&str, &str); 6] = [
    (
        "everything",
        "mode: auto\nactions:\n  - collect_package: {comment: before anything changes}\n  - isolate: {comment: cut off}\n  \
         - restrict_code: {comment: only what is signed}\n  - stop_file: {files: evidence, comment: named by the alert}\n  \
         - scan: {type: Full, comment: after a file was stopped}\n  \
         - live_response: {commands: [{run_script: triage.ps1, args: -All}], comment: look around}\n  \
         - tag: {add: seen-by-cordon}\n  - set_device_value: High\n  \
         - indicator: {from: evidence_ips, action: Block, title: Seen in an attack, description: Block it}\n  \
         - update_alert: {status: InProgress, assigned_to: soc@example.com, comment: Cordon is at it}\n",
    ),
    ("undo", "mode: auto\nactions:\n  - unrestrict_code: {comment: it is over}\n  - release: {comment: it is over}\n"),
    ("timed", "mode: auto\nactions:\n  - isolate: {comment: for a while, release_after: 4h}\n"),
    ("ask", "mode: approve\nactions:\n  - isolate: {comment: ask first}\n"),
    ("offboard", "mode: approve\nactions:\n  - offboard: {comment: sold}\n"),
    ("rehearsed", "mode: shadow\nactions:\n  - isolate: {comment: only in shadow}\n"),
];

const PLAIN: (&str, &str) = ("plain", "mode: auto\nactions:\n  - isolate: {comment: High severity alert}\n");

fn configure(pipeline: &Pipeline, office: &Office) {
    let rule = |(name, rest): (&str, &str)| {
        let text = format!("id: {name}\ndescription: By title\nwhen: alert.title == \"{name}\"\n{rest}");
        (format!("{name}.yaml"), text)
    };
    pipeline.replace_rules(&RULES.into_iter().chain([PLAIN]).map(rule).collect::<Vec<_>>());
    office.guard(
        pipeline,
        &["ann"],
        "hold: {kinds: []}\ncaps: {all_rules: {1h: 14}, fleet_share: {1d: 100%, floor: 100}}\n",
    );
}

fn raise(pipeline: &Pipeline, number: u32, title: &str) -> SimMachine {
    let machine = machine(number, &format!("PC-{number}"));
    if pipeline.tenant.machine(&machine.id).is_none() {
        pipeline.tenant.add_machine(machine.clone());
    }
    let now = pipeline.tenant.now();
    let file = evidence("File", now, &[("sha1", json!(SHA1)), ("fileName", json!("m.exe"))]);
    let address = evidence("Ip", now, &[("ipAddress", json!("203.0.113.7"))]);
    let alert = SimAlert::on(&machine).severity("High").title(title).evidence(file).evidence(address);
    pipeline.tenant.add_alert(alert);
    machine
}

/// Waits until this kind of action on this machine was reported so.
async fn step(pipeline: &Pipeline, machine: &MachineId, kind: ActionKind, state: ActionState) -> ActionRecord {
    until(SOON, &format!("{kind} on {machine} to be {}", state.as_str()), async || {
        let all = pipeline.actions().await;
        let of = |record: &&ActionRecord| {
            record.machine.as_ref().is_some_and(|it| &it.id == machine)
                && record.action.as_ref().map(Action::kind) == Some(kind)
        };
        let seen: Vec<_> = all.iter().filter(of).map(|record| (record.state.as_str(), &record.reason)).collect();
        all.iter().filter(of).find(|record| record.state == state).cloned().ok_or_else(|| format!("{seen:?}"))
    })
    .await
}

/// Waits for the newest notice of this kind that is not `but`.
async fn notice(pipeline: &Pipeline, kind: NoticeKind, but: &str) -> String {
    until(SOON, &format!("a notice {}", kind.as_str()), async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        let found = reports.into_iter().rev().find_map(|report| match report {
            Report::Notice(notice) if notice.kind == kind && notice.id != but => Some(notice.id),
            Report::Notice(_) | Report::Action(_) => None,
        });
        found.ok_or("none yet")
    })
    .await
}

async fn kinds(pipeline: &Pipeline) {
    let anna = raise(pipeline, 1, "everything").id;
    for kind in [
        ActionKind::UpdateAlert,
        ActionKind::CollectPackage,
        ActionKind::LiveResponse,
        ActionKind::Scan,
        ActionKind::Isolate,
    ] {
        step(pipeline, &anna, kind, ActionState::Succeeded).await;
    }
    raise(pipeline, 1, "undo");
    step(pipeline, &anna, ActionKind::UnrestrictCode, ActionState::Succeeded).await;
    step(pipeline, &anna, ActionKind::Release, ActionState::Succeeded).await;
}

async fn people(pipeline: &Pipeline, office: &Office) {
    let isolate = ActionKind::Isolate;
    let [held, yes, no] = [3, 4, 5].map(|number| raise(pipeline, number, "ask").id);
    let mut keys = Vec::new();
    for machine in [&held, &yes, &no] {
        keys.push(step(pipeline, machine, isolate, ActionState::Held).await.key.unwrap().to_string());
    }
    let config = pipeline.config().to_owned();
    for args in [
        vec!["approve", &keys[1], "--why", "seen with Bob", "--yes", "--wait", "60s"],
        vec!["deny", &keys[2], "--why", "a test", "--wait", "60s"],
    ] {
        let (code, told) = office.says("ann", &config, &args).await;
        assert_eq!(code, Some(0), "{told}");
    }
    step(pipeline, &yes, isolate, ActionState::Succeeded).await;
    let (code, told) = office.says("ann", &config, &["release", "PC-4", "--why", "cleaned", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    step(pipeline, &yes, ActionKind::Release, ActionState::Succeeded).await;
    let offboard = raise(pipeline, 6, "offboard").id;
    step(pipeline, &offboard, ActionKind::Offboard, ActionState::Held).await;
}

/// What ends at once, and what is on its way for ever.
async fn ends(pipeline: &Pipeline, office: &Office) {
    let isolate = ActionKind::Isolate;
    let timed = raise(pipeline, 2, "timed").id;
    step(pipeline, &timed, isolate, ActionState::Succeeded).await;
    let rehearsed = raise(pipeline, 7, "rehearsed").id;
    step(pipeline, &rehearsed, isolate, ActionState::Would).await;
    let never = machine(8, "PC-8").tag("cordon-never");
    pipeline.tenant.add_machine(never.clone());
    raise(pipeline, 8, "plain");
    step(pipeline, &never.id, isolate, ActionState::Refused).await;
    let nine = machine(9, "PC-9").id;
    let path = format!("/api/machines/{nine}/isolate");
    pipeline.tenant.script(Fault::on("POST", &path, FaultKind::status(400, "BadRequest", "not supported")));
    raise(pipeline, 9, "plain");
    step(pipeline, &nine, isolate, ActionState::Failed).await;
    raise(pipeline, 2, "plain");
    step(pipeline, &timed, isolate, ActionState::Covered).await;
    pipeline.tenant.set_settle(Duration::from_secs(3_600));
    let ten = raise(pipeline, 10, "plain").id;
    let key = step(pipeline, &ten, isolate, ActionState::Accepted).await.key.unwrap().to_string();
    let config = pipeline.config().to_owned();
    let (code, told) = office.says("ann", &config, &["cancel", &key, "--why", "wrong one", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    step(pipeline, &ten, isolate, ActionState::Cancelled).await;
    let eleven = raise(pipeline, 11, "plain").id;
    step(pipeline, &eleven, isolate, ActionState::Accepted).await;
    let twelve = machine(12, "PC-12").id;
    let path = format!("/api/machines/{twelve}/isolate");
    pipeline.tenant.script(Fault::on("POST", &path, FaultKind::DropBeforeAnswer));
    raise(pipeline, 12, "plain");
    step(pipeline, &twelve, isolate, ActionState::InDoubt).await;
}

/// The breaker latches, is lifted, latches again; then a person pauses everything.
async fn switches(pipeline: &Pipeline, office: &Office) {
    let isolate = ActionKind::Isolate;
    for number in 20..28 {
        raise(pipeline, number, "plain");
    }
    let first = notice(pipeline, NoticeKind::BreakerLatched, "").await;
    let config = pipeline.config().to_owned();
    let (code, told) = office.says("ann", &config, &["resume", &first, "--why", "looked at", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    let again = raise(pipeline, 30, "plain").id;
    notice(pipeline, NoticeKind::BreakerLatched, &first).await;
    step(pipeline, &again, isolate, ActionState::Held).await;
    let (code, told) = office.says("ann", &config, &["pause", "--why", "the evening"]).await;
    assert_eq!(code, Some(0), "{told}");
    let paused = raise(pipeline, 31, "plain").id;
    step(pipeline, &paused, isolate, ActionState::Held).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the recorder: run it on the build whose topics are to be kept"]
async fn record_the_topics_of_this_build() {
    let office = Office::of(&["ann"]).unwrap();
    let tenant = Options { settle: Duration::from_secs(1), enforce_quota: false, ..Options::default() };
    let mut pipeline = Pipeline::prepare("recorded", Setup { tenant, ..Setup::default() }).await.unwrap();
    pipeline.environment.push(("HOSTNAME", "act".into()));
    configure(&pipeline, &office);
    pipeline.launch(1).await;
    kinds(&pipeline).await;
    people(&pipeline, &office).await;
    ends(&pipeline, &office).await;
    switches(&pipeline, &office).await;
    meddle::write(
        &pipeline.kafka.bootstrap_servers,
        &pipeline.kafka.topic(Topic::Decisions),
        "m",
        b"{\"no\":\"decision\"}",
    );
    until(SOON, "a dead letter", async || {
        let dead = read_all(&pipeline.kafka, Topic::DeadLetters).await.unwrap().len();
        if dead > 0 { Ok(()) } else { Err("none") }
    })
    .await;
    pipeline.kill("cordon-act", 0);
    for stage in ["cordon-ingest", "cordon-enrich", "cordon-notify"] {
        assert_eq!(pipeline.process(stage, 0).terminate(SOON).await.code(), Some(0));
    }
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    for topic in TOPICS {
        let records = read_all(&pipeline.kafka, topic).await.unwrap();
        let lines: String = records.iter().map(line).collect();
        let lines = lines.replace(&pipeline.kafka.topic_prefix, "cordon.");
        std::fs::write(folder.join(format!("{}.ndjson", topic.suffix())), lines).unwrap();
    }
}

/// Writes the recorded records of a topic to ours, in their order. The recorded cluster's id becomes this one's, as if
/// its data had been brought here.
async fn play(pipeline: &Pipeline, topic: Topic) -> usize {
    let text = std::fs::read_to_string(folder().join(format!("{}.ndjson", topic.suffix()))).unwrap();
    let here = cluster_id(&pipeline.kafka).await.unwrap();
    let name = pipeline.kafka.topic(topic);
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &records {
        let (key, value) = (record["key"].as_str().unwrap(), record["value"].as_str().unwrap());
        let value = value.replace(RECORDED_CLUSTER, &here);
        let place = (name.as_str(), i32::try_from(record["partition"].as_i64().unwrap()).unwrap());
        meddle::write_to(&pipeline.kafka.bootstrap_servers, place, key.as_bytes(), value.as_bytes());
    }
    records.len()
}

fn calls(pipeline: &Pipeline) -> Vec<String> {
    let effect = |path: &str| path.contains("/api/") && !path.contains("/token");
    let requests = pipeline.tenant.requests().into_iter();
    requests
        .filter(|it| it.method != "GET" && effect(&it.path))
        .map(|it| format!("{} {}", it.method, it.path))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_build_goes_on_with_recorded_topics_and_makes_no_call_twice() {
    let Some(mut pipeline) = Pipeline::prepare("goes-on", Setup::default()).await else { return };
    let mut decisions = 0;
    for topic in [Topic::Decisions, Topic::Commands, Topic::Ledger, Topic::Actions] {
        let count = play(&pipeline, topic).await;
        if topic == Topic::Decisions {
            decisions = count;
        }
    }
    // Nothing was committed, as after a crash: every decision comes once more.
    let group = pipeline.kafka.group("act-respond");
    let name = pipeline.kafka.topic(Topic::Decisions);
    meddle::commit(&pipeline.kafka.bootstrap_servers, &group, &name, 0);
    pipeline.start_stage("cordon-act", 0, &["--role", "respond"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    until(SOON, "every decision to be settled", async || {
        let offsets = cordon_tests::oracle::committed(&pipeline.kafka.bootstrap_servers, &group, &name);
        let settled = offsets.get(&0).copied().unwrap_or(0);
        if settled >= i64::try_from(decisions).unwrap() { Ok(()) } else { Err(settled) }
    })
    .await;
    assert_eq!(calls(&pipeline), Vec::<String>::new(), "the recorded pause holds everything");
    let log = read_all(&pipeline.kafka, Topic::Ledger).await.unwrap();
    let (written, removed): (Vec<&Inbound>, Vec<&Inbound>) = log.iter().partition(|record| record.value.is_some());
    let ledger: Vec<StampedRecord> = written.into_iter().map(|record| record.json().unwrap()).collect();
    let ours = ledger.iter().filter(|record| record.epoch() == Some(2));
    let begun = |record: &&StampedRecord| matches!(record.record(), LedgerRecord::Action(entry) if entry.state == AttemptState::Intent);
    assert_eq!(ours.filter(begun).count(), 0, "no attempt is begun");
    let last = |key: &str| ledger.iter().rfind(|record| record.record().key() == key).expect("it is there");
    let LedgerRecord::Pause(pause) = last("pause").record() else { panic!("no pause") };
    assert!(pause.on);
    assert_eq!(last("claim").epoch(), Some(2));
    // It is more than a week old.
    for key in removed.iter().filter_map(|record| record.key_text()) {
        let LedgerRecord::Closed(closed) = last(key).record() else { panic!("{key} was removed before it was closed") };
        assert!(closed.was_only_rehearsed(), "{closed:?}");
    }
}

/// Shows by hand what an older build makes of what this one wrote: `CORDON_OLDER_ACT` names its `cordon-act`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the binary of an older build: CORDON_OLDER_ACT=PATH"]
async fn an_older_build_goes_on_with_what_this_one_wrote() {
    let Some(older) = std::env::var_os("CORDON_OLDER_ACT") else { panic!("CORDON_OLDER_ACT names no binary") };
    let Some(mut pipeline) = Pipeline::start("older", Setup::default()).await else { return };
    let ben = raise(&pipeline, 1, "any");
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON).await;
    let office = Office::of(&["ann"]).unwrap();
    let config = pipeline.config().to_owned();
    assert_eq!(office.says("ann", &config, &["pause", "--why", "for the downgrade"]).await.0, Some(0));
    notice(&pipeline, NoticeKind::Paused, "").await;
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let mut command = std::process::Command::new(older);
    command.arg("--config").arg(&config).env("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0");
    let mut process = cordon_tests::processes::Process::start("an older cordon-act", command);
    println!("{}", process.line(SOON, "respond holds the ledger").await);
    let anna = raise(&pipeline, 2, "any");
    let held = pipeline.reported(&anna.id, ActionState::Held, SOON).await;
    println!("{}", held.reason);
    assert_eq!([&ben, &anna].map(|machine| pipeline.tenant.isolate_posts(&machine.id)), [1, 0]);
    assert_eq!(process.terminate(SOON).await.code(), Some(0));
    // And this build goes on with what that one wrote, without an epoch on most of it.
    let paused = pipeline.records::<StampedRecord>(Topic::Ledger).await;
    println!("{} records without an epoch", paused.iter().filter(|record| record.epoch().is_none()).count());
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let carl = raise(&pipeline, 3, "any");
    pipeline.reported(&carl.id, ActionState::Held, SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&carl.id), 0, "the pause still holds");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/records/examples/recorded/v1")
}

/// One record: its place, key, headers and value, as text.
fn line(record: &Inbound) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: Vec<(String, Option<String>)> =
        record.headers.0.iter().map(|(name, value)| (name.clone(), value.as_deref().map(text))).collect();
    let line = json!({
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key.as_deref().map(text),
        "headers": headers,
        "value": record.value.as_deref().map(text),
    });
    format!("{line}\n")
}
