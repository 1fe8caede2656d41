//! The soak: all faults by chance, under traffic, then rest and judgement. `CORDON_SOAK_MINUTES` (3) and
//! `CORDON_SOAK_SEED` (drawn from the clock) say how long and which; the seed is printed first and repeats the plan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use cordon_records::{Clock as _, SystemClock};
use cordon_settings::variable;
use cordon_simulator::{CLIENT_SECRET, Options};
use cordon_tests::broker::{own_cluster, settings, unique_prefix};
use cordon_tests::invariants::{Evidence, Expectation, report};
use cordon_tests::pipeline::{Pipeline, Setup};
use cordon_tests::soak::plan::{Plan, REPLICAS};
use cordon_tests::soak::site::Site;
use cordon_tests::soak::traffic::{Traffic, never};
use jiff::SignedDuration;

/// Two rests of an action in doubt (110 s), the pauses between tries of reads and mails, and a busy machine.
const REST: Duration = Duration::from_secs(360);

const SMTP_PASSWORD: &str = "canary-of-the-mail-server";

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
}

/// The caps of the built-in guards, and what the shipped rule allows.
fn caps() -> Vec<(SignedDuration, usize)> {
    vec![(SignedDuration::from_mins(10), 10), (SignedDuration::from_hours(1), 15)]
}

/// Everything that a person needs who looks into a breach.
fn keep(evidence: &Evidence, told: &str, seed: u64) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{seed}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("breaches.txt"), told).unwrap();
    for (topic, records) in &evidence.records {
        let lines: Vec<String> = records.iter().map(|seen| format!("{} {}", seen.place(), seen.text())).collect();
        std::fs::write(folder.join(topic.suffix()), lines.join("\n")).unwrap();
    }
    let requests: Vec<String> = evidence.requests.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    std::fs::write(folder.join("requests.jsonl"), requests.join("\n")).unwrap();
    for (place, (name, text)) in evidence.texts.iter().enumerate() {
        std::fs::write(folder.join(format!("{place:03} {}.log", name.replace('/', ""))), text).unwrap();
    }
    folder.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes CORDON_SOAK_MINUTES (3) and some to come to rest: cargo test -p cordon-tests --test soak -- --ignored"]
async fn whatever_breaks_by_chance_every_promise_holds_once_it_is_mended() {
    let seed = number("CORDON_SOAK_SEED").unwrap_or_else(|| SystemClock.now().as_millisecond().unsigned_abs());
    let plan = Plan::of(seed, number("CORDON_SOAK_MINUTES").unwrap_or(3));
    println!("CORDON_SOAK_SEED={seed}\n{plan}");
    let Some(cluster) = own_cluster(3, &[]) else { return };
    let tenant = Options {
        settle: Duration::from_secs(2),
        enforce_quota: false,
        smtp_login: Some(("cordon".to_owned(), SMTP_PASSWORD.to_owned())),
        ..Options::default()
    };
    let setup = Setup { tenant, replicas: REPLICAS, unlimited: !plan.capped, ..Setup::default() };
    let kafka = settings(cluster.bootstrap(), &unique_prefix("soak"));
    let mut pipeline = Pipeline::prepare_on(kafka, setup).await;
    pipeline.launch(REPLICAS).await;

    let traffic = Traffic::start(&pipeline.tenant, seed);
    let mut site = Site::new(pipeline, cluster);
    let mut expectation = Expectation {
        caps: if plan.capped { caps() } else { Vec::new() },
        never: never(),
        secrets: vec![CLIENT_SECRET.to_owned(), SMTP_PASSWORD.to_owned()],
        ..Expectation::default()
    };
    site.carry_out(&plan, &expectation).await;
    expectation.served = traffic.finish().await;
    site.heal().await;

    expectation.interruptions = site.interruptions;
    let mut evidence = Evidence::at_rest(&mut site.pipeline, &expectation, REST).await;
    evidence.ended.append(&mut site.ended);
    for (name, usage) in &evidence.usage {
        println!("{name}: {usage}");
    }
    let (alerts, isolations) = (expectation.served.len(), evidence.actions.len());
    println!("{alerts} alerts, {isolations} isolations, {} looks on the way", site.looks);
    let mut breaches = evidence.judge(&expectation);
    breaches.append(&mut site.breaches);
    if !breaches.is_empty() {
        let told = format!("CORDON_SOAK_SEED={seed}: {}", report(&breaches, &evidence));
        panic!("{told}\nmore in {}", keep(&evidence, &told, seed));
    }
}
