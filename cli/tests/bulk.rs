//! What people decide about many at once, against the in-process broker. respond is played by the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod world;

use cordon_records::{
    Action, ActionKey, ActionState, AlertId, Clock as _, Command, CommandRecord, GuardVerdict, Latch, LedgerEntry,
    LedgerRecord, MachineId, Report, Ruling, SystemClock,
};
use jiff::{SignedDuration, Timestamp};

use world::{World, approved, held, isolated, refusal};

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
