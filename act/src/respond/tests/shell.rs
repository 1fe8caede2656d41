//! The shell around the responder, against librdkafka's in-memory broker and a tenant that the test holds in hand.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_policy::{Isolation, Policy, RuleSet};
use cordon_records::{
    ActionKey, ActionKind, ActionState, AlertChanges, AlertId, AttemptState, Clock, Command, CommandRecord, Counter,
    Headers, LedgerRecord, MachineAction, MachineActionId, MachineId, Report, TenantId, Topic, WholeSummary,
};
use cordon_response::facts::{ActionSnapshot, FreshFacts};
use cordon_response::{
    Answer, Config, LedgerFold, LedgerState, Order, RawRecord, SummaryFold, SummaryRecords, Unreadable,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Election, MemoryBroker, Outbound, Start};
use cordon_signing::AllowedSigners;
use jiff::{SignedDuration, Timestamp};
use prometheus::Registry;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::samples::{config, decision, pending, start};
use crate::error::ActError;
use crate::metrics::ActMetrics;
use crate::reload::LoadedPolicy;
use crate::respond::{GROUP, Pace, Respond, Tenant, inbound, init_ledger};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Shortly after the alerts of these tests were raised.
struct ThatDay;

impl Clock for ThatDay {
    fn now(&self) -> Timestamp {
        start() + SignedDuration::from_secs(60)
    }
}

/// Calls that were made before, by kind and age.
type Calls = Vec<(ActionKind, Duration)>;

/// A tenant whose calls wait for the test.
#[derive(Clone)]
struct Held {
    calls: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
    permitted: Arc<Mutex<VecDeque<bool>>>,
    /// What each tenure said of earlier calls.
    before: Arc<Mutex<Vec<Calls>>>,
    key: ActionKey,
    wait: Wait,
    /// Whether it forbids what is read before an action.
    forbids: bool,
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// For its answer: the request is out.
    Answer,
    /// For its quota, which the test gives.
    Quota,
    /// For its quota, until it is no longer permitted.
    Denied,
}

impl Held {
    fn new(answers: usize) -> Self {
        Self {
            calls: Arc::default(),
            answers: Arc::new(Semaphore::new(answers)),
            permitted: Arc::default(),
            before: Arc::default(),
            key: decision("a1", "m1").planned[0].key.clone(),
            wait: Wait::Quota,
            forbids: false,
        }
    }
}

impl Tenant for Held {
    async fn facts(&self, _: Option<(AlertId, Option<Timestamp>)>, _: &MachineId) -> Result<FreshFacts, Unreadable> {
        if self.forbids {
            let why = "HTTP 403: no role Machine.Read.All".to_owned();
            return Err(Unreadable { why, retry_after: None, refused: true });
        }
        let known = decision("a1", "m1");
        Ok(FreshFacts {
            alert: Some(known.alert),
            machine: known.machine,
            isolation: Isolation::None,
            ..FreshFacts::missing()
        })
    }

    fn acted_before(&self, calls: &[(ActionKind, Duration)]) {
        self.before.lock().unwrap().push(calls.to_vec());
    }

    async fn act(&self, _: &Order, permitted: impl Fn() -> bool + Send + Sync) -> Answer {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let before = permitted();
        if self.wait == Wait::Denied {
            // Not `until`: its closure would borrow `permitted` across threads.
            let mut wait = cordon_wait::Wait::begin(PATIENCE, "the call to be permitted no more");
            while permitted() {
                wait.again("it is".to_owned()).await;
            }
        }
        if self.wait != Wait::Denied {
            self.answers.acquire().await.unwrap().forget();
        }
        let may = if self.wait == Wait::Answer { before } else { permitted() };
        self.permitted.lock().unwrap().push_back(may);
        if may {
            Answer::Accepted(pending(&self.key))
        } else {
            Answer::NotDone { why: "no longer permitted".into(), after: Duration::ZERO, spent: false }
        }
    }

    async fn update_alerts(&self, _: &[AlertId], _: &AlertChanges, _: impl Fn() -> bool + Send + Sync) -> Answer {
        Answer::Done("changed".into())
    }

    async fn package_link(&self, _: &MachineActionId) -> Result<String, Unreadable> {
        Err(Unreadable { why: "there is no package".into(), retry_after: None, refused: false })
    }

    async fn actions(&self, _: &MachineId) -> Result<Vec<MachineAction>, Unreadable> {
        Ok(Vec::new())
    }

