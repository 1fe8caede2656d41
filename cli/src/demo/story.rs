//! The story: from happenings to lines that a person who has never seen Cordon can read. Pure but for the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_policy::guard;
use cordon_records::{
    ActionKey, ActionRecord, ActionState, AlertId, DecisionRecord, MachineId, Report, Ruling, Verdict,
};
use cordon_simulator::LoggedRequest;

use super::company::{End, Raised};
use super::watch::{Happening, is_isolate};

/// One alert's chapter.
#[derive(Debug)]
struct Chapter {
    raised: Raised,
    at: Instant,
    decided: bool,
    known: bool,
    /// What was reported of its actions, each once. Every step of a scene has its mail, and either may be seen first.
    states: Vec<ActionState>,
    mails: usize,
}

/// What has been told so far.
#[derive(Debug, Default)]
pub struct Story {
    chapters: Vec<Chapter>,
    shown: Option<usize>,
    mails: usize,
    /// The actions that were reported in each state: a report may come twice.
    states: BTreeMap<&'static str, BTreeSet<ActionKey>>,
}

impl Story {
    /// Opens a chapter.
    pub fn raised(&mut self, raised: &Raised, at: Instant) {
        let chapter =
            Chapter { raised: raised.clone(), at, decided: false, known: false, states: Vec::new(), mails: 0 };
        self.chapters.push(chapter);
    }

    /// Whether the newest chapter about this alert is over.
    pub fn is_over(&self, alert: &AlertId, end: End) -> bool {
        let Some(chapter) = self.chapters.iter().rev().find(|chapter| &chapter.raised.alert == alert) else {
            return true;
        };
        let told = |state| chapter.states.contains(&state) && chapter.mails >= chapter.states.len();
        match end {
            End::Decided => chapter.decided,
            End::Known => chapter.known,
            End::Requested => told(ActionState::Accepted),
            End::Confirmed => told(ActionState::Succeeded),
            End::Refused => told(ActionState::Refused),
        }
    }

    /// Tells one happening.
    pub fn tell(&mut self, happening: &Happening, now: Instant) -> Vec<String> {
        match happening {
            Happening::Decided(decision) => self.decided(decision, now),
            Happening::Permitted(entry) => {
                let passed = entry.guards.iter().find(|verdict| verdict.guard == guard::CAPS);
                let text = passed.map_or_else(|| "passed".to_owned(), |verdict| verdict.why.clone());
                self.line(Self::by_alert(&entry.alert.id), "guards", &text, now)
            }
            Happening::Called(request) => self.called(request, now),
            Happening::Reported(report) => match report.as_ref() {
                Report::Action(record) => self.reported(record, now),
                Report::Notice(notice) => vec![format!("\n!! {}", notice.text)],
            },
            Happening::Mailed(subject) => self.mailed(subject, now),
            Happening::Known => self.known(now),
        }
    }

    fn decided(&mut self, decision: &DecisionRecord, now: Instant) -> Vec<String> {
        self.open_chapter_for(decision, now);
        let text = match decision.verdict {
            Verdict::Act | Verdict::NeedsHuman => first_clause(&decision.reason),
            Verdict::Nothing => format!("nothing to do: {}", decision.reason),
        };
        if let Some(chapter) = self.newest_mut(Self::by_alert(&decision.alert.id)) {
            chapter.decided = true;
        }
        self.line(Self::by_alert(&decision.alert.id), "decided", &text, now)
    }

    /// An alert that is no scene, such as one that a person raised, gets a chapter when it is decided.
    fn open_chapter_for(&mut self, decision: &DecisionRecord, now: Instant) {
        if self.newest(Self::by_alert(&decision.alert.id)).is_some() {
            return;
        }
        let Some(machine) = &decision.machine else { return };
        let raised = Raised {
            number: self.chapters.len() + 1,
            alert: decision.alert.id.clone(),
            severity: decision.alert.severity.to_string(),
            title: decision.alert.title.clone(),
            machine: machine.label().to_owned(),
            machine_id: machine.id.clone(),
            again: false,
        };
        self.raised(&raised, now);
    }

