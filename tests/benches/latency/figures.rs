//! What the times amount to, and whether they are within the limits.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use cordon_tests::hops::milliseconds;
use cordon_tests::percentile::percentile;

/// The goals: against the bare chain, and in any case.
const P50_TO_BARE: f64 = 1.5;
const P99_TO_BARE: f64 = 2.0;
const P99_AT_MOST: Duration = Duration::from_millis(150);

/// The times of one chain.
pub struct Figures {
    sorted: Vec<Duration>,
    calls_per_alert: f64,
}

impl Figures {
    pub fn of(mut times: Vec<Duration>, calls: usize, alerts: usize) -> Self {
        times.sort_unstable();
        Self { sorted: times, calls_per_alert: calls as f64 / alerts as f64 }
    }

    /// The time within which so many hundredths of the alerts were done, by nearest rank.
    fn percentile(&self, hundredths: usize) -> Duration {
        percentile(&self.sorted, hundredths)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|hundredths| milliseconds(self.percentile(hundredths)));
        let (count, calls) = (self.sorted.len(), self.calls_per_alert);
        write!(f, "p50 {p50:6.1} ms  p90 {p90:6.1} ms  p99 {p99:6.1} ms  max {max:6.1} ms")?;
        write!(f, "  ({count} alerts, {calls:.1} HTTP calls each)")
    }
}

/// Prints how the two compare; success when every limit is kept.
pub fn verdict(bare: &Figures, cordon: &Figures) -> ExitCode {
    let ratio = |hundredths| cordon.percentile(hundredths).as_secs_f64() / bare.percentile(hundredths).as_secs_f64();
    let (p50, p99, most) = (ratio(50), ratio(99), cordon.percentile(99));
    let lines = [
        (p50 <= P50_TO_BARE, format!("p50 is {p50:.2} of the bare chain's; the limit is {P50_TO_BARE}")),
        (p99 <= P99_TO_BARE, format!("p99 is {p99:.2} of the bare chain's; the limit is {P99_TO_BARE}")),
        (
            most <= P99_AT_MOST,
            format!("p99 is {:.1} ms; the limit is {} ms", milliseconds(most), P99_AT_MOST.as_millis()),
        ),
    ];
    for (kept, line) in &lines {
        println!("{}  {line}", if *kept { "kept    " } else { "EXCEEDED" });
    }
    if lines.iter().all(|(kept, _)| *kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