    async fn standings(&self, _: &[MachineActionId], _: Timestamp) -> Result<Vec<ActionSnapshot>, Unreadable> {
        Ok(Vec::new())
    }

    async fn count_machines(&self) -> Result<u64, Unreadable> {
        Ok(3_000)
    }
}

struct Stage {
    context: Context,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), ActError>>>,
    // Last, so that the clients go first.
    _broker: MemoryBroker,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self::without_ledger();
        init_ledger(&stage.context).await.unwrap();
        stage
    }

    fn without_ledger() -> Self {
        let broker = MemoryBroker::start().unwrap();
        let context = Context::open("act", broker.settings(), Registry::new(), Arc::new(ThatDay)).unwrap();
        Self { context, stop: CancellationToken::new(), running: None, _broker: broker }
    }

    fn respond(&mut self, tenant: Held) {
        self.respond_with(tenant, config());
    }

    fn respond_with(&mut self, tenant: Held, config: Config) {
        let policy = Policy {
            rules: RuleSet::load(&[]).unwrap(),
            rule_files: Vec::new(),
            guards: config.guards.clone(),
            signers: AllowedSigners::default(),
        };
        let holder = Respond {
            policy: watch::channel(LoadedPolicy::started(policy, start())).1,
            tenant,
            tenant_id: TenantId::new("tenant").unwrap(),
            context: self.context.clone(),
            config,
            resume: None,
            summary: Pace { mark: Duration::from_secs(1), look: Duration::from_millis(500) },
            metrics: ActMetrics::new(&self.context.registry).unwrap(),
        };
        let (context, stop) = (self.context.clone(), self.stop.clone());
        let election =
            Election { topic: Topic::Decisions, group: GROUP.into(), start: Start::Committed, reads_past: true };
        self.running =
            Some(tokio::spawn(
                async move { kafka::elect(election, holder, &context, stop).await.map_err(ActError::from) },
            ));
    }

    async fn end(&mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }

    async fn write(&self, topic: Topic, value: &impl serde::Serialize) {
        let record = Outbound::json(topic, "m1", Headers::default(), value).unwrap();
        self.context.producer.send(record).await.unwrap();
    }

    async fn pause(&self) {
        let at = start();
        let pause = CommandRecord::unsigned(Command::Pause, "anna".into(), "drill".into(), at);
        self.write(Topic::Commands, &pause).await;
    }

    async fn reports(&self) -> Vec<Report> {
        let records = kafka::read_all(&self.context.kafka, Topic::Actions).await.unwrap();
        records.iter().map(|record| record.json().unwrap()).collect()
    }

    async fn states(&self) -> Vec<ActionState> {
        let reports = self.reports().await.into_iter();
        reports
            .filter_map(|report| match report {
                Report::Action(record) => Some(record.state),
                Report::Notice(_) => None,
            })
            .collect()
    }

    async fn until_state(&self, state: ActionState) {
        until(&format!("{state:?}"), async || {
            let reports = self.reports().await;
            let is_it = |report: &Report| matches!(report, Report::Action(record) if record.state == state);
            if reports.iter().any(is_it) { Ok(()) } else { Err(format!("{reports:?}")) }
        })
        .await;
    }

    async fn until_notice(&self) {
        let is_notice = |report: &Report| matches!(report, Report::Notice(_));
        until("a notice", async || holds(self.reports().await.iter().any(is_notice))).await;
    }
}

async fn until_called(tenant: &Held) {
    until("a call", async || holds(tenant.calls.load(Ordering::SeqCst) > 0)).await;
}

/// Waits for a condition, with a deadline; what was seen instead is told when it passes.
async fn until(what: &str, look: impl AsyncFnMut() -> Result<(), String>) {
    cordon_wait::until(PATIENCE, what, look).await;
}

