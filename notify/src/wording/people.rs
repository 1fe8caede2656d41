//! What a person's word has brought about: who called an action off, what a release stops, and what it left alone.

use std::time::Duration;

use cordon_records::{
    Action, ActionRecord, ActionState, CANCELLED_BY, GuardFacts, GuardVerdict, Isolation, MachineActionId, Ruling,
};
use cordon_settings::format_duration;

use super::states::decides;
use super::{Phrases, Tone, WHO as SHORT_WHO, WHY, Wording, around, lower, trouble, trouble_badge};
use crate::clean;
use crate::clean::MAX_LINE;

/// The longest name of a person in a sentence, in characters.
const WHO: usize = 60;

/// Who called an action off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canceller {
    /// Their name, as their key or Defender has it.
    pub who: String,
    /// Why, in their words; `""` where nothing was said.
    pub why: String,
}

/// Who called it off, where the responder's reason says so. It is written "cancelled by anna@contoso.com: the wrong
/// machine", "anna@contoso.com released the machine: it is clean" or "anna@contoso.com takes this isolation back: it is
/// clean"; of what was cancelled in the portal Defender tells "… (cancelled by anna@contoso.com)", without a reason.
pub fn canceller(record: &ActionRecord) -> Option<Canceller> {
    if record.state != ActionState::Cancelled {
        return None;
    }
    let reason = record.reason.as_str();
    let told = |who: &str, why: &str| Canceller { who: clean::line(who, WHO), why: clean::foreign(why, MAX_LINE) };
    if let Some((_, by)) = reason.split_once(&format!("({CANCELLED_BY}")) {
        return Some(told(by.strip_suffix(')').unwrap_or(by), ""));
    }
    if let Some(by) = reason.strip_prefix(CANCELLED_BY) {
        let (who, why) = by.split_once(": ").unwrap_or((by, ""));
        return Some(told(who, why));
    }
    [" released the machine: ", " takes this isolation back: "]
        .into_iter()
        .find_map(|did| reason.split_once(did))
        .map(|(who, why)| told(who, why))
}

/// A person's word, and not trouble.
pub fn called_off(phrases: &Phrases, canceller: &Canceller) -> Wording {
    let Canceller { who, why } = canceller;
    let (short, why) = (clean::short_line(who, SHORT_WHO), clean::foreign(why, MAX_LINE));
    let colon = if why.is_empty() { String::new() } else { format!(": {}", clean::short_line(&why, WHY)) };
    let headline = format!("{}, called off by {short}{colon}", phrases.not_done("not"));
    let said = if why.is_empty() { " No reason is known.".to_owned() } else { format!(" Their reason: {why}") };
    let summary = format!("{who} called it off before it was carried out: Cordon did not {}.{said}", phrases.errand());
    Wording::new(Tone::Calm, "Nothing to do", headline, summary).next(if_you_agree(phrases))
}

pub fn if_you_agree(phrases: &Phrases) -> String {
    format!("Nothing, if you agree. If you do not: {}", lower(&phrases.by_hand()))
}

/// For how long a person's release stops automatic isolation.
enum Stops {
    For(String),
    /// An older build wrote the record: as long as the guards say, which it does not tell.
    Unsaid,
}

impl Stops {
    fn of(record: &ActionRecord) -> Option<Self> {
        if let Some(seconds) = record.keeps_connected_s {
            return (seconds > 0).then(|| Self::For(format_duration(Duration::from_secs(seconds))));
        }
        let releases = matches!(record.action, Some(Action::Release { .. }));
        let counts = matches!(record.state, ActionState::Covered | ActionState::Succeeded);
        let meant = record.requested_by.is_some() || !record.approvals.is_empty();
        (releases && counts && meant).then_some(Self::Unsaid)
    }
}

/// What the release that a person asked for or approved stops besides, also where there was nothing to release.
pub fn keeps_it_connected(record: &ActionRecord) -> String {
    let within = match Stops::of(record) {
        Some(Stops::For(within)) => format!("for {within} after it"),
        Some(Stops::Unsaid) => "for as long as the guards say".to_owned(),
        None => return String::new(),
    };
    format!(
        " A person's release also stops automatic isolation: {within} (hold.released_by_person_within), Cordon \
         isolates this machine for no alert unless a person approves."
    )
}

/// The same in a headline.
pub fn and_keeps_it_connected(record: &ActionRecord) -> String {
    match Stops::of(record) {
        Some(Stops::For(within)) => format!("; automatic isolation stops for {within}"),
        Some(Stops::Unsaid) => "; automatic isolation stops".to_owned(),
        None => String::new(),
    }
}

/// Where a release was to end one isolation only, and another one stands: that is left alone, and the machine is cut off.
/// `None` where the guard says nothing of the kind.
pub fn left_isolated(phrases: &Phrases, record: &ActionRecord) -> Option<Wording> {
    let decided = |verdict: &GuardVerdict| verdict.ruling == Ruling::Covered && decides(record, verdict);
    let is_release = matches!(record.action, Some(Action::Release { .. }));
    let facts = record.facts.as_ref().filter(|_| is_release && record.guards.iter().any(decided))?;
    let (headline, stands) = what_stands(phrases, facts)?;
    let summary = format!(
        "{stands} That is not the isolation that was to be ended: Cordon left it alone, and asked Defender for nothing.{}",
        keeps_it_connected(record)
    );
    let words = Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .next("Find out why it was isolated anew, and speak with whoever did it.");
    Some(match &record.machine {
        Some(machine) => {
            let release = format!("cordon release {} --why \"…\"", machine.id);
            words.run("To let it back all the same, whoever isolated it:", release)
        }
        None => words.next(phrases.by_hand()),
    })
}

/// What the guards were told of the isolation that stands, or is on its way: in a headline, and in a sentence.
fn what_stands(phrases: &Phrases, facts: &GuardFacts) -> Option<(String, String)> {
    let by = facts.isolated_by.as_deref().unwrap_or("somebody unknown");
    let (short, by, name, not) =
        (clean::short_line(by, WHO), clean::line(by, WHO), &phrases.name, phrases.not_done("NOT"));
    let action = |id: &MachineActionId| clean::line(id.as_str(), WHO);
    match &facts.isolation {
        Isolation::Isolated { id } => Some((
            around(&short, |who| format!("{not}, isolated anew by {who}")),
            format!("{name} stands isolated by {by}, action {}.", action(id)),
        )),
        Isolation::Running { id } => Some((
            around(&short, |who| format!("{not}, isolation by {who} is on its way")),
            format!("An isolation of {name} by {by} is on its way, action {}.", action(id)),
        )),
        Isolation::Unknown | Isolation::None | Isolation::Released { .. } => None,
    }
}
