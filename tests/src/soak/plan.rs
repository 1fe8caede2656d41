//! What will happen in a soak, and when: the same for the same seed and length.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use cordon_records::Topic;

use crate::chance::Chance;
use crate::pipeline::STAGES;

/// Replicas of each stage.
pub const REPLICAS: usize = 2;
/// Brokers.
pub const NODES: u64 = 3;

/// The last part of the time, milliseconds, in which nothing new breaks; by its end all is undone.
const QUIET: u64 = 30_000;
/// What flows before the first fault.
const CALM: u64 = 5_000;

/// One replica of one stage.
pub type Who = (&'static str, usize);

/// What the tenant's API does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// So many reads are throttled, with this `Retry-After`, seconds.
    Throttled(u32, u64),
    /// So many reads of alerts fail with 500.
    Broken(u32),
    /// So many reads of alerts are cut in the middle or are no JSON.
    Garbled(u32),
    /// So many reads of machines are not answered for half a minute.
    SilentReads(u32),
    /// So many calls that isolate are throttled.
    ThrottledCall(u32),
    /// A call that isolates meets a gateway's 502: it has no effect, and nobody can know.
    GatewayAtCall,
    /// A call that isolates is not answered in time and has no effect.
    SilentCall,
    /// So many calls that isolate have their effect, and the answer is lost.
    LostCall(u32),
    /// The lists show what was so many seconds ago.
    Lags(u64),
    /// The lists are right again.
    LagsNoMore,
    /// Pages of twenty, whose link leads to the page itself.
    RepeatedPages,
    /// The pages are right again.
    PagesMend,
    /// Every token issued so far is refused.
    Revoked,
}

/// What the mail server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Post {
    /// So many recipients are put off.
    Refuses(u32),
    /// It says nothing for a while.
    Silent,
    /// It takes the mail, and the answer is lost.
    Loses,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// `kill -9` of a replica.
    Kill(Who),
    /// It is started again.
    Start(Who),
    /// SIGSTOP.
    Freeze(Who),
    /// SIGCONT.
    Thaw(Who),
    /// SIGTERM; whoever has ended is started again.
    Terminate(Who),
    /// `kill -9` of a broker.
    BrokerKill(usize),
    /// It is started again.
    BrokerStart(usize),
    /// SIGSTOP of a broker.
    BrokerFreeze(usize),
    /// SIGCONT of a broker.
    BrokerThaw(usize),
    /// The tenant's API.
    Api(Api),
    /// The mail server.
    Post(Post),
    /// A record that nobody can read.
    Poison(Topic),
    /// Records of the topic are produced a second time, beginning with the one that this number chooses.
    Again(Topic, u64),
}

/// Something that happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds after the beginning.
    pub at: u64,
    /// What.
    pub event: Event,
}

/// What will happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// How long it lasts.
    pub length: Duration,
    /// Whether the caps are those that are shipped; else they are out of reach.
    pub capped: bool,
    /// In the order of time.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The plan of this seed for so many minutes.
    #[must_use]
    pub fn of(seed: u64, minutes: u64) -> Self {
        let length = minutes.max(1) * 60_000;
        let mut drawing = Drawing { chance: Chance::new(seed), steps: Vec::new(), busy: BTreeMap::new(), brokers: 0 };
        let capped = drawing.chance.between(0, 3) == 0;
        let mut at = CALM;
        while at < length - QUIET {
            drawing.fault(at, length);
            at += drawing.chance.between(1_500, 6_000);
        }
        drawing.steps.sort_by_key(|step| step.at);
        Self { seed, length: Duration::from_millis(length), capped, steps: drawing.steps }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caps = if self.capped { "as shipped" } else { "out of reach" };
        writeln!(f, "seed {}, {} s, caps {caps}, {} steps", self.seed, self.length.as_secs(), self.steps.len())?;
        for step in &self.steps {
            writeln!(f, "{:>7}.{} s  {:?}", step.at / 1000, step.at % 1000 / 100, step.event)?;
        }
        Ok(())
    }
}

/// A plan that is being drawn.
struct Drawing {
    chance: Chance,
    steps: Vec<Step>,
    /// Until when each replica is under a fault.
    busy: BTreeMap<Who, u64>,
    /// Until when a broker is; one at a time, so that two replicas of each partition are in sync.
    brokers: u64,
}

impl Drawing {
    fn add(&mut self, at: u64, event: Event) {
        self.steps.push(Step { at, event });
    }

    fn fault(&mut self, at: u64, length: u64) {
        match self.chance.between(0, 100) {
            0..45 => self.replica(at, length),
            45..60 => self.broker(at, length),
            60..82 => self.api(at, length),
            82..90 => {
                let post = *self.chance.one_of(&[Post::Refuses(3), Post::Silent, Post::Loses]);
                self.add(at, Event::Post(post));
            }
            90..94 => {
                let topic = *self.chance.one_of(&[Topic::Alerts, Topic::Enriched, Topic::Decisions, Topic::Actions]);
                self.add(at, Event::Poison(topic));
            }
            _ => {
                let topic = *self.chance.one_of(&[Topic::Alerts, Topic::Enriched, Topic::Decisions, Topic::Actions]);
                let from = self.chance.number();
                self.add(at, Event::Again(topic, from));
            }
        }
    }

