//! What a chain takes for each alert: processor time, process by process, and records.

use std::time::Duration;

use cordon_records::Topic;
use cordon_runtime::kafka::{KafkaSettings, read_all};
use cordon_tests::broker::RealKafka;
use cordon_tests::hops::milliseconds;
use cordon_tests::usage::processor_time;

/// The processes of a chain, and what each had taken when this was begun.
pub struct Cost(Vec<(&'static str, u32, Duration)>);

impl Cost {
    /// Begins to count for these, for the broker where it is ours, and for this process, in which the tenant is.
    pub fn begin(kafka: &RealKafka, hops: impl IntoIterator<Item = (&'static str, u32)>) -> Self {
        let broker = match kafka {
            RealKafka::Jars(cluster) => Some(("broker", cluster.pid(1))),
            RealKafka::Address(_) | RealKafka::Container(_) => None,
        };
        let all = hops.into_iter().chain([("tenant", std::process::id())]).chain(broker);
        Self(all.map(|(name, pid)| (name, pid, processor_time(pid))).collect())
    }

    /// Prints what each took for so many alerts.
    pub fn print(&self, alerts: u32) {
        let took = |(name, pid, before): &(&'static str, u32, Duration)| {
            (*name, milliseconds(processor_time(*pid).saturating_sub(*before)) / f64::from(alerts))
        };
        let took: Vec<(&str, f64)> = self.0.iter().map(took).collect();
        let each: Vec<String> = took.iter().map(|(name, ms)| format!("{name} {ms:.2}")).collect();
        let all: f64 = took.iter().map(|(_, ms)| ms).sum();
        println!("  processor time an alert: {all:.1} ms ({})", each.join(", "));
    }
}

/// Prints how many records each topic got for so many alerts.
pub async fn print_records(kafka: &KafkaSettings, alerts: u32) {
    let (mut each, mut all) = (Vec::new(), 0.0);
    for topic in Topic::ALL {
        let records = read_all(kafka, topic).await.expect("the topic can be read").len() as f64 / f64::from(alerts);
        if records > 0.0 {
            each.push(format!("{} {records:.1}", topic.suffix()));
            all += records;
        }
    }
    println!("  records an alert: {all:.1} ({})", each.join(", "));
}
