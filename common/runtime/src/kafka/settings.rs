//! The `kafka` section, and the client configurations that follow from it.
//!
//! Defaults and their reasons: librdkafka's CONFIGURATION.md and INTRODUCTION.md (2.12). The operator's
//! `kafka.properties` come last, so that any cluster can be reached; only the few on which correctness rests are
//! refused.

mod usable;

use std::collections::BTreeMap;
use std::path::Path;

use cordon_records::Topic;
use cordon_settings::{Secret, Section};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use secrecy::ExposeSecret;

use crate::beside::Beside;
use crate::kafka::error::KafkaFailure;
use crate::kafka::producer::Departure;

/// Where the broker is and how to talk to it.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// Comma-separated `host:port`.
    pub bootstrap_servers: String,
    /// What every topic name and group id begins with.
    pub topic_prefix: String,
    /// The operator's librdkafka properties.
    pub properties: BTreeMap<String, Property>,
    /// The broker is librdkafka's in-process one: it has no admin API and forgets at exit.
    pub in_memory: bool,
}

/// The value of one librdkafka property.
#[derive(Debug, Clone)]
pub enum Property {
    /// In the open.
    Plain(String),
    /// Read from the environment or a file when a client is made.
    Secret(Secret),
}

/// What a consumer is for; the settings differ in how much may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A stage that shares partitions.
    Handler,
    /// The holder of one partition.
    Elected,
}

/// What fetching is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    /// Partitions come and go.
    AsMember,
    /// They stay, and more is waited for.
    Following,
    /// Whoever reads waits for the end.
    ToTheEnd,
}

const DEFAULT_PREFIX: &str = "cordon.";

/// What the names of properties that hold secrets contain; for these only references are taken.
const SECRET_MARKS: [&str; 6] =
    ["password", "secret", "passphrase", "private.key.pem", "ssl.key.pem", "sasl.oauthbearer.config"];

/// Properties that the operator may not set, and why.
const REFUSED: [(&str, &str); 8] = [
    ("bootstrap.servers", "it is kafka.bootstrap_servers"),
    ("group.id", "groups are named after the stage and kafka.topic_prefix"),
    ("enable.auto.offset.store", "offsets are stored only when a record is settled; otherwise a crash loses records"),
    ("enable.auto.commit", "stored offsets are committed in the background; without it every restart repeats all"),
    ("auto.offset.reset", "each stage has the only safe value; another one skips or repeats records silently"),
    ("isolation.level", "reading uncommitted records would act on what was taken back"),
    ("acks", "a record counts as written only when all in-sync replicas have it"),
    ("enable.idempotence", "without it a retry can duplicate and reorder records"),
];

/// The group that those name who read without being in one; without the prefix.
pub(super) const READERS: &str = "reader";

/// Properties of the classic group protocol; librdkafka refuses them beside `group.protocol=consumer`.
const CLASSIC_ONLY: [&str; 3] = ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"];

impl KafkaSettings {
    /// Reads the `kafka` section: `bootstrap_servers`, `topic_prefix`, `properties`. `None` after recording problems.
    pub fn read(section: &mut Section) -> Option<Self> {
        let bootstrap_servers = section.text("bootstrap_servers").check(|text| host_list(text)).required();
        let topic_prefix = section.text("topic_prefix").check(|text| prefix(text)).or(DEFAULT_PREFIX.to_owned());
        let mut properties = section.section("properties");
        let read = read_properties(&mut properties);
        refuse_mixed_protocols(&properties, &read);
        properties.finish();
        section.clone().finish();
        Some(Self { bootstrap_servers: bootstrap_servers?, topic_prefix, properties: read, in_memory: false })
    }

    /// Settings for the in-process broker.
    #[must_use]
    pub fn in_memory(bootstrap: &str) -> Self {
        Self {
            bootstrap_servers: bootstrap.to_owned(),
            topic_prefix: DEFAULT_PREFIX.to_owned(),
            properties: BTreeMap::new(),
            in_memory: true,
        }
    }