    fn replica(&mut self, at: u64, length: u64) {
        let stage = *self.chance.one_of(&STAGES);
        let who = (stage, usize::from(self.chance.between(0, 2) == 1));
        let (kind, short) = (self.chance.between(0, 10), self.chance.between(1_000, 20_000));
        let long = self.chance.between(35_000, 45_000);
        if self.busy.get(&who).is_some_and(|until| at < *until) {
            return;
        }
        let (event, back, lasts) = match kind {
            0..4 => (Event::Kill(who), Some(Event::Start(who)), short / 4),
            4..6 => (Event::Terminate(who), None, 45_000),
            // Longer than the lease of an INTENT.
            6 if stage == "cordon-act" => (Event::Freeze(who), Some(Event::Thaw(who)), long),
            _ => (Event::Freeze(who), Some(Event::Thaw(who)), short),
        };
        let until = (at + lasts).min(length);
        self.add(at, event);
        self.steps.extend(back.map(|event| Step { at: until, event }));
        self.busy.insert(who, until + 1_000);
    }

    fn broker(&mut self, at: u64, length: u64) {
        let node = usize::try_from(self.chance.between(1, NODES + 1)).unwrap_or(1);
        let (kill, lasts) = (self.chance.between(0, 2) == 0, self.chance.between(3_000, 18_000));
        if at < self.brokers {
            return;
        }
        let (event, back) = if kill {
            (Event::BrokerKill(node), Event::BrokerStart(node))
        } else {
            (Event::BrokerFreeze(node), Event::BrokerThaw(node))
        };
        let until = (at + lasts).min(length);
        self.add(at, event);
        self.add(until, back);
        // It has to be in sync again before the next one goes.
        self.brokers = until + 15_000;
    }

    fn api(&mut self, at: u64, length: u64) {
        let times = u32::try_from(self.chance.between(1, 4)).unwrap_or(1);
        let seconds = self.chance.between(1, 8);
        let until = (at + self.chance.between(5_000, 20_000)).min(length);
        let api = match self.chance.between(0, 11) {
            0 => Api::Throttled(times * 5, seconds),
            1 => Api::Broken(times * 5),
            2 => Api::Garbled(times * 2),
            3 => Api::SilentReads(times),
            4 => Api::ThrottledCall(times),
            5 => Api::GatewayAtCall,
            6 => Api::SilentCall,
            7 => Api::LostCall(times),
            8 => {
                self.add(until, Event::Api(Api::LagsNoMore));
                Api::Lags(seconds * 4)
            }
            9 => {
                self.add(until, Event::Api(Api::PagesMend));
                Api::RepeatedPages
            }
            _ => Api::Revoked,
        };
        self.add(at, Event::Api(api));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(Plan::of(7, 3), Plan::of(7, 3));
        assert_ne!(Plan::of(7, 3).steps, Plan::of(8, 3).steps);
    }

    #[test]
    fn whatever_is_broken_is_mended_within_the_time() {
        for seed in 0..200 {
            let plan = Plan::of(seed, 2);
            let count = |of: fn(&Event) -> bool| plan.steps.iter().filter(|step| of(&step.event)).count();
            assert_eq!(count(|it| matches!(it, Event::Kill(_))), count(|it| matches!(it, Event::Start(_))));
            assert_eq!(count(|it| matches!(it, Event::Freeze(_))), count(|it| matches!(it, Event::Thaw(_))));
            let broken = count(|it| matches!(it, Event::BrokerKill(_) | Event::BrokerFreeze(_)));
            assert_eq!(broken, count(|it| matches!(it, Event::BrokerStart(_) | Event::BrokerThaw(_))));
            assert!(plan.steps.iter().all(|step| u128::from(step.at) <= plan.length.as_millis()));
        }
    }

    #[test]
    fn no_replica_is_hurt_twice_at_once_and_one_broker_at_a_time() {
        for seed in 0..200 {
            let (mut down, mut brokers) = (Vec::new(), 0);
            for step in Plan::of(seed, 3).steps {
                match step.event {
                    Event::Kill(who) | Event::Freeze(who) => {
                        assert!(!down.contains(&who), "seed {seed}, {step:?}");
                        down.push(who);
                    }
                    Event::Start(who) | Event::Thaw(who) => down.retain(|other| *other != who),
                    Event::BrokerKill(_) | Event::BrokerFreeze(_) => {
                        assert_eq!(brokers, 0, "seed {seed}, {step:?}");
                        brokers += 1;
                    }
                    Event::BrokerStart(_) | Event::BrokerThaw(_) => brokers -= 1,
                    Event::Terminate(who) => assert!(!down.contains(&who), "seed {seed}, {step:?}"),
                    Event::Api(_) | Event::Post(_) | Event::Poison(_) | Event::Again(..) => {}
                }
            }
        }
    }

    #[test]
    fn a_handful_of_seeds_draws_every_kind_of_fault() {
        let steps: Vec<Step> = (0..40).flat_map(|seed| Plan::of(seed, 3).steps).collect();
        let drawn = format!("{steps:?}");
        for kind in [
            "Kill(",
            "Freeze(",
            "Terminate",
            "BrokerKill",
            "BrokerFreeze",
            "Throttled(",
            "Broken",
            "Garbled",
            "SilentReads",
            "ThrottledCall",
            "GatewayAtCall",
            "SilentCall",
            "LostCall",
            "Lags(",
            "RepeatedPages",
            "Revoked",
            "Refuses",
            "Silent)",
            "Loses",
            "Poison",
            "Again",
        ] {
            assert!(drawn.contains(kind), "{kind}");
        }
    }
}
