//! What the tests of people's commands share: a broker, a person with a real SSH key, and respond's records.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::process::{Command as Process, Output, Stdio};
use std::sync::Arc;

use cordon_records::{
    ActionKey, ActionState, Approval, AttemptState, Clock as _, CommandPlace, CommandRecord, Counter, Headers,
    LedgerEntry, LedgerRecord, MachineId, Notice, NoticeKind, Report, RuleId, SCHEMA_VERSION, SystemClock, Topic,
};
use cordon_response::RawRecord;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{MemoryBroker, Outbound, read_all};
use cordon_signing::{AllowedSigners, Signer};
use jiff::SignedDuration;

/// A broker, a configuration that names it, and Ann's key.
pub struct World {
    pub context: Context,
    pub config: PathBuf,
    folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

pub fn cordon(args: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_cordon"));
    command.args(args).stdin(Stdio::null()).env_remove("CORDON_SSH_KEY").env("USER", "ann");
    command
}

pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A held isolation of a laptop.
pub fn held(key: &str, machine: &str, name: &str) -> LedgerEntry {
    let text = include_str!("../../../common/records/examples/v1/ledger-action.json");
    let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no entry") };
    entry.key = ActionKey::new(key).unwrap();
    entry.machine.id = MachineId::new(machine).unwrap();
    entry.machine.name = Some(name.to_owned());
    entry.state = AttemptState::Reported(ActionState::Held);
    entry.attempt = 0;
    entry.expires_at = Some(SystemClock.now() + SignedDuration::from_hours(1));
    *entry
}

impl World {
    pub async fn with(entries: &[LedgerEntry]) -> Self {
        let broker = MemoryBroker::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cordon.yaml");
        let kafka =
            format!("kafka: {{bootstrap_servers: '{}'}}\ndefender: {{tenant_id: contoso}}\n", broker.bootstrap());
        std::fs::write(&config, kafka).unwrap();
        let registry = prometheus::Registry::new();
        let context = Context::open("act", broker.settings(), registry, Arc::new(SystemClock)).unwrap();
        let world = Self { context, config, folder, _broker: broker };
        for entry in entries {
            world.remember(&LedgerRecord::Action(Box::new(entry.clone()))).await;
        }
        world
    }

    /// These guards are in force.
    pub fn guards(&self, yaml: &str) {
        std::fs::write(self.folder.path().join("guards.yaml"), yaml).unwrap();
        let kafka = std::fs::read_to_string(&self.config).unwrap();
        if !kafka.contains("guards.yaml") {
            std::fs::write(&self.config, format!("{kafka}act: {{guards: guards.yaml}}\n")).unwrap();
        }
    }

    pub async fn remember(&self, record: &LedgerRecord) {
        let outbound = Outbound::json(Topic::Ledger, &record.key(), Headers::default(), record).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    /// What the holder of this epoch says to whoever looks.
    pub async fn summarize(&self, epoch: u64, key: &str, value: &impl serde::Serialize) {
        let by = Counter { ledger: "2026-11-22T18:00:00Z".parse().unwrap(), epoch };
        let headers = RawRecord::headers_of_holder(by);
        let outbound = Outbound::json(Topic::Summary, key, headers, value).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    pub async fn report(&self, report: &Report) {
        let outbound = Outbound::json(Topic::Actions, "m", Headers::default(), report).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    /// Ann's key; `None`, and SKIPPED, where OpenSSH is not on this machine.
    pub fn key(&self) -> Option<PathBuf> {
        let path = self.folder.path().join("id_ed25519");
        let mut command = Process::new("ssh-keygen");
        match command.args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f"]).arg(&path).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "CI must have openssh-client: {error}");
                println!("SKIPPED: no ssh-keygen on this machine (Debian: openssh-client)");
                return None;
            }
        }
        Some(path)
    }

    pub fn signer(&self, record: &CommandRecord) -> Signer {
        let public = std::fs::read_to_string(self.folder.path().join("id_ed25519.pub")).unwrap();
        let file = AllowedSigners::parse("allowed_signers", &format!("ann@example.com {public}")).unwrap();
        file.verify(record, SystemClock.now()).unwrap()
    }

    pub async fn commands(&self) -> Vec<CommandRecord> {
        let records = read_all(&self.context.kafka, Topic::Commands).await.unwrap();
        records.iter().map(|record| record.json().unwrap()).collect()
    }

    /// Runs a command on the configuration, with Ann's key if there is one.
    pub async fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = cordon(args);
        command.arg("--config").arg(&self.config);
        let key = self.folder.path().join("id_ed25519");
        if key.exists() {
            command.env("CORDON_SSH_KEY", key);
        }
        let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The same, while respond is played: it reads the one command that comes, and says what `answer` makes of it.
    pub async fn answered(&self, args: &[&str], answer: impl AsyncFn(&CommandRecord)) -> (Option<i32>, String, String) {
        let respond = async {
            loop {
                if let Some(command) = self.commands().await.pop() {
                    answer(&command).await;
                    return std::future::pending().await;
                }
            }
        };
        tokio::select! {
            ended = self.run(args) => ended,
            never = respond => never,
        }
    }
}

pub fn approved(entry: &LedgerEntry, state: ActionState, by: &CommandRecord) -> Report {
    let text = include_str!("../../../common/records/examples/v1/action-accepted.json");
    let Report::Action(mut report) = serde_json::from_str(text).unwrap() else { panic!("no report") };
    report.key = Some(entry.key.clone());
    report.state = state;
    report.reason = "approved by ann@example.com".to_owned();
    let command = by.id.clone().unwrap();
    let (key, why, intent) = ("SHA256:x".to_owned(), by.why.clone(), entry.intent());
    report.approvals =
        vec![Approval { by: "ann@example.com".to_owned(), key, why, at: by.at, command, intent, notice: None }];
    Report::Action(report)
}

/// Of the command that stands there on its topic.
pub fn refusal(offset: i64, text: &str) -> Report {
    let at = SystemClock.now();
    let (id, kind, text) =
        (CommandPlace { offset, written_at: Some(at) }.refusal(None), NoticeKind::CommandRefused, text.to_owned());
    Report::Notice(Notice { schema_version: SCHEMA_VERSION, id, kind, text, cause: None, at })
}

/// An isolation of ours that stands, by this rule.
pub fn isolated(number: u32, rule: &str) -> LedgerEntry {
    let mut entry = held(&format!("{number:016x}"), &format!("m{number}"), &format!("PC-{number}"));
    entry.rules = vec![RuleId::new(rule).unwrap()];
    (entry.state, entry.expires_at) = (AttemptState::Reported(ActionState::Succeeded), None);
    (entry.attempt, entry.intents) = (1, vec![SystemClock.now()]);
    entry
}
