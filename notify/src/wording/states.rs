//! The sentences of each state, around the words of the kind; and why an action is in its state, in plain words, where a
//! guard has decided.

use cordon_records::{Action, ActionRecord, ActionState, GuardVerdict, HELD_TOO_LONG, Ruling};

use super::digests::CHECK;
use super::people::{self, called_off, if_you_agree};
use super::{Phrases, Step, Tone, WHO, WHY, Wording, approvers, around, expiry, lower, others, trouble, trouble_badge};
use crate::clean::{self, MAX_BLOCK};
use crate::facts::{self, instant};

/// Louder than what was done.
const NOT: &str = "NOT";
/// Above what is on its way.
const NOT_YET: &str = "Nothing to do yet";

/// The words for one step of an action.
pub fn of(record: &ActionRecord) -> Wording {
    if let Some(words) = record.other_action.as_ref().and_then(|other| others::of(record, other)) {
        return words;
    }
    let phrases = &Phrases::of(record);
    match record.state {
        ActionState::Accepted => accepted(phrases),
        ActionState::Succeeded => succeeded(phrases, record),
        ActionState::InDoubt => in_doubt(phrases),
        ActionState::Would => rehearsed(phrases, record),
        ActionState::Covered => covered(phrases, record),
        ActionState::ClosedMeanwhile => closed_meanwhile(phrases),
        ActionState::Approved => approved(phrases, record),
        ActionState::Denied => denied(phrases),
        ActionState::Expired => expiry::of(phrases, record),
        ActionState::Overdue => overdue(phrases, record),
        ActionState::Held => held(phrases, record),
        ActionState::NeedsHuman if record.attempt > 0 => unknown_outcome(phrases, record),
        ActionState::Failed if lacks_permission(record) => forbidden(phrases, record),
        ActionState::NeedsHuman
        | ActionState::Refused
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled => not_done(phrases, record),
    }
}

fn accepted(phrases: &Phrases) -> Wording {
    let headline = format!("{} requested, not yet confirmed", phrases.noun());
    let summary = format!(
        "Defender accepted the request to {}, but still has to reach the machine: {}.",
        phrases.errand(),
        phrases.not_yet()
    );
    Wording::new(Tone::Progress, NOT_YET, headline, summary)
        .next("Nothing yet. Cordon follows the request; a further mail says how it ended, or that it takes too long.")
        .next(
            "If that mail stays out, see in the portal whether the machine is online: Defender waits about three days.",
        )
}

fn succeeded(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let summary = phrases.meaning() + &own_release(record).unwrap_or_default() + &people::keeps_it_connected(record);
    let words = Wording::new(Tone::Done, "Done", phrases.done() + &asked_for(record), summary);
    words.then(fetch(record)).then(phrases.after())
}

/// ", asked for by anna@contoso.com: why", where a person asked.
fn asked_for(record: &ActionRecord) -> String {
    let Some(who) = &record.requested_by else { return String::new() };
    let why = record.action.as_ref().map(|action| clean::short_foreign(action.comment(), WHY)).unwrap_or_default();
    let colon = if why.is_empty() { "" } else { ": " };
    format!(", asked for by {}{colon}{why}", clean::short_line(who, WHO))
}

fn fetch(record: &ActionRecord) -> Option<Step> {
    facts::download(record)?;
    Some(Step { text: "Download it now: the link works for a short time only.".to_owned(), command: String::new() })
}

/// What Cordon will do by itself about an isolation that stands.
fn own_release(record: &ActionRecord) -> Option<String> {
    let Some(Action::Isolate { release: Some(terms), .. }) = &record.action else { return None };
    let after = jiff::SignedDuration::from_secs(i64::try_from(terms.after_s).ok()?);
    let due = instant(record.at.checked_add(after).ok()?);
    Some(if terms.ask {
        format!(" At about {due} Cordon asks whether to release it.")
    } else {
        format!(" Cordon releases it by itself at about {due}.")
    })
}

fn in_doubt(phrases: &Phrases) -> Wording {
    let headline = format!("{} requested, answer lost", phrases.noun());
    let summary = format!(
        "Cordon asked Defender to {}, but no readable answer came back. It is not known whether Defender took the \
         request; count it as not done.",
        phrases.errand()
    );
    Wording::new(Tone::Progress, NOT_YET, headline, summary)
        .next("Nothing yet. In a few minutes Cordon reads Defender's list of actions, and a mail says what it found.")
}

