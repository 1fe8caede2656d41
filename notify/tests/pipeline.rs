//! The whole stage against an in-memory broker and a simulated tenant: reports in, mails out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cordon_notify::Notify;
use cordon_notify::config::NotifySettings;
use cordon_records::{ActionKey, ActionRecord, ActionState, Headers, NoticeKind, Report, SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{KafkaSettings, MemoryBroker, Outbound, read_all};
use cordon_runtime::process::{NoArgs, Stage};
use cordon_settings::{Document, Reader};
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator, SmtpFault, SmtpFaultKind, SmtpPhase, TENANT_ID};
use prometheus::{Registry, TextEncoder};
use support::{notice, report, step};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct World {
    broker: MemoryBroker,
    tenant: Simulator,
}

impl World {
    fn start() -> Self {
        Self { broker: MemoryBroker::start().unwrap(), tenant: Simulator::start(Options::default()).unwrap() }
    }

    fn kafka(&self) -> KafkaSettings {
        self.broker.settings()
    }

    fn smtp(&self) -> String {
        format!(
            "notify: {{smtp: {{url: '{}', from: 'Cordon <cordon@contoso.com>', to: [soc@contoso.com]}}}}",
            self.tenant.smtp_url()
        )
    }

    fn run(&self, settings: &str) -> Running {
        let document = Document::parse("cordon.yaml", settings).unwrap();
        let reader = Reader::new(&document);
        let read = NotifySettings::read(&mut reader.root());
        reader.finish().unwrap();
        let registry = Registry::new();
        let context = Context::open("notify", self.kafka(), registry.clone(), Arc::new(SystemClock)).unwrap();
        let (shutdown, health) = (CancellationToken::new(), context.health.clone());
        let stage = Notify::run(read.unwrap(), NoArgs::default(), context, shutdown.clone());
        Running {
            task: tokio::spawn(async move { stage.await.map_err(|error| error.to_string()) }),
            shutdown,
            registry,
            health,
        }
    }

    async fn publish(&self, reports: &[Report]) {
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        for report in reports {
            let record = Outbound::json(Topic::Actions, "machine", Headers::default(), report).unwrap();
            context.producer.send(record).await.unwrap();
        }
    }

    async fn publish_raw(&self, value: &[u8]) {
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        let value = Some(value.to_vec());
        let record = Outbound { topic: Topic::Actions, key: Some("k".into()), headers: Headers::default(), value };
        context.producer.send(record).await.unwrap();
    }

    fn subjects(&self) -> Vec<String> {
        self.tenant.mails().iter().map(|mail| mail.header("Subject").unwrap_or_default()).collect()
    }
}

struct Running {
    task: JoinHandle<Result<(), String>>,
    shutdown: CancellationToken,
    registry: Registry,
    health: cordon_runtime::telemetry::Health,
}

impl Running {
    /// The sum of a counter over its labels.
    fn count(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let of_name = families.iter().filter(|family| family.name() == name);
        of_name.flat_map(|family| family.get_metric()).map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    fn settled(&self) -> u64 {
        ["sent", "skipped", "dead_lettered"]
            .iter()
            .map(|kind| self.count(&format!("cordon_records_{kind}_total")))
            .sum()
    }

    /// Waits until this many records are settled, and checks that none is lost on the way.
    async fn until_settled(&self, records: u64) {
        let history = || {
            let numbers = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
            format!("{numbers}\nnot ready: {:?}", self.health.missing())
        };
        until(|| self.settled() >= records, history).await;
        assert_eq!((self.settled(), self.count("cordon_records_received_total")), (records, records));
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

async fn until(mut reached: impl FnMut() -> bool, history: impl Fn() -> String) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(45), waiting).await.is_ok(), "{}", history());
}

