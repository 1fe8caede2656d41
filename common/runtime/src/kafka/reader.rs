//! Partition 0 of one topic, read from where one likes, outside of every group.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cordon_records::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::connection::Connection;
use super::connection::right::{Needs, Operation};
use super::error::{KafkaFailure, is_fatal, is_forbidden};
use super::records::Inbound;
use super::settings::READERS;
use crate::context::Context;

/// How long a look waits for a record. Within it, a thread that looks sees that nobody wants to know any more.
pub(super) const POLL: Duration = Duration::from_secs(1);
const ASK: Duration = Duration::from_secs(10);

/// See the module. Its calls block: they belong on a thread of their own.
pub(super) struct Reader {
    consumer: BaseConsumer<Connection>,
    topic: Topic,
    topic_name: Arc<str>,
    needs: Needs,
}

/// What a look gives.
pub(super) enum Look {
    Record(Inbound),
    /// Everything that was there is read.
    End,
    /// Nothing for now.
    Nothing,
}

impl Reader {
    /// A reader that reads nothing yet.
    pub(super) fn new(context: &Context, topic: Topic) -> Result<Self, KafkaFailure> {
        let config = context.kafka.follower(context.stage)?;
        let consumer = config.create_with_context(Connection::of(&context.kafka)).map_err(refused)?;
        let topic_name: Arc<str> = context.kafka.topic(topic).into();
        let needs = Needs::topic(Operation::Read, &topic_name);
        let needs = needs.and_group(Operation::Describe, context.kafka.group(READERS));
        Ok(Self { consumer, topic, topic_name, needs })
    }

    /// The topic's name on the broker.
    pub(super) fn topic_name(&self) -> &Arc<str> {
        &self.topic_name
    }

    /// Reads from there on.
    pub(super) fn go_to(&self, offset: Offset) -> Result<(), KafkaFailure> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic_name, 0, offset).map_err(refused)?;
        self.consumer.assign(&list).map_err(refused)
    }

    /// Fetches nothing more.
    pub(super) fn rest(&self) -> Result<(), KafkaFailure> {
        self.consumer.unassign().map_err(refused)
    }

    /// Waits for so long for the next record. Only what waiting does not mend is an error.
    pub(super) fn look(&self, patience: Duration) -> Result<Look, KafkaFailure> {
        match self.consumer.poll(patience) {
            None => Ok(Look::Nothing),
            Some(Ok(message)) => Ok(Look::Record(Inbound::detach(&message, self.topic, &self.topic_name))),
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Look::End),
            Some(Err(error)) => self.judge(error).map(|()| Look::Nothing),
        }
    }

    fn judge(&self, error: KafkaError) -> Result<(), KafkaFailure> {
        let dead = |code| is_fatal(code) || is_forbidden(code);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) || error.rdkafka_error_code().is_some_and(dead) {
            let what = format!("read {}", self.topic_name);
            return Err(self.consumer.context().request(what, &self.needs, error));
        }
        tracing::debug!(%error, topic = %self.topic_name, "reading reports an error; trying again");
        Ok(())
    }

    /// The present end: one above the newest offset.
    pub(super) fn end(&self) -> Result<i64, KafkaFailure> {
        self.kept().map(|kept| kept.end)
    }

    /// The offsets that the broker has now, from the oldest to one above the newest.
    pub(super) fn kept(&self) -> Result<Range<i64>, KafkaFailure> {
        let watermarks = self.consumer.fetch_watermarks(&self.topic_name, 0, ASK);
        watermarks.map(|(oldest, end)| oldest..end).map_err(|answer| {
            let what = format!("ask for the offsets of {}", self.topic_name);
            self.consumer.context().request(what, &Needs::topic(Operation::Describe, &self.topic_name), answer)
        })
    }
}

fn refused(answer: KafkaError) -> KafkaFailure {
    KafkaFailure::Client { what: "reader", answer }
}