/// In shadow mode the guards speak too: what they would have stopped must not be announced as a deed.
fn rehearsed(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let said = |ruling| record.guards.iter().any(|verdict| verdict.ruling == ruling);
    let (stopped, headline) = if said(Ruling::Refuse) {
        ("would have been refused by a guard", format!("WOULD NOT {} (shadow mode)", phrases.errand_on_it()))
    } else if said(Ruling::Hold) {
        ("would have been held for a person", "WOULD ask a person first (shadow mode)".to_owned())
    } else {
        return would(phrases);
    };
    let errand = phrases.errand();
    let summary = format!("The rules ask to {errand}, but it {stopped}. Cordon only watches here.");
    Wording::new(Tone::Calm, "Nothing was done", headline, summary)
        .next("Look at the alert as you would without Cordon.")
        .next("If the guard is wrong, correct the guards before Cordon is allowed to act.")
}

fn would(phrases: &Phrases) -> Wording {
    let errand = phrases.errand();
    let headline = format!("WOULD {} (shadow mode)", phrases.errand_on_it());
    let summary =
        format!("Rules and guards agree to {errand}. Cordon only watches here: it asked Defender for nothing.");
    Wording::new(Tone::Calm, "Nothing was done", headline, summary)
        .next("Look at the alert as you would without Cordon.")
        .next("If this verdict is wrong, correct the rule before it is allowed to act.")
}

fn covered(phrases: &Phrases, record: &ActionRecord) -> Wording {
    if let Some(words) = people::left_isolated(phrases, record) {
        return words;
    }
    // What was asked for without people is told only after Defender was called.
    let asked = if record.attempt > 0 { "Cordon asked Defender to" } else { "People asked Cordon to" };
    let summary = format!(
        "{asked} {}, but another action already has that effect or is about to. Cordon asks Defender for nothing more.",
        phrases.errand()
    );
    let summary = summary + &people::keeps_it_connected(record);
    let headline = format!("no {} needed{}", phrases.noun(), people::and_keeps_it_connected(record));
    Wording::new(Tone::Calm, "Nothing to do", headline, summary)
        .next("See on the machine's page in the portal that it is as you want it.")
}

fn closed_meanwhile(phrases: &Phrases) -> Wording {
    let headline = format!("{} goes on, but the alert was closed", phrases.noun());
    let summary = format!(
        "The alert was closed while Cordon's request to {} was on its way. Cordon does not call it back.",
        phrases.errand()
    );
    Wording::new(Tone::Alarm, "Action needed", headline, summary)
        .next("If it is no longer wanted, cancel or undo it in the action center on the machine's page in the portal.")
        .next("If it still is, reopen the alert so that others see what it was done for.")
}

/// Held because the tenant refuses our application: nobody can approve that away.
fn refused_us(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let headline = format!("{}, Entra or Defender refuses Cordon", phrases.not_done(NOT));
    let summary = format!(
        "Cordon could not {}: its application is given no token or lacks a permission, as the reason below says. An \
         approval would change nothing. Once that is fixed, Cordon goes on by itself, within two minutes.",
        phrases.errand()
    );
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .run("To see what is missing, and whether it is fixed:", CHECK.to_owned())
        .next(phrases.by_hand())
        .then(waits_for_us(record))
}

fn waits_for_us(record: &ActionRecord) -> Option<Step> {
    let until = instant(record.expires_at?);
    let text = format!("Fix it before {until}: then Cordon stops waiting, and nothing happens by itself.");
    Some(Step { text, command: String::new() })
}

fn held(phrases: &Phrases, record: &ActionRecord) -> Wording {
    if record.tenant_refuses {
        return refused_us(phrases, record);
    }
    let headline = if phrases.noun() == "isolation" {
        "you decide".to_owned()
    } else {
        format!("you decide ({})", phrases.noun())
    };
    let summary =
        format!("A person is to decide whether to {}. Until then Cordon asks Defender for nothing.", phrases.errand());
    let summary = summary + &so_far(record);
    let words = Wording::new(trouble(record), trouble_badge(record), headline, summary);
    let Some(key) = &record.key else { return words.next(phrases.by_hand()) };
    words
        .run("See exactly what waits, and how many people it takes:", format!("cordon approvals show {key}"))
        .run("To let it be done:", format!("cordon approve {key} --why \"…\""))
        .run("To say no:", format!("cordon deny {key} --why \"…\""))
        .then(waits_until(record))
        .run("Other actions may wait without a mail of their own. To see all:", "cordon approvals list".to_owned())
}

