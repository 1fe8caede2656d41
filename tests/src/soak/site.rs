//! Carries a plan out: real processes, real brokers, and a keeper who starts again what the plan killed, and only that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_records::Topic;
use cordon_simulator::{Fault, FaultKind, Quirks, SmtpFault, SmtpFaultKind, SmtpPhase};
use rdkafka::message::Message as _;
use tokio::task::JoinHandle;

use super::plan::{Api, Event, Plan, Post, Who};
use crate::cluster::Cluster;
use crate::invariants::{Breach, Committed, Evidence, Expectation, committed_went_back, report};
use crate::meddle;
use crate::oracle;
use crate::pipeline::{Pipeline, SOON};
use crate::processes::{self, Signal};

/// A stage has 30 s to drain and 5 s to flush; a busy machine.
const BUDGET: Duration = Duration::from_secs(60);
/// How many records [`Event::Again`] repeats.
const REPEATED: usize = 20;
/// Between two looks at the topics.
const LOOK: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(200);

/// Where a replica stands that the plan has hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hurt {
    /// Gone until it is started.
    Dead,
    /// Stopped until it is thawed.
    Frozen,
    /// Asked to end at this time.
    Leaving(Instant),
}

/// Everything that runs.
pub struct Site {
    /// The stages and the tenant.
    pub pipeline: Pipeline,
    cluster: Arc<Mutex<Cluster>>,
    hurt: BTreeMap<Who, Hurt>,
    /// Orders to brokers, one after another.
    brokers: Option<JoinHandle<()>>,
    meddling: Vec<JoinHandle<()>>,
    /// Replicas that ended unasked or badly, and how.
    pub ended: Vec<(String, String)>,
    /// What may have made notify repeat a mail.
    pub interruptions: usize,
    /// What was found wrong while things broke.
    pub breaches: Vec<Breach>,
    /// How often it was looked for.
    pub looks: usize,
    watch: Watch,
    start: Instant,
}

/// Looks at the topics now and then while things break.
#[derive(Default)]
struct Watch {
    looking: Option<JoinHandle<Evidence>>,
    next: Duration,
    committed: Committed,
    /// How many brokers are down or frozen.
    down: usize,
}

impl Site {
    /// Takes over a pipeline that runs on this cluster.
    #[must_use]
    pub fn new(pipeline: Pipeline, cluster: Cluster) -> Self {
        Self {
            pipeline,
            cluster: Arc::new(Mutex::new(cluster)),
            hurt: BTreeMap::new(),
            brokers: None,
            meddling: Vec::new(),
            ended: Vec::new(),
            interruptions: 0,
            breaches: Vec::new(),
            looks: 0,
            watch: Watch::default(),
            start: Instant::now(),
        }
    }

    /// Carries the plan out, and judges on the way what holds at every instant.
    ///
    /// # Panics
    /// When a broker does not obey.
    pub async fn carry_out(&mut self, plan: &Plan, expectation: &Expectation) {
        self.start = Instant::now();
        let mut steps = plan.steps.iter().peekable();
        let mut beat = tokio::time::interval(TICK);
        while self.start.elapsed() < plan.length {
            beat.tick().await;
            while let Some(step) = steps.next_if(|step| Duration::from_millis(step.at) <= self.start.elapsed()) {
                self.happen(step.event);
            }
            self.keep();
            self.look(expectation).await;
        }
        for step in steps {
            self.happen(step.event);
        }
    }

    /// Undoes whatever is still wrong and waits until all replicas and brokers are there.
    ///
    /// # Panics
    /// When a broker does not come back.
    pub async fn heal(&mut self) {
        self.pipeline.tenant.clear_faults();
        self.pipeline.tenant.set_list_lag(Duration::ZERO);
        self.pipeline.tenant.set_quirks(Quirks::default());
        if let Some(orders) = self.brokers.take() {
            orders.await.expect("the brokers obey");
        }
        for meddling in std::mem::take(&mut self.meddling) {
            meddling.await.expect("records can be written");
        }
        let mut beat = tokio::time::interval(TICK);
        while !self.hurt.is_empty() {
            beat.tick().await;
            self.keep();
        }
        self.say("healed");
    }

