//! A handler stage that runs in a test.

use std::future::Future;
use std::sync::Arc;

use cordon_records::Topic;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Handler, Inbound, KafkaFailure, KafkaSettings, Outcome, Subscription, consume};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{counts, holds, process, record, until, value};

/// What a handler gives that passes its record on.
pub fn passed_on(input: &Inbound) -> Outcome {
    Outcome::Emit(vec![record(Topic::Enriched, "a", &value(input))])
}

/// A handler made of a closure.
struct Does<F>(F);

impl<F, A> Handler for Does<F>
where
    F: Fn(Inbound) -> A + Send + Sync + 'static,
    A: Future<Output = Outcome> + Send,
{
    fn handle(&self, record: &Inbound) -> impl Future<Output = Outcome> + Send {
        (self.0)(record.clone())
    }
}

/// A stage that runs until it is stopped.
pub struct Running {
    pub context: Context,
    stop: CancellationToken,
    pub task: JoinHandle<Result<(), KafkaFailure>>,
}

impl Running {
    pub fn start<F, A>(kafka: &KafkaSettings, concurrency: usize, handle: F) -> Self
    where
        F: Fn(Inbound) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send,
    {
        Self::start_until(kafka, concurrency, CancellationToken::new(), handle)
    }

    /// The same, for handlers that must know when the stage was asked to stop.
    pub fn start_until<F, A>(kafka: &KafkaSettings, concurrency: usize, stop: CancellationToken, handle: F) -> Self
    where
        F: Fn(Inbound) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send,
    {
        let context = process(kafka.clone());
        let (inside, token) = (context.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let subscription = Subscription { topic: Topic::Alerts, group: "enrich".into(), concurrency };
            consume(subscription, Arc::new(Does(handle)), &inside, token).await
        });
        Self { context, stop, task }
    }

    pub async fn stop(self) -> Result<(), KafkaFailure> {
        self.stop.cancel();
        self.task.await.unwrap()
    }

    /// Waits until it has received `count` records and settled all of them.
    pub async fn settled(&self, count: i64) {
        until("all records settled", || {
            let [received, sent, skipped, dead] = counts(&self.context);
            holds(received == count && sent + skipped + dead == count, (received, sent, skipped, dead))
        })
        .await;
    }
}

pub fn numbered(count: usize, keys: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |n| (format!("key-{}", n % keys), n.to_string()))
}

/// One after the other, so that offsets follow the numbers.
pub async fn fill_in_order(context: &Context, count: usize, keys: usize) {
    for (key, text) in numbered(count, keys) {
        context.producer.send(record(Topic::Alerts, &key, &text)).await.unwrap();
    }
}
