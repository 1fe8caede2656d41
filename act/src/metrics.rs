//! Metrics of act beside those that every stage has.

use cordon_records::{NoticeKind, Report};
use cordon_response::LedgerState;
use cordon_runtime::telemetry::metrics::register;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Counters and gauges of the respond role.
#[derive(Clone)]
pub struct ActMetrics {
    reports: IntCounterVec,
    breaker: IntGauge,
    paused: IntGauge,
    open: IntGauge,
    held: IntGauge,
    timers: IntGauge,
    aside: IntGauge,
    waiting: IntGauge,
}

impl ActMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When a name is taken by a metric with other labels.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let reports = IntCounterVec::new(
            Opts::new("cordon_act_reports_total", "Steps of actions and notices reported, by state."),
            &["state"],
        )?;
        let breaker = IntGauge::new("cordon_act_breaker_latched", "1 while the breaker holds every action.")?;
        let paused = IntGauge::new("cordon_act_paused", "1 while a person has paused all actions.")?;
        let open = IntGauge::new("cordon_act_open_actions", "Actions on their way to an end.")?;
        let held = IntGauge::new("cordon_act_held_actions", "Actions that wait for a person.")?;
        let timers =
            IntGauge::new("cordon_act_release_timers", "Isolated machines that are to be let back after a time.")?;
        let aside = IntGauge::new(
            "cordon_act_decisions_aside",
            "Decisions that were read and wait outside for room; what is pressing goes before them.",
        )?;
        let waiting = IntGauge::new("cordon_act_waiting_actions", "Actions that wait for their turn.")?;
        Ok(Self {
            reports: register(registry, reports)?,
            breaker: register(registry, breaker)?,
            paused: register(registry, paused)?,
            open: register(registry, open)?,
            held: register(registry, held)?,
            timers: register(registry, timers)?,
            aside: register(registry, aside)?,
            waiting: register(registry, waiting)?,
        })
    }

    /// One report goes out.
    pub fn reported(&self, report: &Report) {
        let state = match report {
            Report::Action(record) => {
                tracing::info!(
                    id = %record.id, alert = %record.alert.id, state = record.state.as_str(), reason = %record.reason,
                    machine = record.machine.as_ref().map(|machine| machine.id.as_str()), "action reported"
                );
                record.state.as_str()
            }
            Report::Notice(notice) => {
                match notice.kind {
                    NoticeKind::BreakerLatched | NoticeKind::CommandRefused | NoticeKind::PolicyRefused => {
                        tracing::error!(id = %notice.id, text = %notice.text, "notice")
                    }
                    NoticeKind::Paused | NoticeKind::Resumed | NoticeKind::PolicyReloaded => {
                        tracing::warn!(id = %notice.id, text = %notice.text, "notice");
                    }
                }
                notice.kind.as_str()
            }
        };
        self.reports.with_label_values(&[state]).inc();
    }

    /// How much waits: decisions that are put aside, and actions in the queue.
    pub fn waiting(&self, aside: usize, actions: usize) {
        self.aside.set(count(aside));
        self.waiting.set(count(actions));
    }

    /// The switches and the open actions, as the state has them.
    pub fn observe(&self, ledger: &LedgerState) {
        let on = |latch: Option<&cordon_records::Latch>| i64::from(latch.is_some_and(|latch| latch.on));
        self.breaker.set(on(ledger.breaker()));
        self.paused.set(on(ledger.pause()));
        self.open.set(count(ledger.open_count()));
        self.held.set(count(ledger.waiting().len()));
        self.timers.set(count(ledger.timers().len()));
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Which rules and guards are in force.
#[derive(Clone)]
pub struct PolicyMetrics {
    changes: IntCounterVec,
    refused: IntGauge,
    recorded: IntGauge,
    rule_set: IntGaugeVec,
}

impl PolicyMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When a name is taken by a metric with other labels.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let changes = Opts::new("cordon_act_policy_changes_total", "Changes of rule and guard files, by outcome.");
        let refused = "1 while the rule and guard files are wrong and older ones are in force.";
        let recorded = "1 while the text of the rules and guards in force is on the topic policies.";
        let rule_set = Opts::new("cordon_act_rule_set_info", "1 for the rule set in force.");
        Ok(Self {
            changes: register(registry, IntCounterVec::new(changes, &["outcome"])?)?,
            refused: register(registry, IntGauge::new("cordon_act_policy_refused", refused)?)?,
            recorded: register(registry, IntGauge::new("cordon_act_policy_recorded", recorded)?)?,
            rule_set: register(registry, IntGaugeVec::new(rule_set, &["rule_set"])?)?,
        })
    }

    /// Changed files were judged: whether they were refused, and the hash of the rule set in force since.
    pub fn judged(&self, refused: bool, rule_set: &str) {
        self.changes.with_label_values(&[if refused { "refused" } else { "loaded" }]).inc();
        self.observe(refused, rule_set);
    }

    /// Whether what is in force could be recorded.
    pub fn recorded(&self, is_recorded: bool) {
        self.recorded.set(i64::from(is_recorded));
    }

    /// The hash of the rule set in force, and whether newer files are refused.
    pub fn observe(&self, refused: bool, rule_set: &str) {
        self.refused.set(i64::from(refused));
        self.rule_set.reset();
        self.rule_set.with_label_values(&[rule_set]).set(1);
    }
}
