//! The poller: whoever holds the one partition of `cursors` polls, round after round.

use std::time::{Duration, Instant};

use cordon_defender::{CallMetrics, Defender, Ports};
use cordon_records::{Classified, ErrorClass, PollCursor, RecordOutcome};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Claimed, Holder, Inbox, Tenure};
use cordon_runtime::telemetry::metrics::register;
use jiff::Timestamp;
use tokio::time::sleep;

use crate::config::IngestSettings;
use crate::cursor::{self, LookBack, later};
use crate::drive::{Driver, Ended, Unconfirmed, Window};
use crate::error::IngestError;
use crate::metrics::{Metrics, RoundEnd};
use crate::outgoing::Publisher;
use crate::pace::{CALLS_OF_A_ROUND, Pace};
use crate::restore::{Restored, restore};
use crate::seen::Asked;

/// Failed rounds in a row after which the stage is no longer ready.
const PATIENCE: u32 = 3;
/// The part of health that tells whether the API can be polled.
const COMPONENT: &str = "defender";
/// Why a poll that succeeds is not good enough.
const WITHOUT_EVIDENCE: &str = "the server fails or refuses when it is asked for the evidence of alerts; alerts are read \
                                without it, so rules that read evidence ask a person, until it is answered again";

/// Polls alerts while it is elected.
pub struct Poller {
    settings: IngestSettings,
    api: Defender,
    context: Context,
    metrics: Metrics,
}

impl Poller {
    /// A poller that has not been elected yet.
    ///
    /// # Errors
    /// When an address of the API must not be used, or the metrics' names are taken.
    pub fn new(settings: IngestSettings, context: Context) -> Result<Self, IngestError> {
        let calls = register(&context.registry, CallMetrics::new(context.stage)?)?;
        let ports = Ports::new(context.clock.clone()).observed_by(calls);
        let api = Defender::with(settings.defender.clone(), ports)?;
        let metrics = Metrics::register(&context.registry)?;
        Ok(Self { settings, api, context, metrics })
    }

    /// The client that polls.
    pub fn api(&self) -> Defender {
        self.api.clone()
    }

    /// Polls until something fatal happens; dropped when the tenure is lost.
    async fn poll(&self, tenure: &Tenure) -> Result<(), IngestError> {
        let Restored { log, cursor, watermark, reach, seen } = self.restore().await?;
        if let Some(cursor) = &cursor {
            self.metrics.covered(cursor.covered_until);
        }
        let publisher = Publisher::new(&self.context, self.settings.defender.tenant_id.clone());
        let page_size = self.settings.page_size;
        let driver = Driver::new(self.api.clone(), publisher, self.context.metrics.clone(), seen, page_size);
        let mut watch = Watch { poller: self, tenure, log, watermark, reach, driver, unconfirmed: None, failures: 0 };
        let mut pace = Pace::new(self.settings.poll_interval, self.api.alert_list_room(CALLS_OF_A_ROUND).refusals);
        tracing::info!(interval = %self.settings.poll_interval, "polling");
        loop {
            let began = Instant::now();
            watch.round(&pace).await?;
            sleep(self.wait(&mut pace, began.elapsed())).await;
        }
    }

    /// How long the next round waits, and says when rounds become rarer and when they are as configured again.
    fn wait(&self, pace: &mut Pace, ran: Duration) -> Duration {
        let before = pace.apart();
        let wait = pace.wait(ran, self.api.alert_list_room(CALLS_OF_A_ROUND));
        let (apart, configured) = (pace.apart(), self.settings.poll_interval);
        self.metrics.interval(apart.max(wait));
        if apart > before {
            tracing::warn!(
                now = apart.as_secs_f64(),
                configured = %configured,
                "Defender answered 429 although this process keeps to its quota: others use the same application; polling \
                 less often for a while. Give this process a smaller defender.quota_share, or an application of its own"
            );
        } else if apart < before && apart == configured.apart() {
            tracing::info!(interval = %configured, "polling as often as configured again");
        }
        wait
    }
}

impl Poller {
    /// Takes over; a broker that does not answer is asked again, under a new claim.
    async fn restore(&self) -> Result<Restored, IngestError> {
        loop {
            match restore(&self.context, &self.settings).await {
                Err(error) if !ends_the_stage(&error) => {
                    tracing::warn!(%error, "cannot take the poll over yet; trying again");
                    sleep(self.settings.poll_interval.apart()).await;
                }
                other => return other,
            }
        }
    }
}

impl Holder for Poller {
    type Error = IngestError;

    async fn hold(&mut self, tenure: Tenure, inbox: Inbox) -> Result<(), IngestError> {
        let ended = tokio::select! {
            biased;
            () = tenure.lost() => Ok(()),
            () = settle_all(inbox) => Ok(()),
            ended = self.poll(&tenure) => ended,
        };
        // Whoever does not poll is ready to take over.
        self.context.health.set_ready(COMPONENT, true, "");
        ended
    }
}

