//! The picture as lines for people and as a document for programs.

use cordon_records::{Latch, NoticeKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::picture::{DeadLetters, InDoubt, Picture};
use crate::dlq::seen::told_of;
use crate::escape;

/// Alerts are polled every few seconds; coverage that is older than this has stopped.
const COVERAGE_STALE: SignedDuration = SignedDuration::from_mins(10);

/// More stages and reasons than this are not named.
const CAUSES: usize = 4;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether nothing about it wants a person.
    pub good: bool,
    /// What it is about.
    pub about: &'static str,
    /// What it says.
    pub text: String,
    /// What to do.
    pub help: Option<String>,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  {:<10} {}", if self.good { "ok  " } else { "LOOK" }, self.about, self.text)?;
        self.help.iter().try_for_each(|help| write!(f, "\n                 {help}"))
    }
}

fn good(about: &'static str, text: impl Into<String>) -> Line {
    Line { good: true, about, text: text.into(), help: None }
}

fn look(about: &'static str, text: impl Into<String>, help: impl Into<String>) -> Line {
    Line { good: false, about, text: text.into(), help: Some(help.into()) }
}

/// Everything, gravest or not, in a fixed order.
pub fn lines(picture: &Picture, now: Timestamp) -> Vec<Line> {
    vec![
        respond(picture),
        switch("breaker", picture.breaker.as_ref(), NoticeKind::BreakerLatched),
        switch("pause", picture.pause.as_ref(), NoticeKind::Paused),
        rules(picture),
        decide(picture, now),
        actions(picture),
        doubt(picture, now),
        coverage(picture, now),
        fleet(picture, now),
        lag(picture),
        dead_letters(&picture.dead_letters, now),
    ]
}

fn respond(picture: &Picture) -> Line {
    match &picture.claim {
        Some(claim) => good("respond", format!("{} writes since {}, epoch {}", claim.owner, claim.at, claim.epoch)),
        None => look("respond", "nobody has ever held the ledger", "start cordon-act once with --init-ledger"),
    }
}

fn switch(about: &'static str, latch: Option<&Latch>, kind: NoticeKind) -> Line {
    match latch.filter(|latch| latch.on) {
        None => good(about, "off"),
        Some(latch) => look(
            about,
            format!("ON since {} by {}: {}", latch.at, latch.by, latch.why),
            format!("every action is held; cordon resume {}@{} --why … lets them go on", kind.as_str(), latch.at),
        ),
    }
}

fn rules(picture: &Picture) -> Line {
    match &picture.policy {
        None => good("rules", "respond has not said yet which are in force"),
        Some(standing) => {
            let text = format!("{} in force, set {}", standing.rules, standing.rule_set);
            match &standing.refused {
                None => good("rules", format!("{text}, since {}", standing.at)),
                Some(why) => {
                    let first = why.lines().next().unwrap_or_default();
                    let text = format!("{text}, but the files were REFUSED at {}: {first}", standing.at);
                    look("rules", text, "cordon check --read-only names every mistake with its place")
                }
            }
        }
    }
}

fn decide(picture: &Picture, now: Timestamp) -> Line {
    let Some((rule_set, at)) = &picture.decided else { return good("decide", "no decision yet") };
    let text = format!("newest decision {} ago, by set {rule_set}", ago(*at, now));
    match &picture.policy {
        Some(standing) if *at > standing.at && standing.rule_set != *rule_set => {
            let help = "decide and respond run on different rules: one of them has not got the new files";
            look("decide", text, help)
        }
        Some(_) | None => good("decide", text),
    }
}

fn actions(picture: &Picture) -> Line {
    let mut text = format!("{} on their way, {} held for a person", picture.open, picture.held);
    if let Some((timers, next)) = picture.timers {
        text += &format!(", {timers} machines let back by themselves, the next at {next}");
    }
    match picture.overdue {
        0 => good("actions", text),
        overdue => {
            look("actions", format!("{text}, {overdue} OVERDUE"), "see in the portal whether these machines are online")
        }
    }
}

/// How many actions in doubt are named.
const NAMED: usize = 5;

/// How long an action in doubt may stay so after its rest: Defender's list is read then, again and again while it cannot be.
const READ_BY: SignedDuration = SignedDuration::from_mins(5);

