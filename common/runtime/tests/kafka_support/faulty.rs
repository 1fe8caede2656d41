//! The in-process broker with its switches for faults in the test's hands.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cordon_records::Topic;
use cordon_runtime::kafka::{KafkaSettings, Property};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

pub type Cluster = MockCluster<'static, DefaultProducerContext>;
type Act = Box<dyn FnOnce(&Cluster) + Send>;

/// Brokers of a test. The cluster cannot move between threads, so whatever is done to it is sent there.
pub struct FaultyBroker {
    bootstrap: String,
    acts: Option<Sender<Act>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyBroker {
    /// All topics as specified, each on all brokers.
    pub fn start(brokers: i32) -> Self {
        let (acts, orders) = channel::<Act>();
        let (started, start) = channel();
        let thread = std::thread::spawn(move || {
            let cluster = MockCluster::new(brokers).unwrap();
            for topic in Topic::ALL {
                cluster.create_topic(&topic.name("cordon."), topic.spec().partitions, brokers).unwrap();
            }
            started.send(cluster.bootstrap_servers()).unwrap();
            for act in orders {
                act(&cluster);
            }
        });
        Self { bootstrap: start.recv().unwrap(), acts: Some(acts), thread: Some(thread) }
    }

    /// Clients that speak the new group protocol.
    pub fn settings(&self, properties: &[(&str, &str)]) -> KafkaSettings {
        let mut settings = KafkaSettings::in_memory(&self.bootstrap);
        let plain = |value: &&str| Property::Plain((*value).to_owned());
        settings.properties = properties.iter().map(|(key, value)| ((*key).to_owned(), plain(value))).collect();
        settings
    }

    /// Clients that speak the classic one, with a session of six seconds.
    pub fn classic(&self, properties: &[(&str, &str)]) -> KafkaSettings {
        // This broker lets a fetch wait to its end even when a record arrives, as none outside of tests does.
        let own = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500"), ("fetch.wait.max.ms", "100")];
        let mut settings = self.settings(&[&own, properties].concat());
        settings.in_memory = false;
        settings
    }

    /// Does something to the cluster, and waits until it is done.
    pub async fn does(&self, act: impl FnOnce(&Cluster) + Send + 'static) {
        let (done, wait) = tokio::sync::oneshot::channel();
        let act: Act = Box::new(move |cluster| {
            act(cluster);
            let _ = done.send(());
        });
        self.acts.as_ref().unwrap().send(act).unwrap();
        wait.await.unwrap();
    }

    /// Where a group stands on a topic, read without our code; partitions without a position are left out.
    pub async fn committed(&self, group: &str, topic: Topic) -> BTreeMap<i32, i64> {
        let (bootstrap, group) = (self.bootstrap.clone(), format!("cordon.{group}"));
        tokio::task::spawn_blocking(move || ask(&bootstrap, &group, topic)).await.unwrap()
    }
}

fn ask(bootstrap: &str, group: &str, topic: Topic) -> BTreeMap<i32, i64> {
    let asker: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&topic.name("cordon."), 0, topic.spec().partitions - 1);
    // While a coordinator moves, the first answer may be an error.
    let mut asked = (0..10).map(|_| asker.committed_offsets(list.clone(), Duration::from_secs(5)));
    let answer = asked.find_map(Result::ok).expect("no coordinator answers");
    let position = |at: Offset| if let Offset::Offset(at) = at { Some(at) } else { None };
    answer.elements().iter().filter_map(|element| Some((element.partition(), position(element.offset())?))).collect()
}

impl Drop for FaultyBroker {
    fn drop(&mut self) {
        drop(self.acts.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
