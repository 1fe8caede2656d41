//! The lines about the stages: does each live, can it work, does it keep up.

use cordon_records::{HEALTH_COUNTS_FOR, StageHealth};
use cordon_runtime::kafka::Membership;
use jiff::{SignedDuration, Timestamp};

use super::line::{Line, ago, count};
use super::picture::{Ledger, Looked, Picture, Stage, Unread};
use crate::escape;

/// A record that has waited for longer than this is not being worked on.
pub const UNSETTLED: SignedDuration = SignedDuration::from_mins(2);

/// A line that comes together from parts, each of which may want a person.
struct Parts(Line);

impl Parts {
    fn good(&mut self, text: impl Into<String>) {
        if !self.0.text.is_empty() {
            self.0.text.push_str("; ");
        }
        self.0.text.push_str(&text.into());
    }

    fn look(&mut self, text: impl Into<String>, help: impl Into<String>) {
        self.good(text);
        self.0.good = false;
        self.0.help.push(help.into());
    }
}

/// One line a stage.
pub fn lines(picture: &Picture, now: Timestamp) -> Vec<Line> {
    picture.stages.iter().map(|stage| line(stage, picture, now)).collect()
}

fn line(stage: &Stage, picture: &Picture, now: Timestamp) -> Line {
    let mut parts = Parts(Line { good: true, about: stage.name, text: String::new(), help: Vec::new() });
    let binary = binary(stage.name);
    let words: &[StageHealth] = stage.words.as_deref().unwrap_or_default();
    let fresh: Vec<&StageHealth> = words.iter().filter(|word| word.counts(now)).collect();
    let newest = words.iter().map(|word| word.at).max();
    let lives = life(&mut parts, stage, (newest, fresh.is_empty()), now);
    if lives {
        health(&mut parts, stage, (fresh.as_slice(), newest), now);
    }
    if let Some(unsettled) = &stage.unsettled {
        keeps_up(&mut parts, unsettled, lives.then_some(binary), now);
    }
    match (stage.name, &picture.ledger) {
        ("respond", Ok(ledger)) => claim(&mut parts, ledger, now),
        ("decide", Ok(ledger)) => decided(&mut parts, &picture.decided, ledger, now),
        ("respond" | "decide", Err(why)) => {
            parts.look(format!("the ledger cannot be read: {why}"), "the lines below that need the ledger say no more");
        }
        _ => {}
    }
    parts.0
}

/// Says whether it lives, and gives the answer. A word counts for a while after its process: one that is started again is
/// not dead meanwhile.
fn life(parts: &mut Parts, stage: &Stage, (newest, stale): (Option<Timestamp>, bool), now: Timestamp) -> bool {
    let heard = match (&stage.words, newest) {
        (Err(_), _) => "what its processes say cannot be read".to_owned(),
        (Ok(_), Some(at)) => format!("last heard from {} ago", ago(at, now)),
        (Ok(_), None) => "never heard from".to_owned(),
    };
    let start = || format!("start {}, and see what its log says", binary(stage.name));
    match (&stage.members, stale) {
        (Ok(Membership::Members(members @ 1..)), _) => {
            parts.good(format!("lives, {}", count(i64::try_from(*members).unwrap_or(i64::MAX), "member")));
            return true;
        }
        (Ok(Membership::Members(0) | Membership::Hidden) | Err(_), false) => {
            parts.good(format!("lives, {heard}"));
            return true;
        }
        (Ok(Membership::Members(0)), true) => {
            parts.look(format!("NOT RUNNING: no member in its group, {heard}"), start());
        }
        (Ok(Membership::Hidden), true) => {
            let minutes = HEALTH_COUNTS_FOR.as_mins();
            let text =
                format!("NOT HEARD FROM within {minutes} min ({heard}); the broker does not show its group's members");
            parts.look(text, start());
        }
        (Err(why), true) => {
            let help = "give whoever looks DESCRIBE on its group and READ on the topic policies";
            parts.look(format!("whether it lives cannot be told ({heard}): {why}"), help);
        }
    }
    false
}

