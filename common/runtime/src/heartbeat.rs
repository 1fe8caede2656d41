//! Every process says on the topic `policies` that it lives and what keeps it from working, so that `cordon status` can tell
//! without asking the process: one that is dead, cut off or not to be reached answers nobody.
//!
//! `policies` is the one compacted topic that is nobody's memory and that nothing waits for: a process that may not write
//! there says so in its log and works on. Membership of the consumer groups tells of life as well, but not of a token that is
//! missing, and the broker does not show it for groups of the newer protocol.

use std::convert::Infallible;
use std::time::Duration;

use cordon_records::{HEALTH_REPEATED_EVERY, Headers, StageHealth, Topic, Waiting};
use tokio::time::Instant;

use crate::context::Context;
use crate::kafka::Outbound;

/// How often the same is said again; a word counts for [`cordon_records::HEALTH_COUNTS_FOR`].
const EVERY: Duration = HEALTH_REPEATED_EVERY.unsigned_abs();
/// How often something else may be said.
const CHANGED: Duration = Duration::from_secs(5);
/// How often to look whether something has changed.
const LOOK: Duration = Duration::from_secs(1);

/// What there is to say now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    groups: Vec<String>,
    not_ready: Vec<String>,
    waiting: Option<Waiting>,
}

impl Word {
    fn of(context: &Context) -> Self {
        let mut not_ready = context.health.missing();
        not_ready.extend(context.health.stuck());
        Self { groups: context.groups.names(), not_ready, waiting: context.health.waiting() }
    }

    /// Whether this is to be said, after `before` was said so long ago.
    fn is_due(&self, before: Option<&(Self, Duration)>) -> bool {
        before.is_none_or(|(word, ago)| *ago >= if word == self { EVERY } else { CHANGED })
    }
}

/// Says it until dropped: at once, when it changes, and every [`EVERY`].
pub(crate) async fn tell(context: &Context) -> Infallible {
    let (mut said, mut fails): (Option<(Word, Instant)>, bool) = (None, false);
    loop {
        let word = Word::of(context);
        let before = said.as_ref().map(|(word, at)| (word.clone(), at.elapsed()));
        if word.is_due(before.as_ref()) {
            let sent = send(context, &word).await;
            if let Err(why) = &sent
                && !fails
            {
                tracing::warn!(
                    %why, topic = context.kafka.topic(Topic::Policies),
                    "it cannot be written that this process lives, so `cordon status` cannot tell how it is; grant it WRITE \
                     on this topic, or make it with `cordon topics apply`"
                );
            }
            fails = sent.is_err();
            said = Some((word, Instant::now()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn send(context: &Context, word: &Word) -> Result<(), String> {
    let record = StageHealth {
        schema_version: cordon_records::SCHEMA_VERSION,
        stage: context.stage.to_owned(),
        owner: context.owner.clone(),
        groups: word.groups.clone(),
        not_ready: word.not_ready.clone(),
        waiting: word.waiting.clone(),
        at: context.clock.now(),
    };
    let key = record.key();
    let headers =
        Headers::event(context.stage, "health.told", &format!("{}@{}", context.owner, record.at), record.at, &key);
    let outbound = Outbound::json(Topic::Policies, &key, headers, &record).map_err(|error| error.to_string())?;
    context.producer.send(outbound).await.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_every_half_minute_and_a_change_after_five_seconds() {
        let word = |why: &str| Word { groups: vec!["enrich".into()], not_ready: vec![why.into()], waiting: None };
        let due = |before: &str, seconds| word("no token").is_due(Some(&(word(before), Duration::from_secs(seconds))));
        assert!(word("no token").is_due(None));
        assert_eq!([29, 30].map(|seconds| due("no token", seconds)), [false, true]);
        assert_eq!([4, 5].map(|seconds| due("", seconds)), [false, true]);
    }
}