/// The partition is held for the election only: its records are read from the log.
async fn settle_all(mut inbox: Inbox) {
    let settler = inbox.settler();
    while let Some(record) = inbox.next().await {
        settler.settle(record.offset, RecordOutcome::Skipped("own_state"));
    }
}

/// One tenure's poll.
struct Watch<'a> {
    poller: &'a Poller,
    tenure: &'a Tenure,
    log: Claimed,
    watermark: Timestamp,
    reach: LookBack,
    driver: Driver,
    unconfirmed: Option<(Begun, Unconfirmed)>,
    failures: u32,
}

/// A round as it began.
#[derive(Debug, Clone, Copy)]
struct Begun {
    started: Timestamp,
    mono: Instant,
    sweeps: bool,
    window: Window,
}

impl Watch<'_> {
    fn begin(&self) -> Begun {
        let (started, mono) = (self.poller.context.clock.now(), Instant::now());
        let sweeps = self.reach.sweep_is_due(mono);
        let ordinary = self.reach.ordinary(self.watermark);
        let window = Window {
            since: if sweeps { self.reach.sweep(self.watermark, started) } else { ordinary },
            late_before: ordinary,
            watermark: self.watermark,
            believable_until: later(started, self.reach.overlap),
        };
        Begun { started, mono, sweeps, window }
    }

    /// A round, or what the last one put off.
    async fn round(&mut self, pace: &Pace) -> Result<(), IngestError> {
        let poller = self.poller;
        let (begun, ended) = match self.unconfirmed.take() {
            Some((begun, unconfirmed)) => (begun, self.driver.confirm(unconfirmed).await),
            None => {
                let begun = self.begin();
                let puts_off = || pace.puts_off(poller.api.alert_list_room(1));
                (begun, self.driver.round(begun.window, puts_off).await)
            }
        };
        let ended = match ended {
            Ok(Ended::Complete { watermark }) => {
                if begun.sweeps {
                    self.reach.swept(begun.mono);
                }
                self.advance(watermark, begun.started).await
            }
            Ok(Ended::Unconfirmed(unconfirmed)) => {
                self.unconfirmed = Some((begun, unconfirmed));
                self.answered();
                Ok(())
            }
            Ok(Ended::Incomplete(stall)) => {
                self.poller.metrics.round(RoundEnd::Incomplete);
                tracing::warn!(%stall, since = %begun.window.since, "the poll round is incomplete; coverage stands still");
                self.answered();
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.poller.metrics.seen(self.driver.seen().len());
        self.tell_late();
        match ended {
            Ok(()) => Ok(()),
            Err(error) => self.failed(error),
        }
    }

    fn tell_late(&mut self) {
        let late = self.driver.take_late();
        if late > 0 {
            self.poller.metrics.late(late);
            tracing::warn!(late, "alerts became visible later than ingest.overlap; a sweep found them");
        }
    }

    /// Writes the cursor; only then does coverage grow.
    async fn advance(&mut self, watermark: Timestamp, started: Timestamp) -> Result<(), IngestError> {
        if !self.tenure.is_held() {
            return Ok(());
        }
        let from = Some(self.reach.from);
        let cursor = PollCursor { watermark, covered_until: started, from, epoch: self.log.epoch() };
        let (key, headers, value) = cursor::poll(&cursor, self.poller.context.clock.now());
        self.log.append(&key, headers, value).await?;
        self.watermark = watermark;
        self.driver.seen().forget_before(self.reach.sweep(watermark, started));
        self.poller.metrics.covered(started);
        self.poller.metrics.round(RoundEnd::Complete);
        self.answered();
        Ok(())
    }

    fn answered(&mut self) {
        self.failures = 0;
        let health = &self.poller.context.health;
        match self.driver.asked() {
            Asked::Whole => health.set_ready(COMPONENT, true, ""),
            Asked::WithoutEvidence => health.set_ready(COMPONENT, false, WITHOUT_EVIDENCE),
        }
    }

    /// A failed round is tried again at the next tick; only what a restart would not make worse ends the stage.
    fn failed(&mut self, error: IngestError) -> Result<(), IngestError> {
        self.poller.metrics.round(RoundEnd::Failed);
        self.failures += 1;
        let failures = self.failures;
        if ends_the_stage(&error) {
            return Err(error);
        }
        tracing::warn!(%error, failures, "the poll round failed; it is tried again at the next interval");
        if failures >= PATIENCE {
            let why = format!("{failures} poll rounds in a row failed: {error}");
            self.poller.context.health.set_ready(COMPONENT, false, &why);
        }
        Ok(())
    }
}

/// A refused token or permission does not: people fix it while the stage waits, and readiness tells them.
fn ends_the_stage(error: &IngestError) -> bool {
    match error {
        IngestError::Api(_) => false,
        IngestError::Kafka(failure) => match failure.class() {
            ErrorClass::Fatal => true,
            ErrorClass::Poison | ErrorClass::Transient | ErrorClass::Ambiguous => false,
        },
        IngestError::Encode(_) | IngestError::Metrics(_) => true,
    }
}
