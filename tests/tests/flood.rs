//! A rule that matches the whole fleet, at once: the guards' reason to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::{NoticeKind, Report, Topic};
use cordon_runtime::kafka::{Position, positions};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::mails::each_decision_that_waits_is_in_exactly_one_mail;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;

/// How many machines the fleet has.
const FLEET: u32 = 10_000;

/// What the built-in guards allow in ten minutes.
const CAP: usize = 10;

/// A debug build takes a few milliseconds for each alert, over all stages.
const PATIENCE: Duration = Duration::from_secs(400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_rule_that_matches_ten_thousand_machines_isolates_as_many_as_the_cap_allows_and_says_so_once() {
    let Some(mut pipeline) = Pipeline::prepare("flood", Setup::default()).await else { return };
    let fleet: Vec<SimMachine> = (1..=FLEET).map(|n| machine(n, &format!("LAPTOP-{n:05}"))).collect();
    for machine in &fleet {
        pipeline.tenant.add_machine(machine.clone());
        pipeline.tenant.add_alert(SimAlert::on(machine).severity("High"));
    }
    // Each poll serves all of them once more, since they lie within the overlap.
    pipeline.environment.push(("CORDON_INGEST__POLL_INTERVAL", "10s".to_owned()));
    pipeline.environment.push(("CORDON_NOTIFY__DIGEST_AFTER", "2m".to_owned()));
    pipeline.launch(1).await;
    until(PATIENCE, "every decision to be settled", async || {
        let decisions = positions(&pipeline.kafka, Some("act-respond"), Topic::Decisions).await.unwrap();
        let (made, left) =
            (decisions.iter().map(|at| at.high).sum::<i64>(), decisions.iter().map(Position::lag).sum::<i64>());
        if made >= i64::from(FLEET) && left == 0 { Ok(()) } else { Err(format!("{made} made, {left} not settled")) }
    })
    .await;
    let posts = pipeline.tenant.requests();
    let posts: Vec<&str> = posts
        .iter()
        .filter(|call| call.method == "POST" && call.path.contains("/api/machines/"))
        .map(|call| &*call.path)
        .collect();
    assert_eq!(posts.len(), CAP, "{posts:?}");
    pipeline.mailed("ACTION NEEDED: Cordon stopped acting", SOON).await;

    let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for report in &reports {
        let what = match report {
            Report::Action(record) => record.state.as_str(),
            Report::Notice(notice) => notice.kind.as_str(),
        };
        *counts.entry(what).or_default() += 1;
    }
    assert_eq!(counts.get(NoticeKind::BreakerLatched.as_str()), Some(&1), "{counts:?}");
    assert_eq!(counts.get("accepted"), Some(&CAP), "{counts:?}");
    assert_eq!(counts.get("held"), Some(&(FLEET as usize - CAP)), "{counts:?}");
    let loud = pipeline.subjects().iter().filter(|subject| subject.contains("Cordon stopped")).count();
    assert_eq!(loud, 1);
    each_decision_that_waits_is_in_exactly_one_mail(&pipeline, FLEET as usize - CAP).await;
    let mails = pipeline.subjects().len();
    println!("{FLEET} High alerts at once: {mails} mails");
    // Requested and confirmed for each that the cap let pass, the notice, and full digests but for those that time ended.
    assert!(mails <= 2 * CAP + 1 + (FLEET as usize - CAP) / 500 + 4, "{:?}", pipeline.subjects());
}

/// How many servers raise an alert at once; servers are held.
const SERVERS: u32 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn two_thousand_held_alerts_on_servers_are_few_mails_and_each_is_in_exactly_one_also_when_notify_is_killed() {
    let Some(mut pipeline) = Pipeline::prepare("held", Setup::default()).await else { return };
    for number in 1..=SERVERS {
        let server = machine(number, &format!("SRV-{number:05}")).os("WindowsServer2022");
        pipeline.tenant.add_machine(server.clone());
        pipeline.tenant.add_alert(SimAlert::on(&server).severity("High"));
    }
    pipeline.environment.push(("CORDON_INGEST__POLL_INTERVAL", "10s".to_owned()));
    pipeline.environment.push(("CORDON_NOTIFY__DIGEST_AFTER", "2m".to_owned()));
    pipeline.launch(1).await;
    // The first has gone out alone, and the window of the digests is open.
    pipeline.mailed(": you decide", SOON).await;
    pipeline.kill("cordon-notify", 0);
    pipeline.start_stage("cordon-notify", 0, &[]);
    each_decision_that_waits_is_in_exactly_one_mail(&pipeline, SERVERS as usize).await;
    let mails = pipeline.subjects().len();
    println!("{SERVERS} held at once, notify killed in between: {mails} mails");
    assert!(mails <= 8, "{:?}", pipeline.subjects());
}
