//! What people decide, against the in-process broker: what they see, what is written, and what they are told comes of it.
//! respond is played by the test, which checks each signature as respond does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod world;

use std::path::Path;

use cordon_records::{
    ActionKey, ActionState, AttemptState, Claim, Clock as _, Command, CommandRecord, FailureCause, Latch, LedgerRecord,
    SystemClock, WholeSummary,
};
use jiff::SignedDuration;
use serde_json::Value;

use world::{World, approved, cordon, held, isolated, refusal, text};

const KEY: &str = "acee6df23fcd80b6";

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
async fn what_is_held_is_read_from_the_summary_while_that_is_whole_and_else_from_the_ledger_which_is_said() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let claim = |epoch| LedgerRecord::Claim(Claim { epoch, owner: "h".into(), at: SystemClock.now() });
    world.summarize(3, "claim", &claim(3)).await;
    world.summarize(3, WholeSummary::KEY, &WholeSummary { epoch: 3, at: SystemClock.now() }).await;
    let (code, table, noted) = world.run(&["approvals", "list"]).await;
    assert_eq!((code, table.contains(KEY)), (Some(0), false), "{table}{noted}");
    assert_eq!(noted, "nothing is held on cordon.summary\n");
    let (code, _, noted) = world.run(&["approvals", "show", KEY]).await;
    assert_eq!(code, Some(0), "what has ended is looked up in the ledger: {noted}");

    let entry = LedgerRecord::Action(Box::new(held("bbbb6df23fcd80b6", "m2", "DC-01")));
    world.summarize(3, &entry.key(), &entry).await;
    for args in [&["approvals", "list"] as &[&str], &["isolated", "--mine"], &["status"]] {
        let (_, told, noted) = world.run(args).await;
        assert!(!noted.contains("does not say all"), "{args:?}: {told}{noted}");
    }
    let (_, table, noted) = world.run(&["approvals", "list"]).await;
    assert!(table.contains("bbbb6df23fcd80b6") && !table.contains(KEY), "{table}{noted}");

    // Another holder has taken over, and has compared nothing yet.
    world.summarize(4, "claim", &claim(4)).await;
    for args in [&["approvals", "list"] as &[&str], &["isolated", "--mine"], &["status"]] {
        let (_, told, noted) = world.run(args).await;
        let why =
            "cordon.summary does not say all that there is: its holder (epoch 4) has not brought it up to date yet";
        assert!(noted.contains(why) && noted.contains("all of cordon.ledger was read"), "{args:?}: {told}{noted}");
    }
    let (_, table, _) = world.run(&["approvals", "list"]).await;
    assert!(table.contains(KEY) && !table.contains("bbbb6df23fcd80b6"), "{table}");
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
        world.remember(&LedgerRecord::CommandsPosition { next: 1, newest: None }).await;
    };
    let args = ["cancel", KEY, "--why", "wrong machine", "--wait", "60s"];
    let (code, told, noted) = world.answered(&args, obeyed).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    assert!(told.ends_with("taken\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_needs_no_key_and_one_that_respond_ignores_is_no_success() {
    let world = World::with(&[held(KEY, "m1", "LAPTOP-ANNA")]).await;
    let ignored =
        async |_: &CommandRecord| world.remember(&LedgerRecord::CommandsPosition { next: 1, newest: None }).await;
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
    // Nothing is signed with it, but it is there.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases: [(&[&str], i32, &str); 7] = [
        (&["approve", "bbbb6df23fcd80b6", "--why", "w", "--key", file], 2, "add --yes"),
        (&["approve", "bbbb6df23fcd80b6", "--why", "w", "--yes"], 2, "CORDON_SSH_KEY"),
        (&["release", "m2", "--why", "w", "--key", "nowhere"], 2, "no key file nowhere"),
        (&["approve", "dddd6df23fcd80b6", "--why", "w", "--yes", "--key", file], 1, "its time is over"),
        (&["release", "pc", "--why", "w", "--key", file], 1, "m3  PC.b.com"),
        (&["release", "laptop", "--why", "w", "--key", file], 1, "knows no machine laptop"),
        (&["resume", "paused@2026-11-22T18:00:00Z", "--why", "w", "--key", file], 1, "in force is nothing"),
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
