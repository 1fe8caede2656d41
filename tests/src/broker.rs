//! One real Apache Kafka for all tests of a process, from the first source that is there: `CORDON_TEST_KAFKA` (an
//! address), a Docker engine with the local image, a JDK of 17 or later with Maven.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cordon_runtime::kafka::KafkaSettings;
use cordon_settings::variable;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::cluster::Cluster;
use crate::engine::ContainedKafka;
use crate::relay::Relay;

/// A real broker that is shared by the tests of this process, and where it comes from: what a variant holds keeps it
/// running. Tests keep apart by topic prefix.
#[derive(Debug)]
pub enum RealKafka {
    /// It was there already.
    Address(String),
    /// One node in a container.
    Container(Box<ContainedKafka>),
    /// One node of our own.
    Jars(Cluster),
}

static SHARED: OnceLock<Result<RealKafka, String>> = OnceLock::new();

impl RealKafka {
    /// The shared broker, started at the first call; it ends with the process. `None` means that the test is to
    /// return: SKIPPED was printed with the reason.
    ///
    /// # Panics
    /// When there is none although `CORDON_REQUIRE_KAFKA=1` asks for one, or `CORDON_TEST_KAFKA` names one that is dead.
    pub fn obtain() -> Option<&'static Self> {
        match SHARED.get_or_init(Self::find) {
            Ok(kafka) => Some(kafka),
            Err(why) if variable("CORDON_TEST_KAFKA").is_some() => panic!("{why}"),
            Err(why) => skipped("CORDON_REQUIRE_KAFKA", "real Kafka", why),
        }
    }

    fn find() -> Result<Self, String> {
        if let Some(bootstrap) = variable("CORDON_TEST_KAFKA") {
            answers(&bootstrap)?;
            return Ok(Self::Address(bootstrap));
        }
        let no_container = match contained() {
            Ok(kafka) => return Ok(Self::Container(Box::new(kafka))),
            Err(why) => why,
        };
        match Cluster::start(1, &[]) {
            Ok(cluster) => Ok(Self::Jars(cluster)),
            Err(no_jars) => Err(format!("CORDON_TEST_KAFKA is not set; {no_container}; {no_jars}")),
        }
    }

    /// Addresses for clients, `host:port,…`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        match self {
            Self::Address(bootstrap) => bootstrap,
            Self::Container(kafka) => kafka.bootstrap(),
            Self::Jars(cluster) => cluster.bootstrap(),
        }
    }

    /// Settings with a topic prefix that no other test and no other process has.
    #[must_use]
    pub fn settings(&self, test: &str) -> KafkaSettings {
        settings(self.bootstrap(), &unique_prefix(test))
    }
}

/// Brokers of one's own for tests that kill them. `None` as for [`RealKafka::obtain`].
///
/// # Panics
/// When they cannot be started although `CORDON_REQUIRE_KAFKA=1` asks for it.
#[must_use]
pub fn own_cluster(nodes: usize, properties: &[&str]) -> Option<Cluster> {
    match Cluster::start(nodes, properties) {
        Ok(cluster) => Some(cluster),
        Err(why) => skipped("CORDON_REQUIRE_KAFKA", "brokers of one's own", &why),
    }
}

/// One broker of one's own behind a relay, which stands before [`Relay::serve`]. `None` as for [`RealKafka::obtain`].
///
/// # Panics
/// When it cannot be started although `CORDON_REQUIRE_KAFKA=1` asks for it.
#[must_use]
pub fn relayed_broker() -> Option<(Cluster, Relay)> {
    let relay = Relay::bind();
    match Cluster::start_behind(relay.port()) {
        Ok(cluster) => {
            relay.serve(cluster.relayed());
            Some((cluster, relay))
        }
        Err(why) => skipped("CORDON_REQUIRE_KAFKA", "a broker of one's own", &why),
    }
}

/// Prints that a test is skipped, and why.
///
/// # Panics
/// When the environment variable `require` is `1`: then to skip is to fail.
pub fn skipped<T>(require: &str, what: &str, why: &str) -> Option<T> {
    assert!(variable(require).as_deref() != Some("1"), "{require}=1, but there is no {what}: {why}");
    // Not `eprintln!`: the test harness swallows what a passing test prints with it.
    writeln!(std::io::stderr(), "SKIPPED: no {what}: {why}").expect("standard error is open");
    None
}

/// `test-PID-N-NAME.`: a prefix for topics and groups that is used once.
#[must_use]
pub fn unique_prefix(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}-{test}.", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Client settings of the pipeline for a broker without TLS.
#[must_use]
pub fn settings(bootstrap: &str, prefix: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: bootstrap.to_owned(),
        topic_prefix: prefix.to_owned(),
        properties: std::collections::BTreeMap::new(),
        in_memory: false,
    }
}

/// A container started outside of the tests' runtimes, so that it does not end with the first test.
fn contained() -> Result<ContainedKafka, String> {
    std::thread::spawn(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
        runtime.block_on(ContainedKafka::start())
    })
    .join()
    .map_err(|_| "starting the container panicked".to_owned())?
}

/// An address that was given must answer: to skip then would hide a mistake.
fn answers(bootstrap: &str) -> Result<(), String> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().map_err(|why| why.to_string())?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(15));
    metadata.map(|_| ()).map_err(|why| format!("CORDON_TEST_KAFKA={bootstrap} does not answer: {why}"))
}
