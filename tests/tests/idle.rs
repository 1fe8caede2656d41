//! How long an alert of an idle tenant takes, from the instant at which the API can show it to the call that isolates its
//! machine: by the published quotas and at the pace that is shipped, so the wait for the poll is nearly all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{Clock as _, SystemClock};
use cordon_simulator::{Options, SimAlert};
use cordon_tests::chance::Chance;
use cordon_tests::load::machines_of;
use cordon_tests::percentile::percentile;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::wait::until;
use jiff::Timestamp;

/// How many alerts are measured.
const SAMPLES: u32 = 48;
/// What lies between two of them, in ms: longer than two polls, and no multiple of them.
const GAP: (u64, u64) = (3_000, 11_000);
/// The goals: the median, and what nine of ten keep.
const MEDIAN: Duration = Duration::from_millis(2_500);
const NINE_OF_TEN: Duration = Duration::from_millis(4_000);

/// One alert's way, in ms.
struct Way {
    /// From its being visible to the page that brings it.
    to_page: i64,
    /// From there to the call.
    to_call: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn an_alert_of_an_idle_tenant_leads_to_its_call_within_two_and_a_half_seconds_in_the_median() {
    let tenant = Options { settle: Duration::from_secs(1), ..Options::default() };
    let setup = Setup { tenant, unlimited: true, ..Setup::default() };
    let Some(mut pipeline) = Pipeline::prepare("idle", setup).await else { return };
    for (key, value) in [
        ("CORDON_DEFENDER__QUOTA__PER_MINUTE", "100"),
        ("CORDON_DEFENDER__QUOTA__PER_HOUR", "1500"),
        ("CORDON_INGEST__POLL_INTERVAL", "auto"),
        ("CORDON_ACT__FOLLOW_UP", "5s"),
    ] {
        pipeline.environment.push((key, value.to_owned()));
    }
    pipeline.launch(1).await;
    let mut chance = Chance::new(28);
    let mut ways = Vec::new();
    for machine in machines_of(SAMPLES) {
        tokio::time::sleep(Duration::from_millis(chance.between(GAP.0, GAP.1))).await;
        pipeline.tenant.add_machine(machine.clone());
        let visible = SystemClock.now();
        let alert = pipeline.tenant.add_alert(SimAlert::on(&machine));
        let path = format!("/{}/isolate", machine.id);
        let called = until(SOON, &format!("{} to be isolated", machine.id), async || {
            let requests = pipeline.tenant.requests();
            requests.iter().find(|request| request.path.ends_with(&path)).map(|request| request.at).ok_or("no call")
        })
        .await;
        let listed = pipeline.tenant.first_listed(&alert).expect("what led to a call was listed");
        ways.push(Way { to_page: milliseconds(visible, listed), to_call: milliseconds(listed, called) });
    }
    assert_eq!(pipeline.tenant.violations(), 0);
    let told = figures(&ways);
    println!("{told}");
    let whole = sorted(&ways, |way| way.to_page + way.to_call);
    assert!(percentile(&whole, 50) <= MEDIAN.as_millis() as i64, "{told}");
    assert!(percentile(&whole, 90) <= NINE_OF_TEN.as_millis() as i64, "{told}");
}

fn milliseconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_millis() as i64
}

fn sorted(ways: &[Way], of: impl Fn(&Way) -> i64) -> Vec<i64> {
    let mut sorted: Vec<i64> = ways.iter().map(of).collect();
    sorted.sort_unstable();
    sorted
}

fn figures(ways: &[Way]) -> String {
    let line = |name: &str, of: fn(&Way) -> i64| {
        let sorted = sorted(ways, of);
        let [median, most, max] = [50, 90, 100].map(|hundredths| percentile(&sorted, hundredths));
        format!("{name:18} median {median:5} ms  p90 {most:5} ms  max {max:5} ms\n")
    };
    let parts = [
        line("visible to call", |way| way.to_page + way.to_call),
        line("visible to page", |way| way.to_page),
        line("page to call", |way| way.to_call),
    ];
    format!("{} alerts\n{}", ways.len(), parts.concat())
}