    fn called(&mut self, request: &LoggedRequest, now: Instant) -> Vec<String> {
        let machine =
            request.path.trim_end_matches("/isolate").rsplit('/').next().and_then(|id| MachineId::new(id).ok());
        let answer = match request.status {
            201 => "201 Pending".to_owned(),
            0 => "no answer".to_owned(),
            status => status.to_string(),
        };
        self.line(
            move |chapter| Some(&chapter.raised.machine_id) == machine.as_ref(),
            "called",
            &format!("POST …/isolate → {answer}"),
            now,
        )
    }

    fn reported(&mut self, record: &ActionRecord, now: Instant) -> Vec<String> {
        self.states.entry(record.state.as_str()).or_default().extend(record.key.clone());
        if let Some(chapter) = self.newest_mut(Self::by_alert(&record.alert.id))
            && !chapter.states.contains(&record.state)
        {
            chapter.states.push(record.state);
        }
        let verdict = record.guards.iter().find(|verdict| verdict.ruling == Ruling::Refuse);
        let text = verdict.map_or_else(|| record.reason.clone(), |v| format!("{}: {}", v.guard, v.why));
        let label = match record.state {
            ActionState::Accepted => return Vec::new(),
            ActionState::Succeeded => "confirmed",
            ActionState::Refused => "REFUSED",
            ActionState::Held => "HELD",
            ActionState::Approved => "approved",
            ActionState::Denied => "denied",
            ActionState::Expired => "expired",
            ActionState::Overdue => "overdue",
            ActionState::Covered => "covered",
            ActionState::Would => "would",
            ActionState::InDoubt => "in doubt",
            ActionState::Failed | ActionState::TimedOut | ActionState::Cancelled => "FAILED",
            ActionState::NeedsHuman | ActionState::ClosedMeanwhile => "LOOK",
        };
        self.line(Self::by_alert(&record.alert.id), label, &text, now)
    }

    fn mailed(&mut self, subject: &str, now: Instant) -> Vec<String> {
        self.mails += 1;
        let about = |chapter: &Chapter| {
            let name = chapter.raised.machine.split(' ').next().unwrap_or_default();
            let is_about = chapter.decided && !chapter.raised.again || !chapter.states.is_empty();
            is_about && subject.to_uppercase().contains(name)
        };
        if let Some(chapter) = self.newest_mut(about) {
            chapter.mails += 1;
        }
        self.line(about, "mailed", subject, now)
    }

    fn known(&mut self, now: Instant) -> Vec<String> {
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.known = true;
        }
        let newest = self.chapters.len();
        self.line(|chapter| chapter.raised.number == newest, "skipped", "this action has had its call", now)
    }

    fn by_alert(alert: &AlertId) -> impl Fn(&Chapter) -> bool + '_ {
        move |chapter| &chapter.raised.alert == alert
    }

    fn newest(&self, about: impl Fn(&Chapter) -> bool) -> Option<&Chapter> {
        self.chapters.iter().rev().find(|chapter| about(chapter))
    }

    fn newest_mut(&mut self, about: impl Fn(&Chapter) -> bool) -> Option<&mut Chapter> {
        self.chapters.iter_mut().rev().find(|chapter| about(chapter))
    }

    /// A line in the chapter that it belongs to; the chapter's heading comes again when the story has moved on.
    fn line(&mut self, about: impl Fn(&Chapter) -> bool, label: &str, text: &str, now: Instant) -> Vec<String> {
        let Some(chapter) = self.newest(about) else { return vec![format!("   {label:<14} {text}")] };
        let (number, heading) = (chapter.raised.number, heading(&chapter.raised));
        let seconds = now.duration_since(chapter.at).as_secs_f32();
        let mut lines = Vec::new();
        if self.shown.replace(number) != Some(number) {
            lines.push(format!("\n{heading}"));
        }
        lines.push(format!("   {seconds:>4.1}s {label:<10} {text}"));
        lines
    }

    /// The last line: everything that came in, and what became of it.
    pub fn sum(&self, requests: &[LoggedRequest]) -> String {
        let posts: Vec<&str> =
            requests.iter().filter(|request| is_isolate(request)).map(|request| request.path.as_str()).collect();
        let mut machines = posts.clone();
        machines.sort_unstable();
        machines.dedup();
        let reported = |state: ActionState| self.states.get(state.as_str()).into_iter().flatten();
        let (requested, confirmed): (Vec<_>, Vec<_>) =
            (reported(ActionState::Accepted).collect(), reported(ActionState::Succeeded).collect());
        // An alert that is decided twice, since it changed, is still one that came in.
        let decided = self.chapters.iter().filter(|chapter| chapter.decided).count();
        format!(
            "{} in = {decided} decided. {} calls: {} confirmed, {} pending. {} refused, {} lost, {} twice, {} mails.",
            self.chapters.len(),
            posts.len(),
            confirmed.len(),
            requested.iter().filter(|key| !confirmed.contains(key)).count(),
            reported(ActionState::Refused).count(),
            self.chapters.len() - decided,
            posts.len() - machines.len(),
            self.mails,
        )
    }
}

