//! The lines about the stages: does each live, can it work, does it keep up.

use cordon_records::HEALTH_COUNTS_FOR;
use cordon_runtime::kafka::Membership;
use jiff::{SignedDuration, Timestamp};

use super::line::{Line, ago, count, when};
use super::picture::{Ledger, Looked, Picture, Stage, Unread, Unsettled};
use super::words::{Words, is_late};

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
    let words = stage.words.as_ref().map(|words| Words::of(words, stage.members.as_ref().ok(), now));
    let lives = life(&mut parts, stage, words.as_ref().map_err(|why| why.as_str()), now);
    if lives {
        health(&mut parts, words.as_ref().map_err(|why| why.as_str()), now);
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
/// not dead meanwhile. Who is no member of the group may still say that it lives, so whoever cannot read what is said does
/// not know.
fn life(parts: &mut Parts, stage: &Stage, words: Result<&Words<'_>, &str>, now: Timestamp) -> bool {
    if let Ok(Membership::Members(members @ 1..)) = &stage.members {
        parts.good(format!("lives, {}", count(i64::try_from(*members).unwrap_or(i64::MAX), "member")));
        return true;
    }
    let words = match words {
        Ok(words) => words,
        Err(why) => {
            let shown = match &stage.members {
                Ok(Membership::Members(_)) => "no member is shown in its group".to_owned(),
                Ok(Membership::Hidden) => "the broker does not show its group's members".to_owned(),
                Err(why) => why.clone(),
            };
            let help = "give whoever looks DESCRIBE on its group and READ on the topic policies";
            parts.look(
                format!("whether it lives cannot be told: {shown}; what its processes say cannot be read: {why}"),
                help,
            );
            return false;
        }
    };
    let heard = words
        .newest
        .map_or_else(|| "never heard from".to_owned(), |at| format!("last heard from {} ago", ago(at, now)));
    if !words.standing.is_empty() {
        parts.good(format!("lives, {heard}"));
        return true;
    }
    let start = format!("start {}, and see what its log says", binary(stage.name));
    match &stage.members {
        Ok(Membership::Members(_)) => parts.look(format!("NOT RUNNING: no member in its group, {heard}"), start),
        Ok(Membership::Hidden) => {
            let minutes = HEALTH_COUNTS_FOR.as_mins();
            let text =
                format!("NOT HEARD FROM within {minutes} min ({heard}); the broker does not show its group's members");
            parts.look(text, start);
        }
        Err(why) => {
            let help = "give whoever looks DESCRIBE on its group and READ on the topic policies";
            parts.look(format!("whether it lives cannot be told ({heard}): {why}"), help);
        }
    }
    false
}

/// Says what keeps it from working.
fn health(parts: &mut Parts, words: Result<&Words<'_>, &str>, now: Timestamp) {
    let words = match words {
        Ok(words) => words,
        Err(why) => {
            let help = "give whoever looks READ on the topic policies";
            return parts.look(format!("whether it can work cannot be told: {why}"), help);
        }
    };
    if words.standing.is_empty() {
        let heard = words
            .newest
            .map_or_else(|| "it has never said so".to_owned(), |at| format!("it said so last {} ago", ago(at, now)));
        let help = "it may be of an older build, may not write to the topic policies, or cannot write at all: see its log and /readyz";
        return parts.look(format!("whether it can write and has a token cannot be told: {heard}"), help);
    }
    for (why, by) in words.complaints() {
        let of = (words.standing.len() > 1).then(|| format!("{} of {}", by.len(), words.standing.len()));
        let newest = by.iter().map(|word| word.at).max().filter(|at| is_late(*at, now));
        let said = newest.map(|at| format!("last said {} ago", ago(at, now)));
        let facts: Vec<String> = [of, said].into_iter().flatten().collect();
        let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        parts.look(format!("NOT READY{facts}: {why}"), "it goes on by itself once that is fixed");
    }
    parts.0.help.dedup();
}

fn keeps_up(parts: &mut Parts, unsettled: &Looked<Unsettled>, alive: Option<&str>, now: Timestamp) {
    match unsettled {
        Err(why) => parts.look(
            format!("what it has yet to settle cannot be told: {why}"),
            "give whoever looks DESCRIBE on its group and READ on its topic",
        ),
        Ok(unsettled) if unsettled.all.records == 0 => parts.good("nothing unsettled"),
        Ok(unsettled) => {
            let text = left(unsettled, now);
            let urgent = unsettled.urgent();
            if urgent.records == 0 || urgent.oldest.is_some_and(|at| now.duration_since(at) <= UNSETTLED) {
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

/// What is unsettled, what of it waits on purpose, and what is behind that.
fn left(unsettled: &Unsettled, now: Timestamp) -> String {
    let aged = |Unread { records, oldest }: Unread, kind: &str| {
        let age = oldest.map_or_else(|| "of unknown age".to_owned(), |at| format!("the oldest {} old", ago(at, now)));
        format!("{} {kind}, {age}", count(records, "record"))
    };
    let mut text = aged(unsettled.all, "unsettled");
    if let Some(on_purpose) = &unsettled.on_purpose {
        let each = on_purpose.waits.iter().map(|wait| format!("{} until {}", wait.what, when(wait.until, now)));
        text += &format!("; it waits on purpose for {}", each.collect::<Vec<_>>().join(" and "));
        if on_purpose.unread.records > 0 {
            text += &format!("; {}", aged(on_purpose.unread, "not read yet"));
        }
    }
    text
}

fn claim(parts: &mut Parts, ledger: &Ledger, now: Timestamp) {
    match &ledger.claim {
        Some(claim) => {
            let owner = &claim.owner;
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
    let text = format!("newest decision {} ago, by set {rule_set}", ago(at, now));
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