    /// The same broker, for what runs beside the installation: topics and groups have names of their own.
    #[must_use]
    pub fn beside(&self, beside: &Beside) -> Self {
        Self { topic_prefix: format!("{}{beside}.", self.topic_prefix), ..self.clone() }
    }

    /// The topic's name on the broker.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        topic.name(&self.topic_prefix)
    }

    /// The group's full id.
    #[must_use]
    pub fn group(&self, group: &str) -> String {
        format!("{}{group}", self.topic_prefix)
    }

    /// A producer: idempotent, all replicas, compressed, placing keys as Java clients do.
    pub(crate) fn producer(&self, client: &str, departure: Departure) -> Result<ClientConfig, KafkaFailure> {
        let (linger, level) = match departure {
            // A record waits for nobody: under load batches fill while earlier ones are under way. For one record zstd's own
            // level clears most of a megabyte of tables that it hardly uses.
            Departure::AtOnce => ("0", Some("1")),
            // At 25,000 records a second some 250 in a request, where there were 5 to 10.
            Departure::Together => ("10", None),
        };
        let mut config = self.base(client);
        if let Some(level) = level {
            config.set("compression.level", level);
        }
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", linger)
            .set("compression.type", "zstd")
            .set("delivery.timeout.ms", "120000")
            .set("message.max.bytes", "1000000")
            .set("queue.buffering.max.messages", "20000")
            .set("queue.buffering.max.kbytes", "65536")
            .set("partitioner", "murmur2_random");
        self.finish(config)
    }

    /// A member of a group. Offsets are stored by hand and committed in the background.
    pub(crate) fn consumer(
        &self,
        client: &str,
        group: &str,
        role: Role,
        reset: &'static str,
    ) -> Result<ClientConfig, KafkaFailure> {
        let mut config = self.base(client);
        config
            .set("group.id", self.group(group))
            .set("enable.auto.commit", "true")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", reset);
        self.fetch_settings(&mut config, Fetch::AsMember);
        match role {
            // The session bounds how long a dead member's partitions wait, and a round of all the others with them.
            // To lose it without being dead only repeats work here, so it is shorter than librdkafka's 45 s (KIP-735).
            Role::Handler => config
                .set("auto.commit.interval.ms", "1000")
                .set("max.poll.interval.ms", "300000")
                .set("session.timeout.ms", "15000")
                .set("queued.min.messages", "1000")
                .set("queued.max.messages.kbytes", "16384"),
            // A killed holder is missed for this long, and then for a round of the group. One that only slept longer lost a
            // tenure and no more: its successor's claim keeps it from doing anything. Brokers allow 6 s and more by default.
            Role::Elected => config
                .set("auto.commit.interval.ms", "500")
                .set("max.poll.interval.ms", "120000")
                .set("session.timeout.ms", "9000")
                .set("queued.min.messages", "100")
                .set("queued.max.messages.kbytes", "4096"),
        };
        self.choose_protocol(&mut config, role);
        self.finish(config)
    }

    /// A reader that stays at the end of what it reads and waits for more.
    pub(crate) fn follower(&self, client: &str) -> Result<ClientConfig, KafkaFailure> {
        let config = self.reading(client, Fetch::Following);
        self.without_group(config)
    }

    /// A reader that is done at the end: it hears of that only when a fetch has brought nothing.
    pub(crate) fn reader(&self, client: &str) -> Result<ClientConfig, KafkaFailure> {
        let config = self.reading(client, Fetch::ToTheEnd);
        self.without_group(config)
    }

    /// The same for who reads much and nothing else: more is fetched ahead, and a queue that was full fills again at once.
    pub(crate) fn drainer(&self, client: &str) -> Result<ClientConfig, KafkaFailure> {
        let mut config = self.reading(client, Fetch::ToTheEnd);
        config
            .set("queued.min.messages", "100000")
            .set("queued.max.messages.kbytes", "65536")
            .set("fetch.max.bytes", "4194304")
            .set("fetch.queue.backoff.ms", "2");
        self.without_group(config)
    }

    /// By manual assignment: no membership, no commits. librdkafka wants a group id all the same, and asks who its coordinator
    /// is; it is one for all, so that one right will do.
    fn reading(&self, client: &str, fetch: Fetch) -> ClientConfig {
        let mut config = self.base(client);
        config
            .set("group.id", self.group(READERS))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "16384");
        if fetch == Fetch::Following {
            // What it reads is folded into memory that lasts, and little may wait beside that. A fetch of the default megabyte
            // is, unpacked, tens of thousands of small records, and each of them takes half a kilobyte in the queue.
            config.set("fetch.message.max.bytes", "131072").set("queued.min.messages", "2000");
        }
        self.fetch_settings(&mut config, fetch);
        if fetch == Fetch::Following {
            // One fetch fills that queue, and it is empty again in some 10 ms: to wait for longer before the next took most of
            // the time in which a holder reads a ledger of a million entries.
            config.set("fetch.queue.backoff.ms", "2");
        }
        config
    }

    /// A client that asks and commits on behalf of a group without joining it.
    pub(crate) fn inquirer(&self, group: Option<&str>) -> Result<ClientConfig, KafkaFailure> {
        let mut config = self.base("admin");
        config.set("enable.auto.commit", "false");
        if let Some(group) = group {
            config.set("group.id", self.group(group));
        }
        self.without_group(config)
    }

    fn base(&self, client: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", format!("cordon-{client}"))
            .set("socket.keepalive.enable", "true")
            .set("statistics.interval.ms", "15000")
            // Of a connection that is closed at once, librdkafka tells only at this level.
            .set_log_level(RDKafkaLogLevel::Info);
        config
    }

    /// The classic protocol with cooperative rebalances, unless the broker or the operator wants KIP-848.
    fn choose_protocol(&self, config: &mut ClientConfig, role: Role) {
        if self.in_memory {
            config.set("group.protocol", "consumer");
        }
        if self.in_memory || self.plain("group.protocol") == Some("consumer") {
            for key in CLASSIC_ONLY {
                config.remove(key);
            }
        } else {
            // Who is to leave waits for the next report of whether a round is under way. It costs a few hundredths of a
            // percent of a core each second; a stage that shares partitions works on meanwhile, a holder does not.
            let report = match role {
                Role::Handler => "2000",
                Role::Elected => "1000",
            };
            config
                .set("partition.assignment.strategy", "cooperative-sticky")
                // By its heartbeat a member hears of a new round, and partitions that move wait for two of them.
                .set("heartbeat.interval.ms", "1000")
                .set("statistics.interval.ms", report);
        }
    }

    /// Small prefetch and short waits: stages are bound by HTTP, not by the broker. A backoff of 1 s, the default, stalls
    /// a consumer with a small queue (librdkafka issue #2879).
    fn fetch_settings(&self, config: &mut ClientConfig, fetch: Fetch) {
        // A fetch is answered when a record arrives, so how long it may wait delays none, and every turn costs. But what is
        // asked over the same connection meanwhile waits for its end, and so do a partition that comes and the end of what
        // there is to read. The in-process broker lets it wait to its end even when a record arrives (measured).
        let wait = match fetch {
            _ if self.in_memory => "10",
            Fetch::ToTheEnd => "100",
            Fetch::AsMember => "500",
            Fetch::Following => "1000",
        };
        config
            .set("isolation.level", "read_committed")
            .set("fetch.queue.backoff.ms", "100")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.wait.max.ms", wait)
            // What one fetch brings is compressed, and unpacked as a whole: many times as much of every partition.
            .set("max.partition.fetch.bytes", "262144")
            .set("fetch.max.bytes", "1048576")
            .set("fetch.min.bytes", "1")
            .set("check.crcs", "true")
            .set("allow.auto.create.topics", "false")
            // A subscribed topic that does not exist yet is looked for this often; the default is five minutes.
            .set("topic.metadata.refresh.interval.ms", "30000");
    }

    fn without_group(&self, config: ClientConfig) -> Result<ClientConfig, KafkaFailure> {
        let mut config = self.finish(config)?;
        for key in CLASSIC_ONLY.iter().chain(&["group.protocol", "group.instance.id", "group.remote.assignor"]) {
            config.remove(key);
        }
        Ok(config)
    }

    fn plain(&self, key: &str) -> Option<&str> {
        match self.properties.get(key)? {
            Property::Plain(value) => Some(value),
            Property::Secret(_) => None,
        }
    }

    /// The operator's word comes last.
    fn finish(&self, mut config: ClientConfig) -> Result<ClientConfig, KafkaFailure> {
        for (key, property) in &self.properties {
            match property {
                Property::Plain(value) => config.set(key, value),
                Property::Secret(secret) => {
                    let value = secret.reveal().map_err(|source| KafkaFailure::Secret { key: key.clone(), source })?;
                    config.set(key, value.expose_secret())
                }
            };
        }
        Ok(config)
    }
}

