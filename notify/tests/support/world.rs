//! The whole stage against an in-memory broker and a simulated tenant.

use std::sync::Arc;
use std::time::Duration;

use cordon_notify::config::{MailConfig, NotifySettings};
use cordon_notify::mailer::Mailer;
use cordon_notify::transport::Transport;
use cordon_notify::{Notify, NotifyArgs};
use cordon_records::{ActionKey, ActionRecord, ActionState, Headers, Report, SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Election, KafkaSettings, MemoryBroker, Outbound, Start, elect, read_all};
use cordon_runtime::process::Stage;
use cordon_settings::{Document, Reader};
use cordon_simulator::{Options, Simulator};
use prometheus::{Registry, TextEncoder};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{of_the_machine, step};

pub struct World {
    pub broker: MemoryBroker,
    pub tenant: Simulator,
}

impl World {
    pub fn start() -> Self {
        Self { broker: MemoryBroker::start().unwrap(), tenant: Simulator::start(Options::default()).unwrap() }
    }

    pub fn kafka(&self) -> KafkaSettings {
        self.broker.settings()
    }

    pub fn smtp(&self) -> String {
        format!(
            "notify: {{smtp: {{url: '{}', from: 'Cordon <cordon@contoso.com>', to: [soc@contoso.com]}}}}",
            self.tenant.smtp_url()
        )
    }

    /// SMTP to these readers.
    pub fn smtp_to(&self, readers: &[&str], more: &str) -> String {
        format!(
            "notify: {{smtp: {{url: '{}', from: 'Cordon <cordon@contoso.com>', to: [{}]}}{more}}}",
            self.tenant.smtp_url(),
            readers.join(", ")
        )
    }

    /// The subjects of the mails that this reader got, without the alert.
    pub fn got(&self, reader: &str) -> Vec<String> {
        let mails = self.tenant.mails();
        let of = mails.iter().filter(|mail| mail.to.iter().any(|to| to == reader));
        of.map(|mail| of_the_machine(&mail.subject()).to_owned()).collect()
    }

    pub fn run(&self, settings: &str) -> Running {
        self.run_with(settings, |_| {})
    }

    /// The same, with settings that no operator may choose.
    pub fn run_with(&self, settings: &str, change: impl FnOnce(&mut NotifySettings)) -> Running {
        let document = Document::parse("cordon.yaml", settings).unwrap();
        let reader = Reader::new(&document);
        let read = NotifySettings::read(&mut reader.root());
        reader.finish().unwrap();
        let mut read = read.unwrap();
        change(&mut read);
        let registry = Registry::new();
        let context = Context::open("notify", self.kafka(), registry.clone(), Arc::new(SystemClock)).unwrap();
        let (shutdown, health) = (CancellationToken::new(), context.health.clone());
        let stage = Notify::run(read, NotifyArgs::default(), context, shutdown.clone());
        Running {
            task: tokio::spawn(async move { stage.await.map_err(|error| error.to_string()) }),
            shutdown,
            registry,
            health,
        }
    }

    /// The loop alone, with another way out.
    pub fn run_through<T: Transport>(&self, config: MailConfig, transport: T) -> Running {
        let registry = Registry::new();
        let context = Context::open("notify", self.kafka(), registry.clone(), Arc::new(SystemClock)).unwrap();
        let (shutdown, health) = (CancellationToken::new(), context.health.clone());
        let until = shutdown.clone();
        let task = tokio::spawn(async move {
            let mailer = Mailer::new(context.clone(), config, transport).unwrap();
            let election = Election {
                topic: Topic::Actions,
                group: "notify".to_owned(),
                start: Start::Earliest,
                reads_past: false,
            };
            elect(election, mailer, &context, until).await.map_err(|error| error.to_string())
        });
        Running { task, shutdown, registry, health }
    }

    pub async fn publish(&self, reports: &[Report]) {
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        for report in reports {
            let record = Outbound::json(Topic::Actions, "machine", Headers::default(), report).unwrap();
            context.producer.send(record).await.unwrap();
        }
    }

    /// Subjects of the mails that tell of reports; others tell of dead letters.
    pub fn reported(&self) -> Vec<String> {
        let of_dead_letters = |subject: &String| subject.contains("dead letter") || subject.contains("not delivered");
        self.subjects().into_iter().filter(|subject| !of_dead_letters(subject)).collect()
    }

