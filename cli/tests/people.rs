//! What people decide, against the in-process broker: what they see, what is written, and what they are told comes of it.
//! respond is played by the test, which checks each signature as respond does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output, Stdio};
use std::sync::Arc;

use cordon_records::{
    Action, ActionKey, ActionState, AlertId, Approval, AttemptState, Clock as _, Command, CommandRecord, FailureCause,
    GuardVerdict, Headers, Latch, LedgerEntry, LedgerRecord, MachineId, Notice, NoticeKind, Report, RuleId, Ruling,
    SCHEMA_VERSION, SystemClock, Topic,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{MemoryBroker, Outbound, read_all};
use cordon_signing::{AllowedSigners, Signer};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

const KEY: &str = "acee6df23fcd80b6";

/// A broker, a configuration that names it, and Ann's key.
struct World {
    context: Context,
    config: PathBuf,
    folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

fn cordon(args: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_cordon"));
    command.args(args).stdin(Stdio::null()).env_remove("CORDON_SSH_KEY").env("USER", "ann");
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A held isolation of a laptop.
fn held(key: &str, machine: &str, name: &str) -> LedgerEntry {
    let text = include_str!("../../common/records/examples/v1/ledger-action.json");
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
    async fn with(entries: &[LedgerEntry]) -> Self {
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
    fn guards(&self, yaml: &str) {
        std::fs::write(self.folder.path().join("guards.yaml"), yaml).unwrap();
        let kafka = std::fs::read_to_string(&self.config).unwrap();
        if !kafka.contains("guards.yaml") {
            std::fs::write(&self.config, format!("{kafka}act: {{guards: guards.yaml}}\n")).unwrap();
        }
    }

    async fn remember(&self, record: &LedgerRecord) {
        let outbound = Outbound::json(Topic::Ledger, &record.key(), Headers::default(), record).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    async fn report(&self, report: &Report) {
        let outbound = Outbound::json(Topic::Actions, "m", Headers::default(), report).unwrap();
        self.context.producer.send(outbound).await.unwrap();
    }

    /// Ann's key; `None`, and SKIPPED, where OpenSSH is not on this machine.
    fn key(&self) -> Option<PathBuf> {
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

    fn signer(&self, record: &CommandRecord) -> Signer {
        let public = std::fs::read_to_string(self.folder.path().join("id_ed25519.pub")).unwrap();
        let file = AllowedSigners::parse("allowed_signers", &format!("ann@example.com {public}")).unwrap();
        file.verify(record, SystemClock.now()).unwrap()
    }

    async fn commands(&self) -> Vec<CommandRecord> {
        let records = read_all(&self.context.kafka, Topic::Commands).await.unwrap();
        records.iter().map(|record| record.json().unwrap()).collect()
    }

    /// Runs a command on the configuration, with Ann's key if there is one.
    async fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
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
    async fn answered(&self, args: &[&str], answer: impl AsyncFn(&CommandRecord)) -> (Option<i32>, String, String) {
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

fn approved(entry: &LedgerEntry, state: ActionState, by: &CommandRecord) -> Report {
    let text = include_str!("../../common/records/examples/v1/action-accepted.json");
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
fn refusal(offset: i64, text: &str) -> Report {
    let at = SystemClock.now();
    let (id, kind, text) =
        (format!("command_refused@commands/0/{offset}"), NoticeKind::CommandRefused, text.to_owned());
    Report::Notice(Notice { schema_version: SCHEMA_VERSION, id, kind, text, at })
}

#[test]
fn every_command_explains_itself_with_examples_and_exit_codes() {
    let commands: [&[&str]; 8] = [
        &["approvals", "list"],
        &["approvals", "show"],
        &["approve"],
        &["deny"],
        &["release"],
        &["retry"],
        &["cancel"],
        &["resume"],
    ];
    let help = |command: &[&str]| {
        let output = cordon(command).arg("--help").env_remove("CORDON_CONFIG").env_remove("USER").output().unwrap();
        format!("$ cordon {} --help\n{}", command.join(" "), text(output.stdout))
    };
    insta::assert_snapshot!(commands.map(help).join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_listed_and_shown_for_people_and_for_scripts() {
    let mut done = held("bbbb6df23fcd80b6", "m2", "DC-01");
    done.state = AttemptState::Reported(ActionState::Refused);
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA"), done]).await;
    let (code, table, noted) = world.run(&["approvals", "list"]).await;
    assert_eq!((code, table.lines().count()), (Some(0), 2), "{table}{noted}");
    let (_, json, _) = world.run(&["approvals", "list", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["held"][0]["key"], &json["held"][1]), (&KEY.into(), &Value::Null));
    let (code, page, noted) = world.run(&["approvals", "show", KEY]).await;
    assert_eq!(code, Some(0));
    for part in
        ["LAPTOP-ANNA", "Ransomware behaviour", "alert.severity == ", "never-list", &format!("[cordon:{KEY}#1]")]
    {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    assert!(noted.contains(&format!("cordon approve {KEY}")), "{noted}");
    let (_, json, _) = world.run(&["approvals", "show", KEY, "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["intent"].as_str().map(str::len), Some(16), "{json}");
    let (code, _, noted) = world.run(&["approvals", "show", "cccc"]).await;
    assert!(code == Some(1) && noted.contains("approvals list"), "{noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_held_names_the_topic_so_that_a_wrong_prefix_is_noticed() {
    let world = World::with(&[]).await;
    let (code, table, noted) = world.run(&["approvals", "list"]).await;
    assert_eq!((code, table.lines().count()), (Some(0), 1));
    assert!(noted.contains("nothing is held on cordon.ledger"), "{noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_names_exactly_what_is_held_and_is_signed_and_good_for_a_short_time() {
    let entry = held(KEY, "m1", "LAPTOP-ANNA");
    let world = World::with(std::slice::from_ref(&entry)).await;
    let Some(_) = world.key() else { return };
    let (code, told, noted) = world.run(&["approve", KEY, "--why", "it is malware", "--yes", "--wait", "0"]).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(noted.contains("LAPTOP-ANNA") && noted.contains("would send"), "shown before it is signed: {noted}");
    let [record] = &world.commands().await[..] else { panic!("one command") };
    assert_eq!(record.command, Command::Approve { key: entry.key.clone(), intent: entry.intent() });
    assert_eq!((record.by.as_str(), record.why.as_str()), ("ann", "it is malware"));
    assert_eq!(record.tenant.as_ref().map(|tenant| tenant.as_str()), Some("contoso"));
    assert_eq!(record.expires_at.unwrap().duration_since(record.at), SignedDuration::from_mins(15));
    assert_eq!(record.id.as_ref().map(|id| id.as_str().len()), Some(32));
    assert_eq!(world.signer(record).principal, "ann@example.com");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_told_what_came_of_it() {
    let entry = held(KEY, "m1", "LAPTOP-ANNA");
    let world = World::with(std::slice::from_ref(&entry)).await;
    let Some(_) = world.key() else { return };
    let args = ["approve", KEY, "--why", "malware", "--yes", "--wait", "60s"];
    let taken = async |command: &CommandRecord| {
        world.signer(command);
        world.report(&approved(&entry, ActionState::Approved, command)).await;
    };
    let (code, told, noted) = world.answered(&args, taken).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(told.contains("approved (1 approval): approved by ann@example.com"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_ends_with_1_and_says_why() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let Some(_) = world.key() else { return };
    let refused = async |_: &CommandRecord| {
        world.report(&refusal(7, "somebody else's")).await;
        world.report(&refusal(0, "it was refused and did nothing: nobody may sign\u{1b}[2J")).await;
    };
    let args = ["release", "laptop-anna", "--why", "clean", "--wait", "60s"];
    let (code, told, noted) = world.answered(&args, refused).await;
    assert_eq!(code, Some(1), "{told}{noted}");
    assert!(told.contains("REFUSED: ") && told.contains("nobody may sign") && !told.contains('\u{1b}'), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_ledger_tells_is_told_too() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let Some(_) = world.key() else { return };
    let obeyed = async |command: &CommandRecord| {
        let (id, until) = (command.id.clone().unwrap(), command.expires_at.unwrap());
        let obeyed = serde_json::json!({"entry": "obeyed", "id": id, "until": until, "offset": 0});
        world.remember(&serde_json::from_value(obeyed).unwrap()).await;
        world.remember(&LedgerRecord::CommandsPosition { next: 1 }).await;
    };
    let args = ["cancel", KEY, "--why", "wrong machine", "--wait", "60s"];
    let (code, told, noted) = world.answered(&args, obeyed).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(told.ends_with("taken\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_needs_no_key_and_one_that_respond_ignores_is_no_success() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let ignored = async |_: &CommandRecord| world.remember(&LedgerRecord::CommandsPosition { next: 1 }).await;
    let (code, told, noted) = world.answered(&["deny", KEY, "--why", "a test", "--wait", "60s"], ignored).await;
    assert_eq!(code, Some(1), "{told}{noted}");
    assert!(told.contains("does nothing for it"), "{told}");
    let [record] = &world.commands().await[..] else { panic!("one command") };
    assert!(record.signature.is_none() && record.id.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_nobody_answers_it_says_so_and_ends_with_69() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let (code, _, noted) = world.run(&["deny", KEY, "--why", "a test", "--wait", "500ms"]).await;
    assert_eq!(code, Some(69), "{noted}");
    assert!(noted.contains("nobody answered within 500ms") && noted.contains("cordon-act"), "{noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_right_is_said_before_anything_is_written() {
    let mut expired = held("dddd6df23fcd80b6", "m4", "OLD-1");
    expired.expires_at = Some(SystemClock.now());
    let twins = [held("bbbb6df23fcd80b6", "m2", "pc.a.com"), held("cccc6df23fcd80b6", "m3", "PC.b.com"), expired];
    let world = World::with(&twins).await;
    let cases: [(&[&str], i32, &str); 7] = [
        (&["approve", "bbbb6df23fcd80b6", "--why", "w"], 2, "add --yes"),
        (&["approve", "bbbb6df23fcd80b6", "--why", "w", "--yes"], 2, "CORDON_SSH_KEY"),
        (&["release", "m2", "--why", "w", "--key", "nowhere"], 2, "no key file nowhere"),
        (&["approve", "dddd6df23fcd80b6", "--why", "w", "--yes"], 1, "its time is over"),
        (&["release", "pc", "--why", "w"], 1, "m3  PC.b.com"),
        (&["release", "laptop", "--why", "w"], 1, "knows no machine laptop"),
        (&["resume", "paused@2026-11-22T18:00:00Z", "--why", "w"], 1, "in force is nothing"),
    ];
    for (args, expected, part) in cases {
        let (code, told, noted) = world.run(args).await;
        assert_eq!(code, Some(expected), "{args:?}: {told}{noted}");
        assert!(noted.contains(part), "{part} is not in:\n{noted}");
    }
    for args in [&["deny", KEY, "--why", ""][..], &["deny", KEY], &["approve", KEY, "--why", "w", "--valid-for", "25h"]]
    {
        assert_eq!(world.run(args).await.0, Some(2), "{args:?}");
    }
    assert_eq!(world.commands().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_ssh_keygen_cannot_use_ends_with_77_and_nothing_is_written() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let Some(key) = world.key() else { return };
    std::fs::write(&key, "no key").unwrap();
    std::fs::remove_file(key.with_extension("pub")).unwrap();
    let (code, _, noted) = world.run(&["release", "m1", "--why", "w"]).await;
    assert_eq!(code, Some(77), "{noted}");
    assert!(noted.contains("ssh-keygen did not sign"), "{noted}");
    assert_eq!(world.commands().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_lifted_by_the_id_of_its_notice() {
    let world = World::with(&[]).await;
    let Some(_) = world.key() else { return };
    let at = "2026-11-22T18:00:00Z".parse().unwrap();
    let latch = Latch { on: true, by: "ann".to_owned(), why: "w".to_owned(), at, window_s: None };
    world.remember(&LedgerRecord::Pause(latch)).await;
    let notice = "paused@2026-11-22T18:00:00Z";
    let (code, told, noted) = world.run(&["resume", notice, "--why", "all is well", "--wait", "0"]).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    let [record] = &world.commands().await[..] else { panic!("one command") };
    assert_eq!(record.command, Command::Resume { notice: notice.to_owned() });
    assert_eq!(world.signer(record).principal, "ann@example.com");
}

#[test]
fn without_a_broker_nothing_can_be_said_or_seen() {
    let folder = tempfile::tempdir().unwrap();
    let config: &Path = &folder.path().join("cordon.yaml");
    std::fs::write(config, "kafka: {bootstrap_servers: '127.0.0.1:1'}\ndefender: {tenant_id: t}\n").unwrap();
    let output = cordon(&["approvals", "list", "--config"]).arg(config).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(output.stderr));
    std::fs::write(config, "kafka: {bootstrap_servers: '127.0.0.1:1'}\n").unwrap();
    let output = cordon(&["approvals", "list", "--config"]).arg(config).output().unwrap();
    let told = text(output.stderr);
    assert!(output.status.code() == Some(78) && told.contains("tenant_id"), "{told}");
}

/// An isolation of ours that stands, by this rule.
fn isolated(number: u32, rule: &str) -> LedgerEntry {
    let mut entry = held(&format!("{number:016x}"), &format!("m{number}"), &format!("PC-{number}"));
    entry.rules = vec![RuleId::new(rule).unwrap()];
    (entry.state, entry.expires_at) = (AttemptState::Reported(ActionState::Succeeded), None);
    (entry.attempt, entry.intents) = (1, vec![SystemClock.now()]);
    entry
}

/// What respond reports of the release of this machine by this command.
fn release_report(command: &CommandRecord, machine: &str, state: ActionState) -> Report {
    let text = include_str!("../../common/records/examples/v1/action-accepted.json");
    let Report::Action(mut report) = serde_json::from_str(text).unwrap() else { panic!("no report") };
    let alert = AlertId::new(command.id.as_ref().unwrap().as_str()).unwrap();
    let (tenant, machine) = (command.tenant.clone().unwrap(), MachineId::new(machine).unwrap());
    let release = Action::Release { comment: String::new() };
    report.key = Some(ActionKey::derive(&tenant, &alert, &machine, &release));
    (report.state, report.reason) = (state, "as the test says".to_owned());
    Report::Action(report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_had_isolated_is_shown_signed_once_and_told_machine_by_machine() {
    let entries = [isolated(1, "bad"), isolated(2, "bad"), isolated(3, "good")];
    let world = World::with(&entries).await;
    let Some(_) = world.key() else { return };
    let args = ["release", "--rule", "bad", "--since", "1h", "--why", "it matched too much", "--wait", "60s"];
    let (code, _, noted) = world.run(&args).await;
    assert!(code == Some(2) && noted.contains("add --yes"), "{noted}");
    let answer = async |command: &CommandRecord| {
        world.signer(command);
        for (machine, state) in [("m1", ActionState::Accepted), ("m2", ActionState::Covered)] {
            world.report(&release_report(command, machine, state)).await;
        }
    };
    let (code, told, noted) = world.answered(&[&args[..], &["--yes"]].concat(), answer).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(noted.contains("PC-1") && noted.contains("2 machines, each released by an action"), "{noted}");
    assert!(!noted.contains("PC-3"), "{noted}");
    for part in
        ["PC-1: accepted: as the test says", "PC-2: covered", "taken: 2 of 2 have a report so far, 0 came to nothing"]
    {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    let [record] = &world.commands().await[..] else { panic!("one command") };
    let Command::ReleaseEach { isolations, count } = &record.command else { panic!("{record:?}") };
    assert_eq!((isolations.len(), *count), (2, 2));
    assert_eq!(isolations[0].key, entries[0].key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_about_many_that_is_refused_or_of_which_one_fails_ends_with_1() {
    let world = World::with(&[isolated(1, "bad"), isolated(2, "bad")]).await;
    let Some(_) = world.key() else { return };
    let args = ["release", "--rule", "bad", "--since", "1h", "--why", "w", "--yes", "--wait", "60s"];
    // What an older respond says to a command that it does not know.
    let older = async |_: &CommandRecord| {
        let text = "what stands at commands/0/0 is no command: unknown variant `release_each`, expected one of `pause`";
        world.report(&refusal(0, text)).await;
    };
    let (code, told, noted) = world.answered(&args, older).await;
    assert!(code == Some(1) && told.contains("REFUSED: what stands at commands/0/0 is no command"), "{told}{noted}");
    let world = World::with(&[isolated(1, "bad"), isolated(2, "bad")]).await;
    let Some(_) = world.key() else { return };
    let failing = async |command: &CommandRecord| {
        for (machine, state) in [("m1", ActionState::Accepted), ("m2", ActionState::Failed)] {
            world.report(&release_report(command, machine, state)).await;
        }
    };
    let (code, told, noted) = world.answered(&args, failing).await;
    assert!(code == Some(1) && told.contains("PC-2: REFUSED: failed"), "{told}{noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_made_the_breaker_latch_is_taken_back_by_its_notice() {
    let world = World::with(&[isolated(1, "bad"), isolated(2, "good")]).await;
    let Some(_) = world.key() else { return };
    let at = SystemClock.now() + SignedDuration::from_secs(1);
    let latch = Latch { on: true, by: "breaker".into(), why: "w".into(), at, window_s: Some(600) };
    world.remember(&LedgerRecord::Breaker(latch)).await;
    let notice = format!("breaker_latched@{at}");
    let args = ["release", "--notice", &notice, "--why", "a false alarm", "--yes", "--wait", "0"];
    let (code, told, noted) = world.run(&args).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    let [record] = &world.commands().await[..] else { panic!("one command") };
    assert!(matches!(&record.command, Command::ReleaseEach { count: 2, .. }), "{record:?}");
    let args = ["release", "--notice", "paused@2026-11-22T18:00:00Z", "--why", "w", "--yes"];
    let (code, _, noted) = world.run(&args).await;
    assert!(code == Some(1) && noted.contains("not the newest notice of the breaker"), "{noted}");
    let (code, _, noted) = world.run(&["release", "--rule", "none", "--since", "1h", "--why", "w", "--yes"]).await;
    assert!(code == Some(1) && noted.contains("knows of no such isolation that stands"), "{noted}");
    for wrong in [&["release", "--why", "w"][..], &["release", "m1", "--rule", "bad", "--since", "1h", "--why", "w"]] {
        assert_eq!(world.run(wrong).await.0, Some(2), "{wrong:?}");
    }
    assert_eq!(world.run(&["release", "--rule", "bad", "--why", "w"]).await.0, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_failed_for_a_missing_permission_is_asked_for_again() {
    let mut failed = isolated(1, "bad");
    failed.state = AttemptState::Reported(ActionState::Failed);
    failed.reason = "HTTP 400 OsPlatformNotSupported".to_owned();
    let mut lacking = failed.clone();
    lacking.key = ActionKey::new("000000000000000a").unwrap();
    lacking.cause = Some(FailureCause::MissingPermission);
    let world = World::with(&[failed.clone(), lacking.clone()]).await;
    let Some(_) = world.key() else { return };
    let (code, _, noted) = world.run(&["retry", failed.key.as_str(), "--why", "w"]).await;
    assert!(code == Some(1) && noted.contains("only what failed for a missing permission"), "{noted}");
    let answer = async |command: &CommandRecord| {
        let mut again = lacking.clone();
        again.asked_again.clone_from(&command.id);
        (again.attempt, again.state) = (2, AttemptState::Reported(ActionState::Approved));
        world.remember(&LedgerRecord::Action(Box::new(again))).await;
    };
    let (code, told, noted) =
        world.answered(&["retry", lacking.key.as_str(), "--why", "consented", "--wait", "60s"], answer).await;
    assert!(code == Some(0) && told.ends_with("taken\n"), "{told}{noted}");
    let [record] = &world.commands().await[..] else { panic!("one command") };
    assert_eq!(record.command, Command::Retry { key: lacking.key });
    assert!(record.signature.is_some());
}

/// An isolation that these guards hold since the breaker latched.
fn waiting(number: u32, guards: &[&str], at: Timestamp) -> LedgerEntry {
    let mut entry = held(&format!("{number:016x}"), &format!("m{number}"), &format!("PC-{number}"));
    let verdict = |guard: &&str| GuardVerdict { guard: (*guard).into(), ruling: Ruling::Hold, why: "w".into() };
    entry.guards = guards.iter().map(verdict).collect();
    entry.at = at;
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_breaker_holds_is_approved_by_its_notice_as_far_as_the_caps_leave_room() {
    let at = SystemClock.now();
    let later = |seconds| at + SignedDuration::from_secs(seconds);
    let entries = [
        waiting(1, &["breaker"], later(3)),
        waiting(2, &["breaker", "caps"], later(2)),
        waiting(3, &["breaker", "hold-users"], later(1)),
        waiting(4, &["breaker"], later(4)),
        waiting(5, &["breaker"], at - SignedDuration::from_secs(1)),
    ];
    let world = World::with(&[&entries[..], &[isolated(6, "bad")]].concat()).await;
    let Some(_) = world.key() else { return };
    world.guards("caps: {all_rules: {1h: 3}, fleet_share: {1d: 1%, floor: 1000}}");
    let latch = Latch { on: true, by: "breaker".into(), why: "w".into(), at, window_s: Some(600) };
    world.remember(&LedgerRecord::Breaker(latch)).await;
    let notice = format!("breaker_latched@{at}");
    let args = ["approve", "--notice", &notice, "--why", "an attack", "--wait", "60s"];
    let (code, _, noted) = world.run(&args).await;
    assert!(code == Some(2) && noted.contains("add --yes"), "{noted}");
    let answer = async |command: &CommandRecord| {
        world.signer(command);
        for entry in [&entries[1], &entries[0]] {
            world.report(&approved(entry, ActionState::Approved, command)).await;
        }
    };
    let (code, told, noted) = world.answered(&[&args[..], &["--yes"]].concat(), answer).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    for part in ["2 actions; the breaker stays on", "1 more wait: caps: ", "1 are held for another reason, too"] {
        assert!(noted.contains(part), "{part} is not in:\n{noted}");
    }
    let [record] = &world.commands().await[..] else { panic!("one command") };
    let Command::ApproveEach { actions, count, .. } = &record.command else { panic!("{record:?}") };
    let keys: Vec<&ActionKey> = actions.iter().map(|named| &named.key).collect();
    assert_eq!((keys, *count), (vec![&entries[1].key, &entries[0].key], 2), "the longest waiting first");
    assert_eq!(actions[0].intent, entries[1].intent());
    let wrong = ["approve", "--notice", "breaker_latched@2026-11-22T18:00:00Z", "--why", "w", "--yes"];
    let (code, _, noted) = world.run(&wrong).await;
    assert!(code == Some(1) && noted.contains("not the breaker that holds now"), "{noted}");
    world.guards("caps: {all_rules: {1h: 1}, fleet_share: {1d: 1%, floor: 1000}}");
    let (code, _, noted) = world.run(&["approve", "--notice", &notice, "--why", "w", "--yes"]).await;
    assert!(code == Some(1) && noted.contains("3 wait for it, and the caps leave none now (caps: "), "{noted}");
    assert_eq!(world.run(&["approve", "--why", "w", "--yes"]).await.0, Some(2));
    assert_eq!(world.commands().await.len(), 1);
}