fn read_properties(properties: &mut Section) -> BTreeMap<String, Property> {
    let mut read = BTreeMap::new();
    for key in properties.keys() {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
            properties.problem(&key, format!("{key} cannot be set here: {why}"));
        } else if let Some(property) = read_property(properties, &key) {
            read.insert(key, property);
        }
    }
    if let Err((key, why)) = usable::usable(&read) {
        properties.problem(key.as_deref().unwrap_or("security.protocol"), why);
    }
    read
}

fn read_property(properties: &mut Section, key: &str) -> Option<Property> {
    let text = properties.text(key);
    let text = if SECRET_MARKS.iter().any(|mark| key.contains(mark)) { None } else { text.optional() };
    let text = text.filter(|text| !text.starts_with("env:") && !text.starts_with("file:"));
    let Some(text) = text else { return properties.secret(key).optional().map(Property::Secret) };
    if is_path(key) && text != "probe" {
        let path = properties.path(key).check(|path| readable(path)).optional()?;
        return Some(Property::Plain(path.display().to_string()));
    }
    if let Some(why) = refusal(key, &text) {
        properties.problem(key, why);
        return None;
    }
    Some(Property::Plain(text))
}

/// Names of properties that hold the path of a file. `ssl.ca.location` may also be a folder, or `probe`.
fn is_path(key: &str) -> bool {
    key.ends_with(".location") || key.ends_with(".file") || key.ends_with(".keytab")
}

