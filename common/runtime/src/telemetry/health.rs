//! Whether the process lives and whether it can work: two questions with two answers.
//!
//! Not ready means "something I need is missing, leave me alone"; not alive means "restart me". A broker that is down
//! makes a stage unready, never dead: a restart would not bring the broker back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cordon_records::Waiting;
use tokio::time::Instant;

/// A component that beats and has been silent for longer is stuck.
pub const SILENCE: Duration = Duration::from_secs(60);

/// The health of one stage; copies share it.
#[derive(Debug, Clone)]
pub struct Health {
    stage: &'static str,
    components: Arc<Mutex<BTreeMap<&'static str, Component>>>,
    watched: Arc<Mutex<Vec<Listed>>>,
    waits: Arc<Mutex<Weak<Mutex<Option<Waiting>>>>>,
}

/// Where whoever keeps records back on purpose says so. What was said is over when this is dropped.
#[derive(Debug)]
pub struct Waits(Arc<Mutex<Option<Waiting>>>);

impl Waits {
    /// Says what waits now; `None` when nothing does.
    pub fn set(&self, waiting: Option<Waiting>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }
}

/// Somebody who is asked, under the name of a component.
type Listed = (&'static str, Weak<dyn Watched>);

/// What knows by itself, at any time, whether it can do its work.
pub trait Watched: std::fmt::Debug + Send + Sync {
    /// Why it cannot, or `None`.
    fn complaint(&self, now: Instant) -> Option<String>;
}

#[derive(Debug, Default)]
struct Component {
    /// Why it is not ready; `None` when it is, or never spoke of readiness.
    unready: Option<Complaint>,
    last_beat: Option<Instant>,
}

#[derive(Debug)]
struct Complaint {
    why: String,
    /// When it lapses by itself; `None` for one that stands until it is taken back.
    until: Option<Instant>,
}

impl Health {
    /// A stage without components: alive and ready.
    #[must_use]
    pub fn new(stage: &'static str) -> Self {
        Self { stage, components: Arc::default(), watched: Arc::default(), waits: Arc::default() }
    }

    /// Says whether a component can do its work, and if not, why.
    pub fn set_ready(&self, component: &'static str, ready: bool, why: &str) {
        self.change(component, |entry| {
            entry.unready = (!ready).then(|| Complaint { why: why.to_owned(), until: None });
        });
    }

    /// Says that a component cannot do its work, and why. It counts as ready again after `within` if nothing more is said.
    pub fn set_unready_for(&self, component: &'static str, why: &str, within: Duration) {
        let complaint = Complaint { why: why.to_owned(), until: Instant::now().checked_add(within) };
        self.change(component, |entry| entry.unready = Some(complaint));
    }

    /// Asks `watched` whenever somebody wants to know, for as long as it lives.
    pub fn watch(&self, component: &'static str, watched: &Arc<impl Watched + 'static>) {
        let weak = Arc::downgrade(watched);
        let weak: Weak<dyn Watched> = weak;
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, watched)| watched.strong_count() > 0);
        all.push((component, weak));
    }

    /// For whoever reads records and settles them later; who did so before does no more.
    #[must_use]
    pub fn waits(&self) -> Waits {
        let waits = Waits(Arc::default());
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&waits.0);
        waits
    }

    /// What waits on purpose.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that a component's loop turns. From the first beat on, silence for more than [`SILENCE`] means stuck.
    pub fn beat(&self, component: &'static str) {
        let now = Instant::now();
        self.change(component, |entry| entry.last_beat = Some(now));
    }

    /// A component that ends, or waits on purpose, is not expected to beat until its next beat.
    pub fn rest(&self, component: &'static str) {
        self.change(component, |entry| entry.last_beat = None);
    }

    /// What is stuck, as `stage/component: since when`; empty when the process is alive.
    #[must_use]
    pub fn stuck(&self) -> Vec<String> {
        self.complaints(|entry| {
            let silent = entry.last_beat?.elapsed();
            (silent > SILENCE).then(|| format!("silent for {} s", silent.as_secs()))
        })
    }

    /// What is missing, as `stage/component: why`; empty when the process can work.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let now = Instant::now();
        let stands = |complaint: &&Complaint| complaint.until.is_none_or(|until| now < until);
        let mut missing =
            self.complaints(|entry| entry.unready.as_ref().filter(stands).map(|complaint| complaint.why.clone()));
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let told = watched.iter().filter_map(|(name, watched)| Some((name, watched.upgrade()?.complaint(now)?)));
        missing.extend(told.map(|(name, why)| format!("{}/{name}: {why}", self.stage)));
        missing
    }

    fn complaints(&self, complaint: impl Fn(&Component) -> Option<String>) -> Vec<String> {
        let components = self.components.lock().unwrap_or_else(PoisonError::into_inner);
        let complaints = components.iter().filter_map(|(name, entry)| Some((name, complaint(entry)?)));
        complaints.map(|(name, why)| format!("{}/{name}: {why}", self.stage)).collect()
    }

    fn change(&self, component: &'static str, change: impl FnOnce(&mut Component)) {
        change(self.components.lock().unwrap_or_else(PoisonError::into_inner).entry(component).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_ready_when_all_its_components_are_and_says_why_not() {
        let health = Health::new("act");
        assert!(health.missing().is_empty());
        health.set_ready("kafka", false, "broker unreachable");
        health.set_ready("ledger", false, "restoring");
        assert_eq!(health.missing(), ["act/kafka: broker unreachable", "act/ledger: restoring"]);
        health.set_ready("kafka", true, "");
        health.set_ready("ledger", true, "");
        assert!(health.missing().is_empty());
    }

    #[derive(Debug)]
    struct Broken;

    impl Watched for Broken {
        fn complaint(&self, _: Instant) -> Option<String> {
            Some("broken".to_owned())
        }
    }

    #[test]
    fn what_is_watched_is_asked_for_as_long_as_it_lives() {
        let (health, broken) = (Health::new("act"), Arc::new(Broken));
        health.watch("producer", &broken);
        assert_eq!(health.missing(), ["act/producer: broken"]);
        drop(broken);
        assert!(health.missing().is_empty());
    }

    #[test]
    fn what_waits_on_purpose_is_told_until_whoever_keeps_it_is_gone() {
        let health = Health::new("notify");
        let waiting = |read_to| Some(Waiting { partition: 0, read_to, waits: Vec::new() });
        assert_eq!(health.waiting(), None);
        let before = health.waits();
        before.set(waiting(7));
        assert_eq!(health.waiting(), waiting(7));
        let after = health.waits();
        assert_eq!(health.waiting(), None, "the next holder has said nothing yet");
        after.set(waiting(9));
        drop(before);
        assert_eq!(health.waiting(), waiting(9));
        drop(after);
        assert_eq!(health.waiting(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_component_that_beat_and_fell_silent_is_stuck() {
        let health = Health::new("ingest");
        health.set_ready("kafka", true, "");
        tokio::time::advance(SILENCE * 2).await;
        assert!(health.stuck().is_empty(), "what never beats is not expected to");
        health.beat("poll");
        tokio::time::advance(SILENCE).await;
        assert!(health.stuck().is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(health.stuck(), ["ingest/poll: silent for 61 s"]);
        health.rest("poll");
        assert!(health.stuck().is_empty());
    }
}
