//! `cordon isolated` against a simulated tenant and the in-process broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{
    ActionKey, ActionState, AttemptState, Genesis, Headers, LedgerEntry, LedgerRecord, MachineActionId, MachineId,
    SystemClock, Topic,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{MemoryBroker, Outbound};
use cordon_simulator::{
    App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, Quirks, SimMachine, Simulator, TENANT_ID,
};
use serde_json::Value;

/// A tenant, a broker and a configuration that names both.
struct World {
    tenant: Simulator,
    context: Context,
    folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

impl World {
    fn new() -> Self {
        cordon_runtime::process::install_tls();
        let options = Options { settle: Duration::ZERO, smtp_listen: None, ..Options::default() };
        let (tenant, broker) = (Simulator::start(options).unwrap(), MemoryBroker::start().unwrap());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), CLIENT_SECRET).unwrap();
        let config = format!(
            "kafka: {{bootstrap_servers: '{}'}}\ndefender: {{tenant_id: {TENANT_ID}, client_id: {CLIENT_ID}, \
             client_secret: 'file:{}/secret', api_url: {}, authority_url: {}}}\n",
            broker.bootstrap(),
            folder.path().display(),
            tenant.api_url(),
            tenant.authority_url(),
        );
        std::fs::write(folder.path().join("cordon.yaml"), config).unwrap();
        let registry = prometheus::Registry::new();
        let context = Context::open("act", broker.settings(), registry, Arc::new(SystemClock)).unwrap();
        Self { tenant, context, folder, _broker: broker }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("cordon.yaml")
    }

    fn machine(&self, number: u32, name: &str) -> MachineId {
        let id = MachineId::new(format!("{number:040x}")).unwrap();
        self.tenant.add_machine(SimMachine::new(id.clone(), name));
        id
    }

    async fn remember(&self, record: &LedgerRecord) {
        let outbound = Outbound::json(Topic::Ledger, &record.key(), Headers::default(), record).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    async fn isolated(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command.arg("isolated").args(args).arg("--config").arg(self.config());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    async fn document(&self, args: &[&str]) -> (Option<i32>, Value) {
        let (code, told, noted) = self.isolated(&[args, &["-o", "json"]].concat()).await;
        (code, serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}{noted}")))
    }
}

/// Our isolation of this machine, which Defender calls so.
fn ours(machine: &MachineId, id: &MachineActionId) -> LedgerEntry {
    let text = include_str!("../../common/records/examples/v1/ledger-action.json");
    let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no entry") };
    entry.key = ActionKey::new("acee6df23fcd80b6").unwrap();
    entry.machine.id = machine.clone();
    entry.state = AttemptState::Reported(ActionState::Succeeded);
    entry.machine_action_id = Some(id.clone());
    *entry
}

fn names(document: &Value, list: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = document[list].as_array().unwrap().iter();
    all.map(|one| (text(&one["machine"]["name"]), text(&one["state"]), text(&one["by"]["text"]))).collect()
}

/// The record that a ledger begins with.
fn beginning() -> LedgerRecord {
    LedgerRecord::Genesis(Genesis { cluster_id: "c".into(), at: "2026-11-22T00:00:00Z".parse().unwrap() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_and_the_ledger_together_say_who_is_cut_off_by_whom_and_who_was_let_back() {
    let world = World::new();
    let machines = ["LAPTOP-ANNA", "LAPTOP-BEN", "LAPTOP-CARL"].iter().zip(1..);
    let machines: Vec<MachineId> = machines.map(|(name, number)| world.machine(number, name)).collect();
    let by_cordon = world.tenant.isolate_by_person(&machines[0], "cordon", "High [cordon:acee6df23fcd80b6#1]");
    world.tenant.isolate_by_person(&machines[1], "analyst@example.com", "by hand, keep until Monday");
    world.tenant.isolate_by_person(&machines[2], "analyst@example.com", "by hand");
    world.tenant.release_by_person(&machines[2], "bert@example.com", "clean");
    world.tenant.act_by_person("RunAntiVirusScan", &machines[2], "bert@example.com", "to be sure");
    world.remember(&beginning()).await;
    world.remember(&LedgerRecord::Action(Box::new(ours(&machines[0], &by_cordon)))).await;
    world.tenant.set_quirks(Quirks { page_cap: Some(2), ignore_filter: true, ..Quirks::default() });

    let (code, told, noted) = world.isolated(&[]).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(told.contains("LAPTOP-ANNA") && told.contains("Cordon, rule isolate-high"), "{told}");
    let (code, document) = world.document(&[]).await;
    assert_eq!((code, &document["whole"]), (Some(0), &Value::Bool(true)));
    let row = |name: &str, state: &str, by: &str| (name.to_owned(), state.to_owned(), by.to_owned());
    let mut cut_off = names(&document, "isolated");
    cut_off.sort();
    assert_eq!(
        cut_off,
        [
            row("LAPTOP-ANNA", "isolated", "Cordon, rule isolate-high"),
            row("LAPTOP-BEN", "isolated", "analyst@example.com")
        ]
    );
    assert_eq!(names(&document, "let_back"), [row("LAPTOP-CARL", "let_back", "analyst@example.com")]);
    assert_eq!(document["let_back"][0]["release"]["by"]["name"], "bert@example.com");

    let (code, mine) = world.document(&["--mine"]).await;
    assert_eq!((code, names(&mine, "isolated").len()), (Some(0), 1), "{mine}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_alone_needs_no_credential() {
    let world = World::new();
    let machine = world.machine(1, "LAPTOP-ANNA");
    let id = MachineActionId::new("by-cordon").unwrap();
    let (code, _, noted) = world.isolated(&["--mine"]).await;
    assert!(code == Some(1) && noted.contains("has no beginning"), "{noted}");
    world.remember(&beginning()).await;
    world.remember(&LedgerRecord::Action(Box::new(ours(&machine, &id)))).await;
    let text = std::fs::read_to_string(world.config()).unwrap();
    let kafka = text.lines().next().unwrap();
    std::fs::write(world.config(), format!("{kafka}\ndefender: {{tenant_id: {TENANT_ID}}}\n")).unwrap();
    let (code, told, noted) = world.isolated(&["--mine"]).await;
    assert!(code == Some(0) && told.lines().count() == 2, "{told}{noted}");
    assert!(noted.contains("what others isolated or released is not in it"), "{noted}");
    let (code, _, noted) = world.isolated(&[]).await;
    assert!(code == Some(78) && noted.contains("client_id"), "{noted}");
    assert_eq!(world.tenant.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_says_none_who_could_not_look() {
    let world = World::new();
    let (code, _, noted) = world.isolated(&[]).await;
    assert!(code == Some(0) && noted.contains("nobody is cut off, says Defender's list"), "{noted}");

    let broken =
        r#"{"value":[{"id":"a","type":"Isolate","status":"Succeeded"},{"status":"Pending","machineId":"m1"}]}"#;
    let answer = |body: &str| FaultKind::Status { code: 200, body: body.to_owned(), headers: Vec::new() };
    let answers = [
        (FaultKind::status(403, "Forbidden", "no Machine.Read.All"), 77),
        (answer(broken), 1),
        (answer("<html>sign in</html>"), 69),
    ];
    for (answer, expected) in answers {
        world.tenant.script(Fault::on("GET", "/api/machineactions", answer).times(3));
        let (code, told, noted) = world.isolated(&[]).await;
        assert_eq!(code, Some(expected), "{told}{noted}");
        assert!(!noted.contains("nobody is cut off"), "{noted}");
        assert!(noted.contains("--mine") || noted.contains("may lack machines"), "{noted}");
        world.tenant.clear_faults();
    }
    let (key, value) = (Some("action/x".to_owned()), Some(b"{".to_vec()));
    let unread = Outbound { topic: Topic::Ledger, key, headers: Headers::default(), value };
    world.context.producer.send(unread).await.unwrap();
    for args in [&[][..], &["--mine"]] {
        let (code, _, noted) = world.isolated(args).await;
        assert!(code == Some(1) && noted.contains("may lack machines"), "{noted}");
    }
    let (code, document) = world.document(&["--mine"]).await;
    assert_eq!((code, &document["whole"]), (Some(1), &Value::Bool(false)));
    world.tenant.stop().await;
    assert_eq!(world.isolated(&[]).await.0, Some(69));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_may_not_read_machines_is_told_so() {
    let world = World::new();
    world.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &["Machine.Isolate"])]);
    let (code, _, noted) = world.isolated(&[]).await;
    assert!(code == Some(77) && noted.contains("403"), "{noted}");
}
