//! A topic of enriched alerts on a real broker, and how fast it can be drained.

use std::path::Path;
use std::time::{Duration, Instant};

use cordon_backtest::corpus::each_record;
use cordon_records::Topic;
use cordon_runtime::kafka::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PARTITIONS: i32 = 12;
const SOON: Duration = Duration::from_secs(60);

/// Makes the topics and writes the records of a file into it, packed with zstd, by the keys that enrich gives them.
pub fn fill(kafka: &KafkaSettings, file: &Path) {
    let topic = kafka.topic(Topic::Enriched);
    let client = || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.bootstrap_servers);
        config
    };
    let admin: AdminClient<DefaultClientContext> = client().create().expect("a client");
    let decisions = kafka.topic(Topic::Decisions);
    // How large the fleet was is asked of the decisions; there are none.
    let new = [(&topic, PARTITIONS), (&decisions, 1)];
    let new = new.map(|(name, partitions)| NewTopic::new(name, partitions, TopicReplication::Fixed(1)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let made = runtime.block_on(admin.create_topics(&new, &AdminOptions::new())).expect("the broker answers");
    made.into_iter().for_each(|topic| assert!(topic.is_ok(), "{topic:?}"));
    let producer: ThreadedProducer<_> = client()
        .set("compression.type", "zstd")
        .set("linger.ms", "100")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.kbytes", "262144")
        .create()
        .expect("a producer");
    let read = each_record(&[file.to_path_buf()], |record| {
        let mut outbound = BaseRecord::to(&topic).key(&record.key).payload(&record.value);
        while let Err((error, back)) = producer.send(outbound) {
            let is_full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            assert!(is_full, "{error}");
            outbound = back;
            producer.flush(Duration::from_millis(50)).ok();
        }
        std::ops::ControlFlow::Continue(())
    });
    read.expect("the corpus is read");
    producer.flush(SOON).expect("all is written");
}

/// Reads all of the topic with so many consumers, each with its part of the partitions, and does nothing with it; gives how many
/// records there were, and how long it took.
pub fn drain(kafka: &KafkaSettings, consumers: i32) -> (u64, Duration) {
    let begun = Instant::now();
    let read: u64 = std::thread::scope(|scope| {
        let part = |number| move || drain_part(kafka, (0..PARTITIONS).filter(|it| it % consumers == number));
        let threads: Vec<_> = (0..consumers).map(|number| scope.spawn(part(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it reads")).sum()
    });
    (read, begun.elapsed())
}

fn drain_part(kafka: &KafkaSettings, partitions: impl Iterator<Item = i32>) -> u64 {
    let topic = kafka.topic(Topic::Enriched);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("group.id", "drain")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "false")
        .set("queued.min.messages", "200000")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    let mut left = 0;
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(&topic, partition, SOON).expect("the broker answers");
        left += high - low;
        list.add_partition_offset(&topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("it is assigned");
    let (mut read, mut bytes) = (0_u64, 0);
    while left > 0 {
        let message = consumer.poll(SOON).expect("there is more").expect("it can be read");
        bytes += message.payload_len();
        (left, read) = (left - 1, read + 1);
    }
    assert!(bytes > 0, "there is something in it");
    read
}
