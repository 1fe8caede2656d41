//! The settings of this stage: section `ingest`, and `defender` for the API.

use std::time::Duration;

use cordon_defender::{DefenderSettings, QuotaSettings};
use cordon_settings::Section;

use crate::pace::PollInterval;
use crate::round::MAX_PAGE;

/// What ingest is told.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    /// The API to poll.
    pub defender: DefenderSettings,
    /// Time from one round to the next; a longer round delays the next one.
    pub poll_interval: PollInterval,
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
        let overlap = section
            .duration("overlap")
            .check(|overlap| within(*overlap, Duration::from_secs(10), Duration::from_secs(24 * 3_600)))
            .or(Duration::from_secs(600));
        let sweep_interval = sweep_interval(&mut section);
        let sweep_window = section
            .duration("sweep_window")
            .check(|window| within(*window, Duration::from_secs(60), Duration::from_secs(30 * 24 * 3_600)))
            .or(Duration::from_secs(24 * 3_600));
        let lookback = section
            .duration("lookback")
            .check(|lookback| within(*lookback, Duration::ZERO, Duration::from_secs(180 * 24 * 3_600)))
            .or(Duration::from_secs(3_600));
        let page_size = page_size(&mut section);
        let quota = defender.as_ref().map(|defender| defender.quota).unwrap_or_default();
        let poll_interval = poll_interval(&mut section, &quota, sweep_interval, page_size);
        section.finish();
        Some(Self { defender: defender?, poll_interval, overlap, sweep_interval, sweep_window, lookback, page_size })
    }
}

impl PollInterval {
    /// Reads how often ingest polls, for others than ingest: whatever else is in its section and in that of Defender is
    /// not their business.
    pub fn read(root: &mut Section) -> Self {
        let quota = QuotaSettings::read(&mut root.section("defender"));
        let mut section = root.section("ingest");
        let (sweep_interval, page_size) = (sweep_interval(&mut section), page_size(&mut section));
        poll_interval(&mut section, &quota, sweep_interval, page_size)
    }
}

fn poll_interval(
    section: &mut Section,
    quota: &QuotaSettings,
    sweep_interval: Duration,
    page_size: u32,
) -> PollInterval {
    let given = section.duration_or("poll_interval", "auto").check(|interval| match interval {
        Some(interval) => within(*interval, Duration::from_millis(100), Duration::from_secs(3_600)),
        None => Ok(()),
    });
    match given.or(None) {
        Some(interval) => PollInterval::Every(interval),
        None => PollInterval::auto(quota, sweep_interval, page_size),
    }
}

fn sweep_interval(section: &mut Section) -> Duration {
    section
        .duration("sweep_interval")
        .check(|interval| within(*interval, Duration::from_secs(1), Duration::from_secs(24 * 3_600)))
        .or(Duration::from_secs(3_600))
}

fn page_size(section: &mut Section) -> u32 {
    section.count("page_size").convert(fitting).or(1_000)
}

fn within(value: Duration, least: Duration, most: Duration) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let format = cordon_settings::format_duration;
    Err(format!("expected {} to {}", format(least), format(most)))
}

fn fitting(size: u64) -> Result<u32, String> {
    u32::try_from(size)
        .ok()
        .filter(|size| (10..=MAX_PAGE).contains(size))
        .ok_or_else(|| format!("expected 10 to {MAX_PAGE}, the largest page that the API gives"))
}

#[cfg(test)]
mod tests {
    use cordon_settings::{Document, Reader};

    use super::*;

    fn read<T>(defender: &str, ingest: &str, take: impl FnOnce(&mut Section) -> T) -> Result<T, String> {
        let identity = "tenant_id: t, client_id: c, client_secret: 'file:/s'";
        let text = format!("defender: {{{identity}{defender}}}\ningest: {{{ingest}}}\n");
        let document = Document::parse("cordon.yaml", &text).unwrap();
        let reader = Reader::new(&document);
        let mut root = reader.root();
        let taken = take(&mut root);
        drop(root);
        reader.finish().map(|()| taken).map_err(|problems| problems.to_string())
    }

    fn of_ingest(root: &mut Section) -> Option<PollInterval> {
        IngestSettings::read(root).map(|settings| settings.poll_interval)
    }

    #[test]
    fn the_poll_is_auto_unless_a_duration_is_given_and_others_than_ingest_read_the_same() {
        let (seconds, tenths) = (Duration::from_secs, |count: u64| Duration::from_millis(count * 100));
        for (defender, ingest, expected) in [
            ("", "", PollInterval::Auto(tenths(32))),
            (", quota_share: 0.2", "poll_interval: auto", PollInterval::Auto(tenths(160))),
            ("", "sweep_interval: 1m", PollInterval::Auto(tenths(45))),
            ("", "page_size: 10", PollInterval::Auto(tenths(55))),
            (", quota_share: 0.2", "poll_interval: 15s", PollInterval::Every(seconds(15))),
            ("", "poll_interval: 100ms", PollInterval::Every(Duration::from_millis(100))),
        ] {
            assert_eq!(read(defender, ingest, of_ingest), Ok(Some(expected)), "{defender} {ingest}");
            assert_eq!(read(defender, ingest, PollInterval::read), Ok(expected), "{defender} {ingest}");
        }
    }

    #[test]
    fn what_is_neither_auto_nor_a_sensible_duration_is_refused_and_told_once() {
        for (ingest, told) in [
            ("poll_interval: atuo", "did you mean \"auto\"?"),
            ("poll_interval: 15", "expected auto, or a duration with a unit, such as 15s or 15ms"),
            ("poll_interval: 2h", "expected 100ms to 1h"),
        ] {
            let problems = read("", ingest, of_ingest).unwrap_err();
            assert!(problems.contains(told), "{problems}");
            assert_eq!(problems.matches("ingest.poll_interval:").count(), 1, "{problems}");
        }
    }
}