    /// A record that some stage gave up.
    pub async fn dead_letter(&self, number: usize, stage: &str, reason: &str) {
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        let mut headers = Headers::default();
        for (name, value) in [
            ("x-original-topic", "cordon.alerts"),
            ("x-original-partition", "3"),
            ("x-original-offset", &number.to_string()),
            ("x-failed-stage", stage),
            ("x-error-class", reason),
            ("x-error-detail", "the value is not the expected JSON: see https://evil.example/a"),
            ("x-failed-at", "2026-11-20T09:13:10Z"),
        ] {
            headers.set(name, value);
        }
        let (key, value) = (Some(number.to_string()), Some(b"{".to_vec()));
        let record = Outbound { topic: Topic::DeadLetters, key, headers, value };
        context.producer.send(record).await.unwrap();
    }

    /// A mail of this time that told of every dead letter so far, or of as many; and when the newest of them was written.
    pub async fn tell_of_all_so_far(&self, newest: Option<&str>, at: &str) {
        let mut ends = std::collections::BTreeMap::<i32, i64>::new();
        for letter in read_all(&self.kafka(), Topic::DeadLetters).await.unwrap() {
            ends.insert(letter.partition, letter.offset + 1);
        }
        let told = ends.iter().map(|(partition, offset)| match newest {
            Some(newest) => json!({"partition": partition, "offset": offset, "newest": newest}),
            None => json!({"partition": partition, "offset": offset}),
        });
        let key = "dead-letters|0/0";
        let sent = json!({"entry": "sent", "report": key, "message_id": "<x@cordon>", "readers": 1, "epoch": 1, "at": at,
            "dead_letters": told.collect::<Vec<_>>()});
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        let record = Outbound::json(Topic::Notified, &format!("mail/{key}"), Headers::default(), &sent).unwrap();
        context.producer.send(record).await.unwrap();
    }

    pub async fn publish_raw(&self, value: &[u8]) {
        let context = Context::open("test", self.kafka(), Registry::new(), Arc::new(SystemClock)).unwrap();
        let value = Some(value.to_vec());
        let record = Outbound { topic: Topic::Actions, key: Some("k".into()), headers: Headers::default(), value };
        context.producer.send(record).await.unwrap();
    }

    /// The subjects of all mails, without the alert.
    pub fn subjects(&self) -> Vec<String> {
        self.tenant.mails().iter().map(|mail| of_the_machine(&mail.subject()).to_owned()).collect()
    }
}

pub struct Running {
    pub task: JoinHandle<Result<(), String>>,
    shutdown: CancellationToken,
    pub registry: Registry,
    pub health: cordon_runtime::telemetry::Health,
}

impl Running {
    /// The sum of a counter over its labels.
    pub fn count(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let of_name = families.iter().filter(|family| family.name() == name);
        of_name.flat_map(|family| family.get_metric()).map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    /// Records that were read and are not settled.
    pub fn in_flight(&self) -> i64 {
        let families = self.registry.gather();
        let of_name = families.iter().filter(|family| family.name() == "cordon_records_in_flight");
        of_name.flat_map(|family| family.get_metric()).map(|metric| metric.get_gauge().get_value() as i64).sum()
    }

    pub fn settled(&self) -> u64 {
        ["sent", "skipped", "dead_lettered"]
            .iter()
            .map(|kind| self.count(&format!("cordon_records_{kind}_total")))
            .sum()
    }

    /// Waits until this many records are settled, and checks that none is lost on the way.
    pub async fn until_settled(&self, records: u64) {
        let history = || {
            let numbers = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
            format!("{numbers}\nnot ready: {:?}", self.health.missing())
        };
        until(|| self.settled() >= records, history).await;
        assert_eq!((self.settled(), self.count("cordon_records_received_total")), (records, records));
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

pub async fn until(mut reached: impl FnMut() -> bool, history: impl Fn() -> String) {
    let look = async || if reached() { Ok(()) } else { Err(history()) };
    cordon_wait::until(Duration::from_secs(45), "what is to come", look).await;
}

pub fn step_under(state: ActionState, key: &str) -> ActionRecord {
    let mut record = step(state, "LAPTOP-ANNA");
    let key = ActionKey::new(key).unwrap();
    record.id = ActionRecord::step_id(&key, record.attempt, state);
    record.key = Some(key);
    record
}