/// The first clause of a long condition says enough here; the mail and the record hold all of it.
fn first_clause(reason: &str) -> String {
    reason.split_once(" && ").map_or_else(|| reason.to_owned(), |(first, _)| format!("{first} && …"))
}

fn heading(raised: &Raised) -> String {
    let again = if raised.again { ", the same alert again" } else { "" };
    format!("{} {:<7} {} on {}{again}", raised.number, raised.severity.to_uppercase(), raised.title, raised.machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECISION: &str = include_str!("../../../common/records/examples/v1/decision.json");
    const ACCEPTED: &str = include_str!("../../../common/records/examples/v1/action-accepted.json");

    #[test]
    fn a_scene_is_over_once_each_of_its_steps_has_its_mail_whichever_is_seen_first() {
        use Happening::{Mailed, Reported};
        let decision: DecisionRecord = serde_json::from_str(DECISION).unwrap();
        let mut report: ActionRecord = serde_json::from_str(ACCEPTED).unwrap();
        let alert = decision.alert.id.clone();
        report.alert.id = alert.clone();
        let mail = || Mailed(format!("an isolation of {}", decision.machine.as_ref().unwrap().label()));
        let accepted = || Reported(Box::new(Report::Action(Box::new(report.clone()))));
        for mail_first in [false, true] {
            let mut story = Story::default();
            let now = Instant::now();
            story.tell(&Happening::Decided(Box::new(decision.clone())), now);
            let steps = if mail_first { [mail(), accepted()] } else { [accepted(), mail()] };
            story.tell(&steps[0], now);
            assert!(!story.is_over(&alert, End::Requested), "mail first: {mail_first}");
            story.tell(&steps[1], now);
            assert!(story.is_over(&alert, End::Requested), "mail first: {mail_first}");
        }
    }

    #[test]
    fn an_alert_that_is_decided_twice_or_has_no_machine_is_no_loss_and_a_repeated_report_no_second_action() {
        let mut decision: DecisionRecord = serde_json::from_str(DECISION).unwrap();
        let mut story = Story::default();
        let now = Instant::now();
        for _ in 0..3 {
            story.tell(&Happening::Decided(Box::new(decision.clone())), now);
        }
        decision.alert.id = AlertId::new("without-a-machine").unwrap();
        decision.machine = None;
        story.tell(&Happening::Decided(Box::new(decision)), now);
        let mut report: ActionRecord = serde_json::from_str(ACCEPTED).unwrap();
        for state in [ActionState::Accepted, ActionState::Succeeded, ActionState::Succeeded] {
            report.state = state;
            story.tell(&Happening::Reported(Box::new(Report::Action(Box::new(report.clone())))), now);
        }
        let sum = "1 in = 1 decided. 0 calls: 1 confirmed, 0 pending. 0 refused, 0 lost, 0 twice, 0 mails.";
        assert_eq!(story.sum(&[]), sum);
    }
}