fn doubt(picture: &Picture, now: Timestamp) -> Line {
    let doubts = &picture.doubts;
    if doubts.is_empty() {
        return good("doubt", "no action is in doubt");
    }
    let named = doubts.iter().take(NAMED).map(|doubt| {
        let rests = match doubt.until {
            None => String::new(),
            Some(until) if now < until => format!(", rests until {}", seconds(until)),
            Some(until) => {
                format!(", rested until {}; Defender's list is read, or a new attempt waits", seconds(until))
            }
        };
        let (key, machine, why) = (&doubt.key, escape::text(&doubt.machine), escape::text(&doubt.why));
        format!("{} on {machine} since {}{rests} ({key}): {why}", doubt.kind, seconds(doubt.since))
    });
    let named: Vec<String> = named.collect();
    let more = match doubts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let text = format!("{} IN DOUBT: {}{more}", doubts.len(), named.join("; "));
    let is_late = |doubt: &InDoubt| doubt.until.is_some_and(|until| now.duration_since(until) > READ_BY);
    if doubts.iter().any(is_late) {
        return look(
            "doubt",
            text,
            "its rest is over: is cordon-act running, can it read Defender's list of actions, is a pause or the breaker on?",
        );
    }
    good("doubt", text)
}

/// An instant, without what is below the second.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn coverage(picture: &Picture, now: Timestamp) -> Line {
    let Some(cursor) = &picture.cursor else {
        return look("coverage", "no alert was ever asked for", "start cordon-ingest, and see what its log says");
    };
    let text = format!("every alert up to {} ({} ago)", cursor.covered_until, ago(cursor.covered_until, now));
    if now.duration_since(cursor.covered_until) <= COVERAGE_STALE {
        return good("coverage", text);
    }
    look("coverage", text, "alerts are no longer fetched: is cordon-ingest running, and what does its log say?")
}

fn fleet(picture: &Picture, now: Timestamp) -> Line {
    match picture.fleet {
        Some((machines, at)) => good("fleet", format!("{machines} machines, counted {} ago", ago(at, now))),
        None => good("fleet", "not counted yet: the share of the fleet allows no more than its floor"),
    }
}

fn lag(picture: &Picture) -> Line {
    let readers: Vec<String> = picture.lag.iter().map(|(name, records)| format!("{name} {records}")).collect();
    good("lag", format!("records not yet settled: {}", readers.join(", ")))
}

/// Whatever died and was not seen wants a person: the mail about it may have been refused too.
fn dead_letters(dead: &DeadLetters, now: Timestamp) -> Line {
    let (kept, unseen) = (dead.kept, dead.unseen_count());
    let void = told_of(&dead.void).map(|told| format!("; {told}")).unwrap_or_default();
    if unseen == 0 {
        let text = if kept == 0 { "no dead letters".to_owned() } else { format!("{kept} dead letters, all seen") };
        return good("dead", text + &void);
    }
    let mut causes: Vec<(&String, &usize)> = dead.unseen.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let causes: Vec<String> = causes.iter().take(CAUSES).map(|(cause, count)| format!("{cause} {count}")).collect();
    let age = dead.oldest.map(|oldest| format!(", the oldest {} old", ago(oldest, now))).unwrap_or_default();
    look(
        "dead",
        format!("{unseen} dead letters that nobody has seen{age}: {}{void}", causes.join(", ")),
        "cordon dlq list shows them, cordon dlq redrive sends them back; then cordon dlq seen --all",
    )
}

/// An age for people: the largest unit that fits.
fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs().max(0) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// For programs; times as in records, and what wants a person by name.
pub fn document(picture: &Picture, lines: &[Line]) -> Value {
    let look: Vec<&str> = lines.iter().filter(|line| !line.good).map(|line| line.about).collect();
    json!({
        "schema_version": 1,
        "look": look,
        "respond": picture.claim,
        "breaker": picture.breaker,
        "pause": picture.pause,
        "policy": picture.policy,
        "decided": picture.decided.as_ref().map(|(rule_set, at)| json!({"rule_set": rule_set, "at": at})),
        "actions": {
            "open": picture.open, "in_doubt": picture.doubts, "overdue": picture.overdue, "held": picture.held,
            "timers": picture.timers.map_or(0, |(timers, _)| timers),
            "next_timer": picture.timers.map(|(_, next)| next),
        },
        "coverage": picture.cursor,
        "fleet": picture.fleet.map(|(machines, at)| json!({"machines": machines, "at": at})),
        "lag": picture.lag,
        "dead_letters": picture.dead_letters.kept,
        "dead_letters_unseen": {
            "count": picture.dead_letters.unseen_count(), "oldest": picture.dead_letters.oldest,
            "by": picture.dead_letters.unseen, "void": picture.dead_letters.void,
        },
    })
}