fn holds(condition: bool) -> Result<(), String> {
    if condition { Ok(()) } else { Err("not yet".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_was_written_while_nobody_held_the_ledger_comes_before_the_first_decision() {
    let mut stage = Stage::new().await;
    stage.pause().await;
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    let tenant = Held::new(100);
    stage.respond(tenant.clone());
    stage.until_state(ActionState::Held).await;
    stage.end().await;
    assert_eq!(tenant.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_stops_a_call_that_waits_for_its_quota() {
    let mut stage = Stage::new().await;
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    let tenant = Held::new(0);
    stage.respond(tenant.clone());
    until_called(&tenant).await;
    stage.pause().await;
    stage.until_notice().await;
    tenant.answers.add_permits(100);
    stage.until_state(ActionState::Held).await;
    stage.end().await;
    assert_eq!(*tenant.permitted.lock().unwrap(), [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_while_the_tenure_ends_is_put_on_record() {
    let mut stage = Stage::new().await;
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    let tenant = Held { wait: Wait::Answer, ..Held::new(0) };
    stage.respond(tenant.clone());
    until_called(&tenant).await;
    stage.stop.cancel();
    tenant.answers.add_permits(1);
    stage.end().await;
    let ledger = kafka::read_all(&stage.context.kafka, Topic::Ledger).await.unwrap();
    let last = ledger.iter().rev().find_map(|record| match record.json().unwrap() {
        LedgerRecord::Action(entry) => Some(entry.state),
        _ => None,
    });
    assert_eq!(last, Some(AttemptState::Reported(ActionState::Accepted)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_its_quota_is_not_sent_after_its_lease() {
    let mut stage = Stage::new().await;
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    let tenant = Held::new(0);
    let lease = Duration::from_millis(500);
    stage.respond_with(tenant.clone(), Config { lease, ..config() });
    until_called(&tenant).await;
    // The lease began before the call; more than its length after the call it is surely over.
    let over = Instant::now() + lease;
    until("the lease to be over", async || holds(Instant::now() >= over)).await;
    tenant.answers.add_permits(100);
    stage.until_state(ActionState::Accepted).await;
    stage.end().await;
    assert_eq!(*tenant.permitted.lock().unwrap(), [false, true], "a new lease, and then the call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_its_quota_is_not_sent_after_the_tenure() {
    let mut stage = Stage::new().await;
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    let tenant = Held { wait: Wait::Denied, ..Held::new(0) };
    stage.respond(tenant.clone());
    until_called(&tenant).await;
    stage.end().await;
    assert_eq!(*tenant.permitted.lock().unwrap(), [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenure_begins_by_counting_what_the_ledger_has_called_against_the_quota() {
    let mut stage = Stage::new().await;
    let tenant = Held::new(100);
    for (tenure, machine) in [(1, "m1"), (2, "m2")] {
        stage.stop = CancellationToken::new();
        stage.respond(tenant.clone());
        stage.write(Topic::Decisions, &decision("a1", machine)).await;
        until("a report in each tenure", async || {
            let reports = stage.reports().await;
            if stage.states().await.len() >= tenure { Ok(()) } else { Err(format!("{reports:?}")) }
        })
        .await;
        stage.end().await;
    }
    assert_eq!(*tenant.before.lock().unwrap(), [vec![], vec![(ActionKind::Isolate, Duration::ZERO)]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_ledger_with_a_committed_position_is_refused() {
    let mut stage = Stage::without_ledger();
    kafka::commit_end(&stage.context.kafka, GROUP, Topic::Decisions).await.unwrap();
    stage.respond(Held::new(0));
    let ended = tokio::time::timeout(PATIENCE, stage.running.take().unwrap()).await.expect("it must end").unwrap();
    assert!(matches!(ended, Err(ActError::NoGenesis)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_forbids_what_is_read_before_an_action_keeps_the_stage_unready_until_it_answers() {
    let mut stage = Stage::new().await;
    let defender = |stage: &Stage| {
        let missing = stage.context.health.missing();
        missing.into_iter().find(|missing| missing.starts_with("act/defender: "))
    };
    stage.respond(Held { forbids: true, ..Held::new(100) });
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    until("the refusal in the readiness", async || holds(defender(&stage).is_some())).await;
    let told = defender(&stage).unwrap();
    assert!(told.contains("no role Machine.Read.All"), "{told}");
    stage.end().await;
    assert_eq!(defender(&stage), None, "who holds nothing speaks of nothing");

    stage.stop = CancellationToken::new();
    stage.respond(Held::new(100));
    stage.until_state(ActionState::Accepted).await;
    until("the stage to be ready", async || holds(defender(&stage).is_none())).await;
    stage.end().await;
}

/// What the ledger says, once `summary` says it and is marked as whole.
async fn until_summary_is_the_ledgers(stage: &Stage) -> LedgerState {
    let mut told = LedgerState::default();
    until("the summary to say what the ledger does", async || {
        let (mut ledger, mut summary) = (LedgerFold::default(), SummaryFold::default());
        for record in kafka::read_all(&stage.context.kafka, Topic::Ledger).await.unwrap() {
            ledger.take(&inbound::raw(&record), || record.position());
        }
        for record in kafka::read_all(&stage.context.kafka, Topic::Summary).await.unwrap() {
            summary.take(&inbound::raw(&record), || record.position());
        }
        let differences = SummaryRecords::of(&ledger.finish().0).differences(&summary);
        told = summary.finish().map_err(|error| error.to_string())?.0;
        if differences.is_empty() { Ok(()) } else { Err(format!("{:?}", differences.keys())) }
    })
    .await;
    told
}

/// A stage that holds the ledger and has had one isolation accepted, and the summary that says so.
async fn accepted_and_summarised() -> (Stage, Held, LedgerState) {
    let mut stage = Stage::new().await;
    let tenant = Held::new(100);
    stage.respond(tenant.clone());
    stage.write(Topic::Decisions, &decision("a1", "m1")).await;
    stage.until_state(ActionState::Accepted).await;
    let told = until_summary_is_the_ledgers(&stage).await;
    (stage, tenant, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_look_at_follows_the_ledger_and_each_tenure_sets_right_what_is_wrong_or_missing_there() {
    let (mut stage, tenant, told) = accepted_and_summarised().await;
    assert_eq!(told.entries().map(|entry| entry.state.as_str()).collect::<Vec<_>>(), ["accepted"]);
    stage.end().await;

    // What no holder has said of its ledger: no record, another one, and one that nobody can read.
    let writes = [(format!("action/{}", tenant.key), None), ("pause".to_owned(), Some(b"{".to_vec()))];
    for (key, value) in writes {
        let by = told.genesis().map(|genesis| Counter { ledger: genesis.at, epoch: told.epoch() }).unwrap();
        let headers = RawRecord::headers_of_holder(by);
        let record = Outbound { topic: Topic::Summary, key: Some(key), headers, value };
        stage.context.producer.send(record).await.unwrap();
    }
    stage.stop = CancellationToken::new();
    stage.respond(tenant.clone());
    until("another tenure", async || holds(tenant.before.lock().unwrap().len() == 2)).await;
    let again = until_summary_is_the_ledgers(&stage).await;
    assert_eq!(again.entries().map(|entry| entry.state.as_str()).collect::<Vec<_>>(), ["accepted"]);
    assert_eq!(again.claim().map(|claim| claim.epoch), Some(told.epoch() + 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_former_holder_writes_over_on_the_summary_is_set_right_within_the_tenure() {
    let (mut stage, tenant, told) = accepted_and_summarised().await;
    let former = Counter { ledger: told.genesis().unwrap().at, epoch: told.epoch() - 1 };
    // It says that nothing is open, and brings back what has ended long ago.
    let mut ended = told.entries().next().unwrap().clone();
    ended.key = ActionKey::new("0123456789abcdef").unwrap();
    let ended = LedgerRecord::Action(Box::new(ended));
    let ended = (ended.key(), Some(serde_json::to_vec(&ended).unwrap()));
    for (key, value) in [(format!("action/{}", tenant.key), None), ended] {
        let headers = RawRecord::headers_of_holder(former);
        let record = Outbound { topic: Topic::Summary, key: Some(key), headers, value };
        stage.context.producer.send(record).await.unwrap();
    }
    let again = until_summary_is_the_ledgers(&stage).await;
    assert_eq!((again.entries().count(), again.epoch()), (1, told.epoch()), "nobody took over");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_summary_is_marked_as_whole_again_and_again_although_something_changes_all_the_time() {
    let mut stage = Stage::new().await;
    stage.respond(Held::new(100));
    let is_mark = |record: &kafka::Inbound| record.key_text() == Some(WholeSummary::KEY);
    let mut number = 0;
    until("the fourth mark", async || {
        number += 1;
        stage.write(Topic::Decisions, &decision(&format!("a{number}"), &format!("m{number}"))).await;
        let said = kafka::read_all(&stage.context.kafka, Topic::Summary).await.unwrap();
        let marks = said.iter().filter(|record| is_mark(record)).count();
        if marks >= 4 { Ok(()) } else { Err(format!("{marks} marks among {} records", said.len())) }
    })
    .await;
    stage.end().await;
}