    async fn look(&mut self, expectation: &Expectation) {
        let now = self.start.elapsed();
        match self.watch.looking.take() {
            Some(looking) if looking.is_finished() => {
                self.watch.next = now + LOOK;
                // Shortly after a broker came back, plain metadata may not be had yet. What does not fix fails at rest.
                let Ok(evidence) = looking.await else { return self.say("the topics could not be read") };
                let mut found = evidence.judge_running(expectation);
                found.extend(committed_went_back(&self.watch.committed, &evidence.committed));
                if !found.is_empty() {
                    self.say(&report(&found, &evidence));
                }
                self.breaches.append(&mut found);
                self.looks += 1;
                self.watch.committed = evidence.committed;
            }
            None if now > self.watch.next && self.watch.down == 0 => {
                let read = Evidence::read(self.pipeline.kafka.clone(), self.pipeline.tenant.clone());
                self.watch.looking = Some(tokio::spawn(read));
            }
            other => self.watch.looking = other,
        }
    }

    fn say(&self, what: &str) {
        println!("{:>7.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    fn happen(&mut self, event: Event) {
        self.say(&format!("{event:?}"));
        match event {
            Event::Kill(who) if !self.hurt.contains_key(&who) => {
                self.pipeline.measure();
                self.pipeline.kill(who.0, who.1);
                self.disturb(who, Hurt::Dead);
            }
            Event::Start(who) if self.hurt.get(&who) == Some(&Hurt::Dead) => self.start_again(who),
            Event::Freeze(who) if !self.hurt.contains_key(&who) => {
                self.pipeline.process(who.0, who.1).signal(Signal::Freeze);
                self.disturb(who, Hurt::Frozen);
            }
            Event::Thaw(who) if self.hurt.get(&who) == Some(&Hurt::Frozen) => {
                self.pipeline.process(who.0, who.1).signal(Signal::Thaw);
                self.hurt.remove(&who);
            }
            Event::Terminate(who) if !self.hurt.contains_key(&who) => {
                self.pipeline.process(who.0, who.1).signal(Signal::Terminate);
                self.disturb(who, Hurt::Leaving(Instant::now()));
            }
            // The replica is still leaving after an earlier step, or had ended by itself.
            Event::Kill(_) | Event::Start(_) | Event::Freeze(_) | Event::Thaw(_) | Event::Terminate(_) => {}
            Event::BrokerKill(_) | Event::BrokerStart(_) | Event::BrokerFreeze(_) | Event::BrokerThaw(_) => {
                self.order(event);
            }
            Event::Api(api) => self.api(api),
            Event::Post(post) => self.post(post),
            Event::Poison(topic) => self.poison(topic),
            Event::Again(topic, from) => self.again(topic, from),
        }
    }

    fn disturb(&mut self, who: Who, hurt: Hurt) {
        self.interruptions += usize::from(who.0 == "cordon-notify");
        self.hurt.insert(who, hurt);
    }

    fn start_again(&mut self, who: Who) {
        self.pipeline.start_stage(who.0, who.1, &[]);
        self.hurt.remove(&who);
    }

    /// Looks after the replicas: who was asked to end is started again when it has; who ended unasked is noted.
    fn keep(&mut self) {
        self.pipeline.measure();
        for stage in crate::pipeline::STAGES {
            for replica in 0..super::plan::REPLICAS {
                self.keep_one((stage, replica));
            }
        }
    }

    fn keep_one(&mut self, who: Who) {
        let hurt = self.hurt.get(&who).copied();
        if hurt == Some(Hurt::Dead) {
            return;
        }
        let process = self.pipeline.process(who.0, who.1);
        match (process.ended(), hurt) {
            (Some(status), Some(Hurt::Leaving(_))) if status.success() => self.start_again(who),
            (Some(status), _) => {
                let asked = if matches!(hurt, Some(Hurt::Leaving(_))) { "asked to end" } else { "unasked" };
                let words = process.log().iter().rev().take(3).cloned().collect::<Vec<_>>().join(" ← ");
                let how = format!("{asked}, {status} at {:.1} s: {words}", self.start.elapsed().as_secs_f64());
                self.say(&format!("{who:?} {how}"));
                self.ended.push((format!("{} {}", who.0, who.1), how));
                self.start_again(who);
            }
            (None, Some(Hurt::Leaving(since))) if since.elapsed() > BUDGET => {
                self.ended.push((format!("{} {}", who.0, who.1), format!("did not end within {BUDGET:?}")));
                self.pipeline.kill(who.0, who.1);
                self.start_again(who);
            }
            (None, _) => {}
        }
    }

    /// Brokers take their time; the rest goes on meanwhile.
    fn order(&mut self, event: Event) {
        self.interruptions += 1;
        match event {
            Event::BrokerKill(_) | Event::BrokerFreeze(_) => self.watch.down += 1,
            _ => self.watch.down -= 1,
        }
        // What is read during an election may be short of the end; and it takes a moment.
        self.watch.looking = None;
        self.watch.next = self.watch.next.max(self.start.elapsed() + Duration::from_secs(5));
        let (cluster, earlier) = (Arc::clone(&self.cluster), self.brokers.take());
        self.brokers = Some(tokio::spawn(async move {
            if let Some(earlier) = earlier {
                earlier.await.expect("the brokers obey");
            }
            let obeyed = tokio::task::spawn_blocking(move || {
                let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Event::BrokerKill(node) => cluster.kill_node(node),
                    Event::BrokerStart(node) => cluster.start_node(node),
                    Event::BrokerFreeze(node) => processes::signal(cluster.pid(node), Signal::Freeze),
                    Event::BrokerThaw(node) => processes::signal(cluster.pid(node), Signal::Thaw),
                    _ => {}
                }
            });
            obeyed.await.expect("the brokers obey");
        }));
    }

