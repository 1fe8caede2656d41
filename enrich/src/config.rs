//! The settings of this stage: section `enrich`, and `defender` for the API.

use std::time::Duration;

use cordon_defender::DefenderSettings;
use cordon_settings::{Section, closest};

/// Something to look up about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The machine that the alert names.
    Machine,
}

/// Every lookup, by its name in the configuration.
const LOOKUPS: [(&str, Lookup); 1] = [("machine", Lookup::Machine)];

/// What enrich is told.
#[derive(Debug, Clone)]
pub struct EnrichSettings {
    /// The API.
    pub defender: DefenderSettings,
    /// What to look up; empty = nothing, and every record is partial.
    pub lookups: Vec<Lookup>,
    /// How many alerts are worked on at once. The more wait for their machines, the fewer calls bring those; memory is
    /// bounded by the bytes in flight.
    pub concurrency: usize,
    /// How long the tries of one lookup may take together, counted from when they may go out; then the alert goes on
    /// without. Waiting for our own quota does not count.
    pub deadline: Duration,
    /// How long a machine is remembered.
    pub cache_ttl: Duration,
}

impl EnrichSettings {
    /// Reads the sections. `None` after recording problems.
    pub fn read(root: &mut Section) -> Option<Self> {
        let mut defender_section = root.section("defender");
        let defender = DefenderSettings::read(&mut defender_section);
        defender_section.finish();
        let Own { lookups, concurrency, deadline, cache_ttl } = Own::read(root);
        Some(Self { defender: defender?, lookups, concurrency, deadline, cache_ttl })
    }
}

/// What the section `enrich` says.
struct Own {
    lookups: Vec<Lookup>,
    concurrency: usize,
    deadline: Duration,
    cache_ttl: Duration,
}

impl Own {
    fn read(root: &mut Section) -> Self {
        let mut section = root.section("enrich");
        let lookups = section.texts("lookups").convert(|names| lookups(&names)).or(vec![Lookup::Machine]);
        let concurrency = section.count("concurrency").convert(concurrency).or(1_000);
        let deadline = section
            .duration("deadline")
            .check(|deadline| within(*deadline, Duration::from_millis(100), Duration::from_secs(300)))
            .or(Duration::from_secs(10));
        let cache_ttl = section
            .duration("cache_ttl")
            .check(|ttl| within(*ttl, Duration::ZERO, Duration::from_secs(24 * 3_600)))
            .or(Duration::from_secs(300));
        section.finish();
        Self { lookups, concurrency, deadline, cache_ttl }
    }
}

/// How many alerts are worked on at once, for who looks nothing up and is told of no credential.
pub fn concurrency_alone(root: &mut Section) -> usize {
    Own::read(root).concurrency
}

fn lookups(names: &[String]) -> Result<Vec<Lookup>, String> {
    names.iter().map(|name| lookup(name)).collect()
}

fn lookup(name: &str) -> Result<Lookup, String> {
    if let Some((_, lookup)) = LOOKUPS.iter().find(|(known, _)| *known == name) {
        return Ok(*lookup);
    }
    let known = LOOKUPS.map(|(known, _)| known);
    let hint = closest(name, &known).map(|guess| format!("; did you mean {guess}?")).unwrap_or_default();
    Err(format!("{name:?} is no lookup; there is: {}{hint}", known.join(", ")))
}

fn concurrency(count: u64) -> Result<usize, String> {
    usize::try_from(count).ok().filter(|count| (1..=1_000).contains(count)).ok_or("expected 1 to 1000".to_owned())
}

fn within(value: Duration, least: Duration, most: Duration) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let format = cordon_settings::format_duration;
    Err(format!("expected {} to {}", format(least), format(most)))
}
