//! Everything that can be known of a run: the topics as a plain consumer reads them, the committed offsets, the tenant's
//! request log and actions, the mailbox, what processes wrote and took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cordon_records::{AlertId, MachineId, Topic};
use cordon_runtime::kafka::KafkaSettings;
use cordon_simulator::{CLIENT_SECRET, LoggedRequest, Mail, SimAction, Simulator};
use jiff::{SignedDuration, Timestamp};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use serde::de::DeserializeOwned;

use super::{Breach, judge};
use crate::oracle;
use crate::pipeline::{Pipeline, SOON};
use crate::usage::Usage;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The topic.
    pub topic: Topic,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers; a value that is no text is shown with replacement characters.
    pub headers: Vec<(String, String)>,
    /// Its timestamp, milliseconds; 0 when it has none.
    pub at: i64,
}

impl Seen {
    fn new(topic: Topic, message: &OwnedMessage) -> Self {
        let headers = message.headers().map(|headers| {
            let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
        });
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            at: message.timestamp().to_millis().unwrap_or(0),
        }
    }

    /// Where it stands: `topic/partition/offset`, the topic without prefix.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.topic.suffix(), self.partition, self.offset)
    }

    /// The last header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The value as `T`; `None` when it is none.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.value.as_deref()?).ok()
    }

    /// The key as text.
    #[must_use]
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// Key, headers and value as text, for searching and showing.
    #[must_use]
    pub fn text(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value = String::from_utf8_lossy(self.value.as_deref().unwrap_or_default());
        format!("{} {value} {}", self.key_text(), headers.join(" "))
    }
}

/// Who reads a topic for a living: a consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// `alerts` → `enriched`.
    Enrich,
    /// `enriched` → `decisions`.
    Decide,
    /// `decisions` → `actions`.
    Respond,
    /// `actions` → mail.
    Notify,
}

impl Reader {
    /// All of them, in the order of an alert's way.
    pub const ALL: [Self; 4] = [Self::Enrich, Self::Decide, Self::Respond, Self::Notify];

    /// What it reads.
    #[must_use]
    pub const fn topic(self) -> Topic {
        match self {
            Self::Enrich => Topic::Alerts,
            Self::Decide => Topic::Enriched,
            Self::Respond => Topic::Decisions,
            Self::Notify => Topic::Actions,
        }
    }

    /// Its consumer group, without prefix.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Enrich => "enrich",
            Self::Decide => "act-decide",
            Self::Respond => "act-respond",
            Self::Notify => "notify",
        }
    }
}

/// Committed offsets: the next one that a group would read, by reader and partition.
pub type Committed = BTreeMap<(Reader, i32), i64>;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Prefix of the topics' names.
    pub prefix: String,
    /// Every topic.
    pub records: BTreeMap<Topic, Vec<Seen>>,
    /// Read before the records, so that whatever they promise must be there.
    pub committed: Committed,
    /// What reached the tenant.
    pub requests: Vec<LoggedRequest>,
    /// What the tenant did, with its present status: read before the requests.
    pub actions: Vec<(SimAction, &'static str)>,
    /// The mailbox.
    pub mails: Vec<Mail>,
    /// Logs and metrics pages: name and text.
    pub texts: Vec<(String, String)>,
    /// The most that each process took.
    pub usage: Vec<(String, Usage)>,
    /// Processes that ended although nobody told them to, and those that ended badly: name and how.
    pub ended: Vec<(String, String)>,
}

/// What the evidence is judged by.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Every alert that the tenant served, with its newest change.
    pub served: BTreeMap<AlertId, Timestamp>,
    /// At most so many calls in any window of this length.
    pub caps: Vec<(SignedDuration, usize)>,
    /// Machines for which nobody may call.
    pub never: BTreeSet<MachineId>,
    /// How often a mail may have gone out again: whatever interrupted notify or lost an answer of the mail server.
    pub interruptions: usize,
    /// The most that a process may take.
    pub limits: Usage,
    /// What may stand nowhere.
    pub secrets: Vec<String>,
}

