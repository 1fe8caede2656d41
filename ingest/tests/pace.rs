//! The pace of the poll against the tenant's quota, by a clock that only these tests move.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cordon_defender::{AlertQuery, ApiError, Cloud, Defender, DefenderSettings, QuotaSettings};
use cordon_ingest::PollInterval;
use cordon_ingest::pace::{CALLS_OF_A_ROUND, Pace};
use cordon_records::{Clock, TenantId};
use cordon_runtime::process::install_tls;
use cordon_settings::Secret;
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, Simulator, TENANT_ID};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

/// The tenant's clock, set to what the paused clock of the client shows.
#[derive(Default)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        start + SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A client that polls a tenant which enforces the published quota.
struct Poll {
    tenant: Simulator,
    api: Defender,
    pace: Pace,
    clock: Arc<Set>,
    began: Instant,
    /// How long calls had to wait for their quota, apart from the pace.
    waited: Duration,
}

impl Poll {
    fn start(share: f64) -> Self {
        install_tls();
        let clock = Arc::new(Set::default());
        let tenant =
            Simulator::start(Options { clock: clock.clone(), smtp_listen: None, ..Options::default() }).unwrap();
        let id = TenantId::new(TENANT_ID).unwrap();
        let secret = Secret::from_literal(CLIENT_SECRET);
        let mut settings = DefenderSettings::new(Cloud::default(), id, CLIENT_ID.to_owned(), secret).unwrap();
        settings.api_url = tenant.api_url().parse().unwrap();
        settings.authority_url = tenant.authority_url().parse().unwrap();
        settings.quota = QuotaSettings { share, ..QuotaSettings::default() };
        let pace = Pace::new(PollInterval::auto(&settings.quota, Duration::from_secs(3_600), 1_000), 0);
        let api = Defender::new(settings, clock.clone()).unwrap();
        Self { tenant, api, pace, clock, began: Instant::now(), waited: Duration::ZERO }
    }

    /// One call. Time stands still until it is answered, so its wait for quota comes before.
    async fn ask(&mut self) -> Result<(), ApiError> {
        let came = Instant::now();
        while !self.api.alert_list_room(1).wait.is_zero() {
            sleep(self.api.alert_list_room(1).wait).await;
        }
        self.waited += came.elapsed();
        self.clock.0.store(self.began.elapsed().as_millis() as i64, Ordering::Relaxed);
        let query = AlertQuery { updated_since: None, top: 1_000, expand_evidence: true, order: true };
        still(self.api.list_alerts(&query)).await.map(|_| ())
    }

    /// Rounds for so long, each with news or none with any; gives back from each one's beginning to the next one's, and how it
    /// ended. The question after news is put off to the next round's time, whose own it replaces, where there is no room.
    async fn rounds(&mut self, news: bool, time: Duration) -> Vec<(Duration, bool)> {
        let end = Instant::now() + time;
        let mut rounds = Vec::new();
        let mut is_put_off = false;
        while Instant::now() < end {
            let began = Instant::now();
            let mut is_good = self.ask().await.is_ok();
            let asks_again = news && !is_put_off;
            is_put_off = asks_again && self.pace.puts_off(self.api.alert_list_room(1));
            if asks_again && !is_put_off {
                is_good &= self.ask().await.is_ok();
            }
            let wait = self.pace.wait(began.elapsed(), self.api.alert_list_room(CALLS_OF_A_ROUND));
            sleep(wait).await;
            rounds.push((began.elapsed(), is_good));
        }
        rounds
    }
}

/// Runs this while the paused clock stands still: it goes on by itself only while nothing blocks.
async fn still<T>(work: impl Future<Output = T>) -> T {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let blocks = tokio::task::spawn_blocking(move || wait.recv());
    let result = work.await;
    drop(done);
    let _ = blocks.await.unwrap();
    result
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_auto_meet_no_429_and_no_call_waits_for_its_quota_after_the_first_round() {
    for (share, news, expected) in [
        (1.0, false, 188..=188),
        (1.0, true, 180..=188),
        (0.2, false, 35..=43),
        (0.2, true, 35..=43),
        (0.03, false, 4..=7),
    ] {
        let mut poll = Poll::start(share);
        let first = poll.rounds(news, Duration::from_nanos(1)).await;
        // A fresh account of a small part has two calls, one or none.
        assert!(first[0].1, "{first:?}");
        poll.waited = Duration::ZERO;
        let rounds = poll.rounds(news, Duration::from_secs(600)).await;
        let told = format!("{} rounds at {share}, news: {news}: {rounds:?}", rounds.len());
        assert!(rounds.iter().all(|(_, is_good)| *is_good), "{told}");
        assert_eq!((poll.tenant.violations(), poll.waited), (0, Duration::ZERO), "{told}");
        assert!(poll.tenant.requests().iter().all(|request| request.status == 200), "{told}");
        assert!(expected.contains(&rounds.len()), "{told}");
        poll.tenant.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_429_the_poll_stays_away_as_long_as_it_was_told_then_goes_slowly_and_comes_back_to_its_pace() {
    let (apart, ninety) = (Duration::from_millis(3_200), Duration::from_secs(90));
    let mut poll = Poll::start(1.0);
    assert!(poll.rounds(false, apart * 5).await.iter().all(|(it, _)| *it == apart));
    poll.tenant.script(Fault::on("GET", "/api/alerts", FaultKind::too_many_requests(Some("90"))).times(1));
    let before = poll.tenant.requests().len();
    let rounds = poll.rounds(false, Duration::from_secs(600)).await;
    let told = format!("{rounds:?}");
    assert!(!rounds[0].1 && rounds[1..].iter().all(|(_, is_good)| *is_good), "{told}");
    let stamps: Vec<_> = poll.tenant.requests()[before..].iter().map(|request| request.at).collect();
    assert!(stamps[1].duration_since(stamps[0]) >= SignedDuration::try_from(ninety).unwrap(), "{stamps:?}");
    let slow: Vec<_> = rounds[2..].iter().map(|(it, _)| *it).take_while(|it| *it > apart).collect();
    assert!(!slow.is_empty() && slow.is_sorted_by(|one, next| one >= next), "{told}");
    assert!(rounds[2 + slow.len()..].iter().all(|(it, _)| *it == apart), "{told}");
    poll.tenant.stop().await;
}