#[cfg(test)]
mod tests {
    use cordon_records::{Claim, LedgerRecord, PolicyStanding, PollCursor, StampedRecord};

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn healthy() -> Picture {
        let mut picture = Picture {
            decided: Some(("a1".into(), at("03:00:50"))),
            cursor: Some(PollCursor { watermark: at("03:00:00"), covered_until: at("03:00:45"), from: None, epoch: 4 }),
            lag: [("decide", 0), ("notify", 2)].into(),
            ..Picture::default()
        };
        let standing = PolicyStanding { rule_set: "a1".into(), rules: 11, refused: None, at: at("02:00:00") };
        let claim = Claim { epoch: 3, owner: "act-1".into(), at: at("02:00:00") };
        let older = Claim { epoch: 2, owner: "act-0".into(), at: at("01:00:00") };
        let fleet = LedgerRecord::FleetSize { machines: 3_000, at: at("02:30:00") };
        let records = [LedgerRecord::Claim(claim), LedgerRecord::Claim(older), LedgerRecord::Policy(standing), fleet];
        let records = records.map(StampedRecord::from);
        picture.take_ledger(records, at("03:01:00"));
        picture
    }

    fn told(picture: &Picture) -> String {
        lines(picture, at("03:01:00")).iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_healthy_installation_has_nothing_to_look_at() {
        insta::assert_snapshot!(told(&healthy()));
        assert!(lines(&healthy(), at("03:01:00")).iter().all(|line| line.good));
    }

    #[test]
    fn whatever_wants_a_person_is_named_with_what_to_do() {
        let mut picture = healthy();
        let latch = |by: &str, why: &str| {
            Some(Latch { on: true, by: by.into(), why: why.into(), at: at("02:40:00"), window_s: None })
        };
        picture.breaker = latch("breaker", "all_rules 10m reached: 10 attempts in 10 min");
        picture.pause = latch("anna@soc-1", "maintenance");
        let refused = Some("rules/a.yaml:2:7: unknown field `alert.severty`\n  2 | when: …".into());
        picture.policy = Some(PolicyStanding { rule_set: "b2".into(), rules: 11, refused, at: at("02:50:00") });
        picture.cursor.as_mut().unwrap().covered_until = at("01:00:00");
        (picture.open, picture.overdue, picture.held) = (3, 1, 2);
        picture.dead_letters = DeadLetters {
            kept: 9,
            unseen: [("enrich decode".to_owned(), 1), ("notify rejected".to_owned(), 4)].into(),
            oldest: Some(at("01:01:00")),
            void: Vec::new(),
        };
        picture.timers = Some((4, "2026-11-24T09:30:00Z".parse().unwrap()));
        insta::assert_snapshot!(told(&picture));
        let look = document(&picture, &lines(&picture, at("03:01:00")))["look"].clone();
        assert_eq!(look, json!(["breaker", "pause", "rules", "decide", "actions", "coverage", "dead"]));
    }

    #[test]
    fn dead_letters_that_people_have_seen_want_nobody() {
        let mut picture = healthy();
        picture.dead_letters.kept = 5;
        assert!(told(&picture).contains("ok    dead       5 dead letters, all seen"), "{}", told(&picture));
        picture.dead_letters.unseen.insert("enrich decode".to_owned(), 1);
        let lines = lines(&picture, at("03:01:00"));
        assert!(lines.iter().any(|line| line.about == "dead" && !line.good), "an age that is not known hides nothing");
    }

    /// What respond wrote of an isolation whose answer was lost.
    fn in_doubt(until: &str) -> LedgerRecord {
        let text = include_str!("../../../common/records/examples/v1/ledger-rests.json");
        let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no action") };
        entry.rests_until = Some(at(until));
        LedgerRecord::Action(entry)
    }

    #[test]
    fn an_action_in_doubt_is_named_with_its_machine_since_when_and_until_when_it_rests() {
        let mut picture = healthy();
        picture.take_ledger([StampedRecord::from(in_doubt("03:02:30"))], at("03:01:00"));
        let line = doubt(&picture, at("03:01:00"));
        let expected = "ok    doubt      1 IN DOUBT: isolate on LAPTOP-ANNA since 2026-11-24T03:00:30Z, rests until \
                        2026-11-24T03:02:30Z (acee6df23fcd80b6): the answer was lost";
        assert_eq!(line.to_string(), expected);
        let document = document(&picture, &[]);
        assert_eq!(document["actions"]["in_doubt"][0]["machine"], "LAPTOP-ANNA");
        assert_eq!(document["actions"]["in_doubt"][0]["until"], "2026-11-24T03:02:30Z");
    }

    #[test]
    fn an_action_that_stays_in_doubt_after_its_rest_wants_a_person() {
        let mut picture = healthy();
        picture.take_ledger([StampedRecord::from(in_doubt("03:02:30"))], at("03:01:00"));
        let line = doubt(&picture, at("03:04:00"));
        assert!(
            line.good
                && line
                    .text
                    .contains("rested until 2026-11-24T03:02:30Z; Defender's list is read, or a new attempt waits"),
            "{line}"
        );
        let line = doubt(&picture, at("03:08:00"));
        assert!(!line.good && line.help.is_some(), "{line}");
    }

    #[test]
    fn a_new_installation_says_what_to_start() {
        insta::assert_snapshot!(told(&Picture::default()));
    }
}
