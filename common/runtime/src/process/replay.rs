//! A stage does its work again on what was recorded: the flags that ask for it, its range, and what is told at its end.
//!
//! A stage that can do so has a second [`Stage`], which is told of no credential and reaches nobody but the broker. What it
//! reads and writes is in its [`Context`], so its work is the same code.

use std::collections::BTreeMap;

use clap::Args;
use cordon_records::{Clock as _, SystemClock, Topic};
use jiff::Timestamp;

use super::failure::StageFailure;
use crate::beside::{Beside, Replay, RunName};
use crate::context::{Context, Ends};
use crate::kafka::{Extent, KafkaFailure, RangeReader, TopicsError, claim_topic, place_group};
use crate::telemetry::metrics::Totals;
use crate::time::Asked;

/// The names by which the command line knows these flags.
pub(super) const REPLAY_FLAGS: [&str; 3] = ["replay_from", "replay_to", "replay_name"];

/// The flags that every stage has for it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Replay")]
pub(super) struct ReplayArgs {
    /// Work on what was recorded from this time on (`2026-09-01`, `2026-09-01T08:00Z` or `-90d`), and end. Nothing is
    /// reached but the broker, no credential but the broker's is read, and the topics written to are its own
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true, requires = "replay_name")]
    replay_from: Option<Asked>,
    /// Only on what was recorded before this time; unless given, up to what the topic holds at the start
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true, requires = "replay_from")]
    replay_to: Option<Asked>,
    /// Its topics and its group are called `replay-NAME`. A stage takes a name once
    #[arg(long, value_name = "NAME", requires = "replay_from")]
    replay_name: Option<RunName>,
}

impl ReplayArgs {
    /// What is asked for, if anything is.
    pub(super) fn of<A>(self, stage: A) -> Result<Replayed<A>, A> {
        let now = SystemClock.now();
        match (self.replay_name, self.replay_from) {
            (Some(name), Some(from)) => {
                Ok(Replayed { name, from: from.at(now), to: self.replay_to.map(|to| to.at(now)), stage })
            }
            (_, None) | (None, _) => Err(stage),
        }
    }
}

/// What a replay is asked for, beside the stage's own flags.
#[derive(Debug, Clone)]
pub struct Replayed<A> {
    name: RunName,
    /// What was written to its input at this time or later is worked on.
    pub from: Timestamp,
    to: Option<Timestamp>,
    /// The stage's own flags.
    pub stage: A,
}

impl<A> Replayed<A> {
    /// The replay of a stage that reads `input` in `group`, and of which `output` is the topic that no other stage writes.
    #[must_use]
    pub fn reading(&self, input: Topic, group: &'static str, output: Topic) -> Beside {
        Beside::Replay(Replay { name: self.name.clone(), from: self.from, to: self.to, input, group, output })
    }

    /// What is wrong with its times.
    #[must_use]
    pub fn misused(&self) -> Option<String> {
        let to = self.to.filter(|to| *to <= self.from)?;
        Some(format!("there is nothing between --replay-from {} and --replay-to {to}", self.from))
    }
}

/// Takes up position: the topic that the replay is the first to make, its range, and its group at the beginning of that. What
/// the input gets from now on is no part of it.
///
/// # Errors
/// When the name was used, or the broker does not answer or refuses.
pub(super) async fn begin(replay: &Replay, context: Context) -> Result<Context, StageFailure> {
    if !claim_topic(&context.kafka, replay.output).await.map_err(broker)? {
        return Err(StageFailure::Used { name: replay.name.to_string(), topic: context.kafka.topic(replay.output) });
    }
    let extents = extents(replay, &context).await.map_err(StageFailure::Broker)?;
    let begins = extents.iter().map(|extent| (extent.partition, extent.since)).collect();
    let place = (&context.input, replay.input);
    place_group((&context.kafka, replay.group), place, begins).await.map_err(StageFailure::Broker)?;
    let has_some = |extent: &&Extent| extent.since < extent.until;
    let ends: BTreeMap<i32, i64> =
        extents.iter().filter(has_some).map(|extent| (extent.partition, extent.until)).collect();
    let records: i64 = extents.iter().filter(has_some).map(|extent| extent.until - extent.since).sum();
    let cut = extents.iter().filter(|extent| extent.since == extent.low && extent.low > 0).count();
    tracing::info!(
        topic = context.input.topic(replay.input), from = %replay.from, records, "replay {} begins", replay.name
    );
    if cut > 0 {
        tracing::warn!(
            partitions = cut,
            "the oldest records are deleted already; where they were of the time that is asked for, the replay lacks them"
        );
    }
    Ok(Context { ends: Some(Ends::at(ends)), ..context })
}

fn broker(error: TopicsError) -> StageFailure {
    match error {
        TopicsError::Kafka(failure) => StageFailure::Broker(failure),
        TopicsError::Wrong(_) => StageFailure::Topics(error),
    }
}

async fn extents(replay: &Replay, context: &Context) -> Result<Vec<Extent>, KafkaFailure> {
    let (kafka, topic, from, to) = (context.input.clone(), replay.input, replay.from, replay.to);
    let look = move || RangeReader::open(&kafka, topic)?.extents(Some(from), to);
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|_| KafkaFailure::Dead("a blocking call was aborted".to_owned()))?
}

/// Says on standard output what a replay came to.
///
/// # Errors
/// When it was stopped before the end of its range.
pub(super) fn tell(replay: &Replay, context: &Context) -> Result<(), StageFailure> {
    let Totals { received, sent, skipped, dead_lettered, lost } = context.metrics.totals();
    let lost = if lost > 0 { format!(", {lost} deleted before they were read") } else { String::new() };
    let told = format!(
        "replay {} of {}: {received} records read, {sent} led to output on {}*, {skipped} passed over, {dead_lettered} dead \
         letters{lost}",
        replay.name,
        context.input.topic(replay.input),
        context.kafka.topic_prefix,
    );
    if !context.ends.as_ref().is_some_and(Ends::are_reached) {
        return Err(StageFailure::CutShort(told));
    }
    super::say(std::io::stdout(), told);
    Ok(())
}
