//! The settings of this stage: section `ingest`, and `defender` for the API.

use std::time::Duration;

use cordon_defender::DefenderSettings;
use cordon_settings::Section;

use crate::round::MAX_PAGE;

/// What ingest is told.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    /// The API to poll.
    pub defender: DefenderSettings,
    /// Time from one round to the next; a longer round delays the next one. 15 s make 240 to 480 of the 1,500 calls
    /// per hour that the API grants.
    pub poll_interval: Duration,
    /// How far each round looks back behind the newest `lastUpdateTime` received: alerts become visible late and out of
    /// order. What is later still is found by the next sweep.
    pub overlap: Duration,
    /// From one sweep to the next; the first round of a process is one.
    pub sweep_interval: Duration,
    /// How far a sweep looks back. An alert that the API shows later than this after its `lastUpdateTime` is missed.
    pub sweep_window: Duration,
    /// How far the very first round looks back, when no cursor is there. Not used afterwards.
    pub lookback: Duration,
    /// Alerts per page, at first; a round raises it up to 10,000 where it must.
    pub page_size: u32,
}

impl IngestSettings {
    /// Reads the sections. `None` after recording problems.
    pub fn read(root: &mut Section) -> Option<Self> {
        let mut defender_section = root.section("defender");
        let defender = DefenderSettings::read(&mut defender_section);
        defender_section.finish();
        let mut section = root.section("ingest");
        let poll_interval = section
            .duration("poll_interval")
            .check(|interval| within(*interval, Duration::from_millis(100), Duration::from_secs(3_600)))
            .or(Duration::from_secs(15));
        let overlap = section
            .duration("overlap")
            .check(|overlap| within(*overlap, Duration::from_secs(10), Duration::from_secs(24 * 3_600)))
            .or(Duration::from_secs(600));
        let sweep_interval = section
            .duration("sweep_interval")
            .check(|interval| within(*interval, Duration::from_secs(1), Duration::from_secs(24 * 3_600)))
            .or(Duration::from_secs(3_600));
        let sweep_window = section
            .duration("sweep_window")
            .check(|window| within(*window, Duration::from_secs(60), Duration::from_secs(30 * 24 * 3_600)))
            .or(Duration::from_secs(24 * 3_600));
        let lookback = section
            .duration("lookback")
            .check(|lookback| within(*lookback, Duration::ZERO, Duration::from_secs(180 * 24 * 3_600)))
            .or(Duration::from_secs(3_600));
        let page_size = section.count("page_size").convert(page_size).or(1_000);
        section.finish();
        Some(Self { defender: defender?, poll_interval, overlap, sweep_interval, sweep_window, lookback, page_size })
    }
}

fn within(value: Duration, least: Duration, most: Duration) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let format = cordon_settings::format_duration;
    Err(format!("expected {} to {}", format(least), format(most)))
}

fn page_size(size: u64) -> Result<u32, String> {
    u32::try_from(size)
        .ok()
        .filter(|size| (10..=MAX_PAGE).contains(size))
        .ok_or_else(|| format!("expected 10 to {MAX_PAGE}, the largest page that the API gives"))
}