/// Says what keeps it from working.
fn health(parts: &mut Parts, stage: &Stage, (fresh, newest): (&[&StageHealth], Option<Timestamp>), now: Timestamp) {
    if let Err(why) = &stage.words {
        parts.look(
            format!("whether it can work cannot be told: {why}"),
            "give whoever looks READ on the topic policies",
        );
        return;
    }
    if fresh.is_empty() {
        let heard = newest
            .map_or_else(|| "it has never said so".to_owned(), |at| format!("it said so last {} ago", ago(at, now)));
        let help = "it may be of an older build, may not write to the topic policies, or cannot write at all: see its log and /readyz";
        parts.look(format!("whether it can write and has a token cannot be told: {heard}"), help);
        return;
    }
    let mut complaints: Vec<(String, usize)> = Vec::new();
    for why in fresh.iter().flat_map(|word| &word.not_ready) {
        match complaints.iter_mut().find(|(known, _)| known == why) {
            Some((_, processes)) => *processes += 1,
            None => complaints.push((why.clone(), 1)),
        }
    }
    for (why, processes) in complaints {
        let all = if fresh.len() == 1 { String::new() } else { format!(" ({processes} of {})", fresh.len()) };
        parts.look(format!("NOT READY{all}: {}", escape::text(&why)), "it goes on by itself once that is fixed");
    }
    parts.0.help.dedup();
}

fn keeps_up(parts: &mut Parts, unsettled: &Looked<Unread>, alive: Option<&str>, now: Timestamp) {
    match unsettled {
        Err(why) => parts.look(
            format!("what it has yet to settle cannot be told: {why}"),
            "give whoever looks DESCRIBE on its group and READ on its topic",
        ),
        Ok(Unread { records: 0, .. }) => parts.good("nothing unsettled"),
        Ok(Unread { records, oldest }) => {
            let age =
                oldest.map_or_else(|| "of unknown age".to_owned(), |at| format!("the oldest {} old", ago(at, now)));
            let text = format!("{} unsettled, {age}", count(*records, "record"));
            if oldest.is_some_and(|at| now.duration_since(at) <= UNSETTLED) {
                return parts.good(text);
            }
            match alive {
                Some(binary) => {
                    parts.look(text, format!("it lives and does not keep up: what does the log of {binary} say?"))
                }
                None => {
                    parts.0.good = false;
                    parts.good(text);
                }
            }
        }
    }
}

fn claim(parts: &mut Parts, ledger: &Ledger, now: Timestamp) {
    match &ledger.claim {
        Some(claim) => {
            let owner = escape::text(&claim.owner);
            parts.good(format!("the ledger is {owner}'s, since {} ago, epoch {}", ago(claim.at, now), claim.epoch));
        }
        None => parts.look("nobody has ever held the ledger", "start cordon-act once with --init-ledger"),
    }
}

fn decided(parts: &mut Parts, decided: &Looked<Option<(String, Timestamp)>>, ledger: &Ledger, now: Timestamp) {
    let (rule_set, at) = match decided {
        Ok(Some((rule_set, at))) => (rule_set, *at),
        Ok(None) => return parts.good("no decision yet"),
        Err(why) => {
            let help = "give whoever looks READ on the topic decisions";
            return parts.look(format!("its newest decision cannot be told: {why}"), help);
        }
    };
    let text = format!("newest decision {} ago, by set {}", ago(at, now), escape::text(rule_set));
    match &ledger.policy {
        Some(standing) if at > standing.at && standing.rule_set != *rule_set => {
            parts.look(text, "decide and respond run on different rules: one of them has not got the new files");
        }
        Some(_) | None => parts.good(text),
    }
}

/// The program of a stage or a role.
fn binary(name: &str) -> &'static str {
    match name {
        "ingest" => "cordon-ingest",
        "enrich" => "cordon-enrich",
        "notify" => "cordon-notify",
        _ => "cordon-act",
    }
}