fn of(state: ActionState, key: &str) -> ActionRecord {
    let mut record = step(state, "LAPTOP-ANNA");
    let key = ActionKey::new(key).unwrap();
    record.id = ActionRecord::step_id(&key, record.attempt, state);
    record.key = Some(key);
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn each_report_becomes_one_mail_and_a_repeated_one_none_also_after_a_restart() {
    let world = World::start();
    let reports = [
        report(of(ActionState::Accepted, "a")),
        report(of(ActionState::Succeeded, "a")),
        report(of(ActionState::Covered, "b")),
        report(of(ActionState::Succeeded, "a")),
        Report::Notice(notice(NoticeKind::BreakerLatched)),
    ];
    let running = world.run(&world.smtp());
    world.publish(&reports).await;
    world.publish_raw(b"not json").await;
    running.until_settled(6).await;
    let expected = [
        "LAPTOP-ANNA: isolation requested, not yet confirmed",
        "LAPTOP-ANNA is isolated",
        "ACTION NEEDED: Cordon stopped acting: all_rules.10m reached: 10 attempts in 10 min",
    ];
    assert_eq!(world.subjects(), expected);
    running.stop().await;

    let again = world.run(&world.smtp());
    world.publish(&reports).await;
    again.until_settled(5).await;
    assert_eq!(world.subjects(), expected);
    again.stop().await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.text("x-error-class"), Some("decode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_delays_mails_in_order_and_loses_none() {
    let world = World::start();
    for phase in [SmtpPhase::Connect, SmtpPhase::Mail, SmtpPhase::Message] {
        world.tenant.script_smtp(SmtpFault::at(phase, SmtpFaultKind::Reply("421 4.3.2 try later".into())));
    }
    let running = world.run(&world.smtp());
    world.publish(&[report(of(ActionState::Accepted, "a")), report(of(ActionState::Succeeded, "a"))]).await;
    until(|| !running.health.missing().is_empty() || !world.subjects().is_empty(), || "never unready".into()).await;
    running.until_settled(2).await;
    assert_eq!(world.subjects(), ["LAPTOP-ANNA: isolation requested, not yet confirmed", "LAPTOP-ANNA is isolated"]);
    assert!(running.count("cordon_notify_failed_attempts_total") >= 2);
    assert!(running.health.missing().is_empty(), "{:?}", running.health.missing());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_mail_was_taken_repeats_it_under_the_same_message_id() {
    let world = World::start();
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Accepted, SmtpFaultKind::Drop));
    let running = world.run(&world.smtp());
    world.publish(&[report(of(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    let ids: Vec<_> = world.tenant.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_nobody_takes_goes_to_the_dead_letters_and_the_next_one_out() {
    let world = World::start();
    let refusal = SmtpFaultKind::Reply("550 5.1.1 no such user".into());
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Rcpt, refusal));
    let running = world.run(&world.smtp());
    world.publish(&[report(of(ActionState::Accepted, "a")), report(of(ActionState::Succeeded, "a"))]).await;
    running.until_settled(2).await;
    assert_eq!(world.subjects(), ["LAPTOP-ANNA is isolated"]);
    running.stop().await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.text("x-error-class"), Some("rejected"));
    assert!(dead[0].headers.text("x-error-detail").unwrap().contains("no such user"));
    assert_eq!(dead[0].json::<Report>().unwrap(), report(of(ActionState::Accepted, "a")));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_through_graph_takes_its_identity_from_the_section_graph() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    let settings = format!(
        "notify: {{graph: {{sender: cordon@contoso.com, to: [soc@contoso.com]}}}}\n\
         graph: {{url: '{}', authority_url: '{}', tenant_id: {TENANT_ID}, client_id: {CLIENT_ID}, client_secret: 'file:{}'}}\n",
        world.tenant.graph_url(),
        world.tenant.authority_url(),
        secret.display()
    );
    let running = world.run(&settings);
    world.publish(&[report(of(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    assert_eq!(world.subjects(), ["LAPTOP-ANNA: isolation requested, not yet confirmed"]);
    running.stop().await;
}
