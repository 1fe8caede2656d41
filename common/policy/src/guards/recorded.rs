//! A case as a report has it: what the guards were told then, to ask them again.

use cordon_records::{Action, ActionRecord, GuardFacts, Latch};

use super::{Asker, Case, Consent};

/// A report that says what the guards were told, with the switches as they stood.
///
/// A report has neither the attempts that were counted nor the rules' limits: of the guards that count, the case says only
/// that nothing was counted.
#[derive(Debug)]
pub struct Recorded<'a> {
    report: &'a ActionRecord,
    action: &'a Action,
    facts: &'a GuardFacts,
    breaker: Latch,
    pause: Latch,
}

impl<'a> Recorded<'a> {
    /// What this report has; `None` where no guard was asked for it, or a build before the facts wrote it.
    #[must_use]
    pub fn of(report: &'a ActionRecord) -> Option<Self> {
        let (action, facts) = (report.action.as_ref()?, report.facts.as_ref()?);
        let latch = |on, at| Latch { on, by: String::new(), why: String::new(), at, window_s: None };
        Some(Self {
            report,
            action,
            facts,
            // Without its instant it is no breaker that anybody approved.
            breaker: latch(facts.latched, facts.latched_at.unwrap_or(facts.at)),
            pause: latch(facts.paused, facts.at),
        })
    }

    /// The case that the guards had before them.
    #[must_use]
    pub fn case(&self) -> Case<'_> {
        let Self { report, action, facts, breaker, pause } = self;
        Case {
            action,
            mode: report.mode,
            asker: self.asker(),
            consent: Consent::of(&report.approvals, &facts.isolation),
            limits: &[],
            rules: &report.rules,
            alert: &facts.alert,
            machine: facts.machine.as_ref(),
            polled: facts.polled.as_ref(),
            read: facts.read,
            users: &facts.users,
            isolation: &facts.isolation,
            ours: facts.ours,
            narrower: facts.narrower,
            isolated_by: facts.isolated_by.as_deref(),
            elsewhere: facts.elsewhere.as_deref(),
            now: facts.at,
            attempts: &[],
            fleet: facts.fleet,
            breaker: Some(breaker),
            pause: Some(pause),
        }
    }

    fn asker(&self) -> Asker {
        let by_person = self.report.requested_by.is_some();
        Asker::of(self.action, by_person, self.facts.about_another)
    }
}