fn readable(path: &Path) -> Result<(), String> {
    let read = if path.is_dir() { std::fs::read_dir(path).map(drop) } else { std::fs::read(path).map(drop) };
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Why librdkafka does not take a property: it alone knows its names and values.
fn refusal(key: &str, value: &str) -> Option<String> {
    match ClientConfig::new().set(key, value).create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, why, _, _)) => Some(format!("librdkafka refuses it: {why}")),
        Err(error) => Some(format!("librdkafka refuses it: {error}")),
    }
}

fn refuse_mixed_protocols(section: &Section, properties: &BTreeMap<String, Property>) {
    let new = matches!(properties.get("group.protocol"), Some(Property::Plain(value)) if value == "consumer");
    for key in CLASSIC_ONLY.iter().filter(|key| new && properties.contains_key(**key)) {
        section.problem(key, format!("{key} has no meaning with group.protocol=consumer: the broker decides it"));
    }
}

fn host_list(text: &str) -> Result<(), String> {
    let good = text.split(',').all(|host| {
        host.trim().rsplit_once(':').is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok())
    });
    if good { Ok(()) } else { Err("expected host:port, or several of them separated by commas".to_owned()) }
}

/// Kafka's rule for topic names is `[a-zA-Z0-9._-]{1,249}`; the prefix leaves room for the longest suffix.
fn prefix(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.len() <= 200 && text.chars().all(allowed) {
        Ok(())
    } else {
        Err("expected at most 200 letters, digits, '.', '_' and '-': Kafka takes no others in a topic name".to_owned())
    }
}

#[cfg(test)]
mod tests;
