//! A broker without a broker: librdkafka's mock cluster, for the demo and for tests.
//!
//! It forgets everything at exit, keeps 5 MiB per partition, has no admin API, no time seek and only sham
//! transactions. It listens on loopback, so other processes of this machine can use it.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use cordon_records::Topic;
use rdkafka::mocking::MockCluster;

use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::KafkaSettings;

/// The running broker. It stops when dropped; drop its clients first.
#[derive(Debug)]
pub struct MemoryBroker {
    bootstrap: String,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryBroker {
    /// Starts one broker with all topics as specified. The cluster cannot move between threads, so it lives and ends
    /// on its own.
    ///
    /// # Errors
    /// When its listeners cannot be opened.
    pub fn start() -> Result<Self, KafkaFailure> {
        let (stop, stopped) = channel::<()>();
        let (started, start) = channel();
        let thread = std::thread::Builder::new().name("kafka-memory".to_owned()).spawn(move || {
            let cluster = match cluster() {
                Ok(cluster) => cluster,
                Err(failure) => return drop(started.send(Err(failure))),
            };
            if started.send(Ok(cluster.bootstrap_servers())).is_ok() {
                // Ends with an error, when the handle is dropped.
                let _ = stopped.recv();
            }
        })?;
        let answer = start.recv();
        let bootstrap = answer.map_err(|_| KafkaFailure::Dead("the in-memory broker did not start".to_owned()))??;
        Ok(Self { bootstrap, stop: Some(stop), thread: Some(thread) })
    }

    /// Its address.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// Settings for its clients.
    #[must_use]
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::in_memory(&self.bootstrap)
    }
}

impl Drop for MemoryBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn cluster() -> Result<MockCluster<'static, rdkafka::producer::DefaultProducerContext>, KafkaFailure> {
    let client = |answer| KafkaFailure::Client { what: "in-memory broker", answer };
    let cluster = MockCluster::new(1).map_err(client)?;
    let prefix = KafkaSettings::in_memory("").topic_prefix;
    for topic in Topic::ALL {
        cluster.create_topic(&topic.name(&prefix), topic.spec().partitions, 1).map_err(client)?;
    }
    Ok(cluster)
}