/// Who asked and who approved, where that is known.
fn so_far(record: &ActionRecord) -> String {
    let asked = record
        .requested_by
        .as_ref()
        .map(|who| format!(" {} asked for it and cannot approve it.", clean::line(who, WHO)))
        .unwrap_or_default();
    match approvers(record) {
        Some(who) => format!("{asked} Approved by {who}, which is not enough: the reason below says why."),
        None => asked,
    }
}

fn waits_until(record: &ActionRecord) -> Option<Step> {
    let until = instant(record.expires_at?);
    let text = format!("Decide before {until}: then Cordon stops waiting, and nothing happens by itself.");
    Some(Step { text, command: String::new() })
}

fn approved(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let headline = match approvers(record) {
        Some(who) => around(&who, |who| format!("{} approved by {who}, not yet requested", phrases.noun())),
        None => format!("{} approved, not yet requested", phrases.noun()),
    };
    let summary = format!(
        "People approved to {}. Before Cordon asks Defender, it reads the facts anew and asks the guards once more.",
        phrases.errand()
    );
    Wording::new(Tone::Progress, NOT_YET, headline, summary)
        .run("Nothing yet. If no further mail comes, see what became of it:", show(record))
}

fn show(record: &ActionRecord) -> String {
    let key = record.key.as_ref().map_or("list".to_owned(), |key| format!("show {key}"));
    format!("cordon approvals {key}")
}

fn denied(phrases: &Phrases) -> Wording {
    let headline = format!("{}, a person said no", phrases.not_done("not"));
    let summary = format!("Cordon waited for a person's word, and the word was no. It did not {}.", phrases.errand());
    Wording::new(Tone::Calm, "Nothing to do", headline, summary).next(if_you_agree(phrases))
}

fn overdue(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let headline = format!("{} requested, NOT confirmed in time", phrases.noun());
    let summary = format!(
        "Defender accepted the request to {}, but has not said for too long how it ended. Count it as not done; Cordon \
         still follows it.",
        phrases.errand()
    );
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .next("See in the portal whether the machine is online: Defender cannot reach one that is switched off.")
        .next("If it cannot wait, act on the machine in another way: at its switch port, its VPN or at the desk.")
}

fn unknown_outcome(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let headline = format!("unknown whether {}", phrases.was_it());
    let summary = format!(
        "Cordon asked Defender to {} and cannot tell what became of it. It may be done, or not; Cordon does not try \
         again by itself.",
        phrases.errand()
    );
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .next("See in the portal whether it was done.")
        .next(format!("If it was not: {}", lower(&phrases.by_hand())))
}

fn not_done(phrases: &Phrases, record: &ActionRecord) -> Wording {
    if let Some(canceller) = people::canceller(record) {
        return called_off(phrases, &canceller);
    }
    let summary = format!("Cordon did not {}. {}", phrases.errand(), why_not_done(record));
    let headline = format!("{}, {}", phrases.not_done(NOT), how(record.state));
    Wording::new(trouble(record), trouble_badge(record), headline, summary).next(phrases.by_hand())
}

/// Whether the responder offers to ask again once the permission is there.
fn lacks_permission(record: &ActionRecord) -> bool {
    record.key.as_ref().is_some_and(|key| record.reason.contains(&format!("cordon retry {key}")))
}

fn forbidden(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let headline = format!("{}, a permission is missing", phrases.not_done(NOT));
    let role = phrases.permission().map(|role| format!(" {role}")).unwrap_or_default();
    let summary = format!(
        "Cordon did not {}. Defender refused the request, because Cordon's app lacks the permission{role}.",
        phrases.errand()
    );
    let key = record.key.as_ref().map(ToString::to_string).unwrap_or_default();
    let grant =
        format!("Grant the app role{role} to Cordon's app registration in Entra, with admin consent. Then ask again:");
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .run(grant, format!("cordon retry {key} --why \"…\""))
        .next(format!("Until then: {}", lower(&phrases.by_hand())))
}

/// What became of it, in a few words behind "NOT isolated".
const fn how(state: ActionState) -> &'static str {
    match state {
        ActionState::Refused => "a guard forbids it",
        ActionState::Failed => "it failed",
        ActionState::TimedOut => "Defender gave up",
        ActionState::Cancelled => "it was called off",
        ActionState::NeedsHuman
        | ActionState::Held
        | ActionState::Would
        | ActionState::Covered
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Succeeded
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Overdue => "look at it yourself",
    }
}