    fn api(&mut self, api: Api) {
        let tenant = &self.pipeline.tenant;
        let script = |method: &str, path: &str, what: FaultKind, times: u32| {
            tenant.script(Fault::on(method, path, what).times(times));
        };
        let throttled = |seconds: u64| FaultKind::too_many_requests(Some(&seconds.to_string()));
        match api {
            Api::Throttled(times, seconds) => script("GET", "/api/", throttled(seconds), times),
            Api::Broken(times) => {
                script("GET", "/api/alerts", FaultKind::status(500, "InternalServerError", "later"), times);
            }
            Api::Garbled(times) => {
                script("GET", "/api/alerts", FaultKind::CutMidBody, times);
                script("GET", "/api/alerts", FaultKind::Garbage, times);
            }
            Api::SilentReads(times) => {
                script("GET", "/api/machines", FaultKind::Hang(Duration::from_secs(30)), times);
            }
            Api::ThrottledCall(times) => script("POST", "/isolate", throttled(2), times),
            Api::GatewayAtCall => script("POST", "/isolate", FaultKind::Html502, 1),
            Api::SilentCall => script("POST", "/isolate", FaultKind::Hang(Duration::from_secs(25)), 1),
            Api::LostCall(times) => script("POST", "/isolate", FaultKind::DropBeforeAnswer, times),
            Api::Lags(seconds) => tenant.set_list_lag(Duration::from_secs(seconds)),
            Api::LagsNoMore => tenant.set_list_lag(Duration::ZERO),
            Api::RepeatedPages => {
                tenant.set_quirks(Quirks { next_link_loops: true, page_cap: Some(20), ..Quirks::default() });
            }
            Api::PagesMend => tenant.set_quirks(Quirks::default()),
            Api::Revoked => tenant.revoke_tokens(),
        }
    }

    fn post(&mut self, post: Post) {
        let fault = match post {
            Post::Refuses(times) => {
                SmtpFault::at(SmtpPhase::Rcpt, SmtpFaultKind::Reply("451 4.3.0 try later".to_owned())).times(times)
            }
            Post::Silent => SmtpFault::at(SmtpPhase::Connect, SmtpFaultKind::Hang(Duration::from_secs(20))),
            Post::Loses => {
                self.interruptions += 1;
                SmtpFault::at(SmtpPhase::Accepted, SmtpFaultKind::Drop)
            }
        };
        self.pipeline.tenant.script_smtp(fault);
    }

    fn poison(&mut self, topic: Topic) {
        let (bootstrap, name) = (self.pipeline.kafka.bootstrap_servers.clone(), self.pipeline.kafka.topic(topic));
        self.meddling.push(tokio::task::spawn_blocking(move || {
            meddle::write(&bootstrap, &name, "poison", b"{\"poison\": \x1b[2J\xfe");
        }));
    }

    /// Produces some records a second time, each to its own partition.
    fn again(&mut self, topic: Topic, from: u64) {
        let (bootstrap, name) = (self.pipeline.kafka.bootstrap_servers.clone(), self.pipeline.kafka.topic(topic));
        self.meddling.push(tokio::task::spawn_blocking(move || {
            let records = oracle::records(&bootstrap, &name, SOON);
            let start = usize::try_from(from % (records.len() as u64).max(1)).unwrap_or(0);
            for record in records.iter().skip(start).take(REPEATED) {
                let (key, value) = (record.key().unwrap_or_default(), record.payload().unwrap_or_default());
                meddle::write_to(&bootstrap, (&name, record.partition()), key, value);
            }
        }));
    }
}