impl Default for Expectation {
    /// Nothing served, no caps, no interruption. Memory is the design's limit in a storm; threads are librdkafka's, one
    /// for each client and broker; each of those also has a few descriptors.
    fn default() -> Self {
        Self {
            served: BTreeMap::new(),
            caps: Vec::new(),
            never: BTreeSet::new(),
            interruptions: 0,
            limits: Usage { peak_kib: 256 * 1024, threads: 80, descriptors: 250 },
            secrets: vec![CLIENT_SECRET.to_owned()],
        }
    }
}

impl Expectation {
    /// These alerts, none of which was changed after it was raised.
    #[must_use]
    pub fn of(raised: &[AlertId]) -> Self {
        let served = raised.iter().map(|id| (id.clone(), Timestamp::MIN)).collect();
        Self { served, ..Self::default() }
    }
}

impl Evidence {
    /// Reads topics, offsets, request log and mailbox as they stand now: what can be had while things break.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn read(kafka: KafkaSettings, tenant: Simulator) -> Self {
        let prefix = kafka.topic_prefix.clone();
        let read = tokio::task::spawn_blocking(move || {
            let bootstrap = &kafka.bootstrap_servers;
            let mut committed = Committed::new();
            for reader in Reader::ALL {
                let found = oracle::committed(bootstrap, &kafka.group(reader.group()), &kafka.topic(reader.topic()));
                committed.extend(found.into_iter().map(|(partition, next)| ((reader, partition), next)));
            }
            let of = |topic: Topic| {
                let records = oracle::records(bootstrap, &kafka.topic(topic), SOON);
                (topic, records.iter().map(|record| Seen::new(topic, record)).collect::<Vec<_>>())
            };
            (committed, Topic::ALL.into_iter().map(of).collect())
        });
        let (committed, records) = read.await.expect("the topics can be read");
        let actions = tenant.actions();
        let (requests, mails) = (tenant.requests(), tenant.mails());
        Self { prefix, records, committed, requests, actions, mails, ..Self::default() }
    }

    /// The same, with what processes wrote and took.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn gather(pipeline: &mut Pipeline) -> Self {
        let evidence = Self::read(pipeline.kafka.clone(), pipeline.tenant.clone()).await;
        pipeline.measure();
        let mut texts = pipeline.logs();
        texts.extend(pipeline.pages().await);
        Self { texts, usage: pipeline.usage(), ended: pipeline.ended(), ..evidence }
    }

    /// Gathers until all is done that is to be done, or until the deadline; what is open then is told by [`Self::judge`].
    pub async fn at_rest(pipeline: &mut Pipeline, expectation: &Expectation, deadline: Duration) -> Self {
        let start = Instant::now();
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        let mut last = String::new();
        loop {
            beat.tick().await;
            let evidence = Self::gather(pipeline).await;
            let open = judge::at_rest(&evidence, expectation);
            let told = open.first().map_or(String::new(), |first| format!("{} open, first {}", open.len(), first.what));
            if told != last {
                println!("{:>6.1} s to rest: {told}", start.elapsed().as_secs_f64());
                last = told;
            }
            if open.is_empty() || start.elapsed() > deadline {
                return evidence;
            }
        }
    }

    /// Every breach of every invariant; the pipeline is at rest.
    #[must_use]
    pub fn judge(&self, expectation: &Expectation) -> Vec<Breach> {
        let mut breaches = judge::at_rest(self, expectation);
        breaches.extend(judge::at_any_time(self, expectation));
        breaches.extend(judge::in_the_end(self, expectation));
        breaches
    }

    /// The breaches of what holds at every instant, also while things break.
    #[must_use]
    pub fn judge_running(&self, expectation: &Expectation) -> Vec<Breach> {
        judge::at_any_time(self, expectation)
    }

    /// Fails with all breaches and what is known of the first ones.
    ///
    /// # Panics
    /// When there is any.
    pub fn must_hold(&self, expectation: &Expectation) {
        let breaches = self.judge(expectation);
        assert!(breaches.is_empty(), "{}", super::report(&breaches, self));
    }

    /// The records of a topic.
    pub fn topic(&self, topic: Topic) -> &[Seen] {
        self.records.get(&topic).map_or(&[], |records| records)
    }

    /// The records of a topic that are one of ours, with their place.
    pub fn typed<T: DeserializeOwned>(&self, topic: Topic) -> Vec<(&Seen, T)> {
        self.topic(topic).iter().filter_map(|seen| Some((seen, seen.json()?))).collect()
    }
}
