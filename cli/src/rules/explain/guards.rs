//! Judges planned actions by the guards, as far as the record tells.
//!
//! respond asks the guards with facts that only it has: the attempts that were made, its switches, and what Defender
//! says of the machine at that moment. Here a verdict counts only if the record and the files are all that its guard
//! looks at; every other one is unknown, never a guess.

use cordon_policy::{Asker, Case, Consent, Isolation, guard, judge};
use cordon_records::{DecisionRecord, EnrichedRecord, Mode, PlannedAction, Ruling};

use super::settings::Settings;

/// The guards that look at nothing but the record, the rules and the guards file.
const KNOWN: [&str; 14] = [
    guard::MODE,
    guard::HOLD_KINDS,
    guard::OBSERVABLE,
    guard::RETIRED,
    guard::CLOSED,
    guard::MACHINE_FACTS,
    guard::SCOPE,
    guard::ALLOW_OS,
    guard::NEVER_LIST,
    guard::HOLD_TAGS,
    guard::HOLD_USERS,
    guard::DEVICE_VALUE,
    guard::AGE,
    guard::MAINTENANCE,
];

/// A planned action and what the guards say.
pub struct Judged {
    pub action: PlannedAction,
    /// The lower of the rules' mode and the stage's.
    pub mode: Mode,
    pub verdicts: Vec<Verdict>,
}

/// One guard's word.
pub struct Verdict {
    pub guard: String,
    /// `None` where it cannot be known here.
    pub ruling: Option<Ruling>,
    pub why: String,
}

/// What the known verdicts come to.
pub enum Outcome<'a> {
    Refused(&'a Verdict),
    Held(&'a Verdict),
    /// Nothing that is known stands against it.
    Free,
}

impl Judged {
    /// Refuse beats hold.
    pub fn outcome(&self) -> Outcome<'_> {
        let with = |ruling| self.verdicts.iter().find(|verdict| verdict.ruling == Some(ruling));
        match (with(Ruling::Refuse), with(Ruling::Hold)) {
            (Some(verdict), _) => Outcome::Refused(verdict),
            (None, Some(verdict)) => Outcome::Held(verdict),
            (None, None) => Outcome::Free,
        }
    }
}

/// Every planned action with its verdicts, as of the moment at which the record was made.
pub fn judged(settings: &Settings, decision: &DecisionRecord, record: &EnrichedRecord) -> Vec<Judged> {
    decision.planned.iter().map(|planned| one(settings, planned, decision, record)).collect()
}

fn one(settings: &Settings, planned: &PlannedAction, decision: &DecisionRecord, record: &EnrichedRecord) -> Judged {
    let mode = settings.ceiling.map_or(planned.mode, |ceiling| ceiling.min(planned.mode));
    let case = Case {
        action: &planned.action,
        mode,
        asker: Asker::Rules,
        consent: Consent::None,
        limits: &planned.limits,
        rules: &planned.rules,
        alert: &decision.alert,
        machine: decision.machine.as_ref(),
        polled: None,
        read: false,
        users: &decision.alert.users,
        isolation: &Isolation::Unknown,
        ours: false,
        narrower: false,
        isolated_by: None,
        elsewhere: None,
        now: record.enriched_at,
        attempts: &[],
        fleet: None,
        breaker: None,
        pause: None,
    };
    let verdicts = judge(&settings.guards, &case).verdicts.into_iter().map(|verdict| {
        let is_known = KNOWN.contains(&verdict.guard.as_str());
        let why = if is_known { verdict.why } else { unknown(&verdict.guard).to_owned() };
        Verdict { guard: verdict.guard, ruling: is_known.then_some(verdict.ruling), why }
    });
    Judged { action: planned.clone(), mode, verdicts: verdicts.collect() }
}

/// Who knows what a guard asks.
fn unknown(guard: &str) -> &'static str {
    match guard {
        guard::PAUSE | guard::BREAKER => "whether it is on stands in respond's ledger",
        guard::RULE_LIMITS
        | guard::PER_RULE
        | guard::PER_DEVICE_GROUP
        | guard::GENTLE_CAPS
        | guard::CAPS
        | guard::FLEET_SHARE => "attempts are counted in respond's ledger",
        guard::ISOLATION | guard::STANDING | guard::RELEASED => {
            "the machine's actions are read from Defender just before the call"
        }
        _ => "it asks for facts that only respond has",
    }
}