const fn why_not_done(record: &ActionRecord) -> &'static str {
    match (record.state, &record.machine_action_id) {
        (ActionState::Refused, _) => {
            "A guard forbids it, so Cordon asked Defender for nothing. Approval would not change that; only the guards \
             can."
        }
        (ActionState::Failed, _) => "Defender refused the request, or reports that it failed.",
        (ActionState::TimedOut, _) => "Defender had accepted the request, but gave up waiting for the machine.",
        (ActionState::Cancelled, None) => "It was called off while Defender had not taken it.",
        (ActionState::Cancelled, Some(_)) => {
            "Defender had accepted the request, but it was cancelled before it was carried out."
        }
        (
            ActionState::NeedsHuman
            | ActionState::Held
            | ActionState::Would
            | ActionState::Covered
            | ActionState::InDoubt
            | ActionState::Accepted
            | ActionState::Succeeded
            | ActionState::ClosedMeanwhile
            | ActionState::Approved
            | ActionState::Denied
            | ActionState::Expired
            | ActionState::Overdue,
            _,
        ) => "Cordon could not judge this alert and asked for nothing.",
    }
}

/// What the guard stands for, before what it says itself; `""` where that is plain enough. Its name, where it is new to us.
fn lead(verdict: &GuardVerdict) -> &str {
    let refuses = verdict.ruling == Ruling::Refuse;
    match verdict.guard.as_str() {
        "pause" => "Cordon is paused",
        "breaker" => "Cordon has stopped acting by itself, the breaker is on",
        "hold-kinds" => "A person decides about every action of this kind",
        "scope" => "The machine is outside the pilot, or may be",
        "allow-os" => "A person decides about machines of this platform",
        "never-list" if refuses => "This machine is never to be touched",
        "never-list" => "It cannot be told whether this machine is on the never list",
        "hold-tags" | "device-value" => "A person decides about this machine",
        "hold-users" => "A person decides where this user is involved",
        "age" => "A person decides about old alerts",
        "released-by-person" => "A person let this machine back not long ago",
        "maintenance" => "There is maintenance, or may be",
        "rule-limits" => "The rule's own limit is reached",
        "per-rule" => "The cap on each rule is reached",
        "per-device-group" => "The cap on each device group stands against it",
        "gentle-caps" => "The cap on small actions is reached",
        "caps" => "The cap on all actions is reached",
        "fleet-share" => "The cap on the share of the fleet stands against it",
        "mode" | "closed" | "machine-facts" | "observable" | "retired" | "isolation" | "standing-isolation" => "",
        new => new,
    }
}

/// What the guard says, as a sentence for people.
pub fn plain(verdict: &GuardVerdict) -> String {
    if verdict.guard == "mode" && verdict.ruling == Ruling::Hold {
        return "This rule asks a person first: its mode, or that of cordon-act, is approve.".to_owned();
    }
    let why = clean::foreign(&verdict.why, MAX_BLOCK);
    let lead = clean::line(lead(verdict), 60);
    let colon = if lead.is_empty() || why.is_empty() { "" } else { ": " };
    sentence(&format!("{lead}{colon}{why}"))
}

/// Why an action stands where it stands: in the words of the guard, where a guard has decided.
pub fn why(record: &ActionRecord) -> String {
    let reason = reason(record);
    let against = record.guards.iter().filter(|verdict| verdict.ruling != Ruling::Pass);
    let found = against.filter_map(|verdict| {
        let (before, after) = reason.split_once(&said(verdict))?;
        Some((before, plain(verdict), after))
    });
    match found.min_by_key(|(before, _, _)| before.len()) {
        None => clean::foreign(reason, MAX_BLOCK),
        Some((before, plain, "")) => clean::foreign(before, MAX_BLOCK) + space(before) + &plain,
        Some((before, plain, after)) => {
            let (before, after) = (clean::foreign(before, MAX_BLOCK), clean::foreign(after, MAX_BLOCK));
            format!("{before}{}{}{after}", space(&before), plain.trim_end_matches('.'))
        }
    }
}

/// The responder's reason. That nobody decided is left away where somebody did.
fn reason(record: &ActionRecord) -> &str {
    let decided = record.state == ActionState::Expired && !record.approvals.is_empty();
    record.reason.strip_prefix(HELD_TOO_LONG).filter(|_| decided).unwrap_or(&record.reason)
}

/// Whether the reason is this guard's word.
pub fn decides(record: &ActionRecord, verdict: &GuardVerdict) -> bool {
    record.reason.contains(&said(verdict))
}

/// As the responder quotes a guard.
fn said(verdict: &GuardVerdict) -> String {
    format!("{}: {}", verdict.guard, verdict.why)
}

const fn space(before: &str) -> &'static str {
    if before.is_empty() { "" } else { " " }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
