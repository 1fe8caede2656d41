//! Running one stage: wait for the broker, run, drain, flush.

use std::time::Duration;

use cordon_records::{Classified, ErrorClass};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Stage;
use super::budget::{DRAIN_BUDGET, FLUSH_BUDGET};
use super::failure::StageFailure;
use super::replay;
use crate::beside::{Beside, Replay};
use crate::context::Context;
use crate::heartbeat;
use crate::kafka::{Access, TopicsError, check_topics, make_topics};
use crate::telemetry::Health;

/// The pause after the first failed look at the broker; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs one stage until it ends or `shutdown` fires: in its own process or beside others in one. Topics are checked
/// first (not on the in-memory broker, which has no admin API); an unreachable broker is waited for, for as long as it
/// takes, and readiness says so.
///
/// # Errors
/// Missing or wrong topics, the stage's own error, a panic, or a stage that does not stop within [`DRAIN_BUDGET`].
pub async fn run_embedded<S: Stage>(
    settings: S::Settings,
    args: S::Args,
    context: Context,
    shutdown: CancellationToken,
) -> Result<(), StageFailure> {
    let again = match S::beside(&args) {
        Some(Beside::Replay(replay)) => Some(replay),
        Some(Beside::Candidate(_)) | None => None,
    };
    let are_there = topics_are_there(&context, (S::access(&args), again.as_ref()), &shutdown).await?;
    match again {
        Some(_) if !are_there => Err(StageFailure::CutShort("it had not begun".to_owned())),
        Some(replay) => {
            let context = replay::begin(&replay, context).await?;
            until_ended::<S>(settings, args, context.clone(), shutdown).await?;
            replay::tell(&replay, &context)
        }
        None if !are_there => Ok(()),
        None => until_ended::<S>(settings, args, context, shutdown).await,
    }
}

/// Runs the stage, and says meanwhile that it lives.
async fn until_ended<S: Stage>(
    settings: S::Settings,
    args: S::Args,
    context: Context,
    shutdown: CancellationToken,
) -> Result<(), StageFailure> {
    let (health, producer) = (context.health.clone(), context.producer.clone());
    let beating = context.clone();
    let mut task = JoinSet::new();
    task.spawn(S::run(settings, args, context, shutdown.clone()));
    health.set_ready("process", true, "");
    let outcome = tokio::select! {
        Some(joined) = task.join_next() => finished::<S>(joined),
        () = drain_budget(&shutdown, &health) => Err(StageFailure::Overrun),
        never = heartbeat::tell(&beating) => match never {},
    };
    task.abort_all();
    if let Err(error) = producer.flush(FLUSH_BUDGET).await {
        // Whatever was not confirmed is not settled either: the next start does it again.
        tracing::warn!(stage = S::NAME, %error, "records were still under way at the end");
    }
    outcome
}

fn finished<S: Stage>(joined: Result<Result<(), S::Error>, JoinError>) -> Result<(), StageFailure> {
    match joined {
        Ok(Ok(())) => {
            tracing::info!(stage = S::NAME, "finished");
            Ok(())
        }
        Ok(Err(error)) => Err(StageFailure::Stage(Box::new(error))),
        Err(error) => Err(StageFailure::Panicked(error.to_string())),
    }
}

async fn drain_budget(shutdown: &CancellationToken, health: &Health) {
    shutdown.cancelled().await;
    health.set_ready("process", false, "stopping");
    tokio::time::sleep(DRAIN_BUDGET).await;
}

/// Waits until the topics can be looked at; false when `shutdown` came first.
async fn topics_are_there(
    context: &Context,
    (access, again): (&[Access], Option<&Replay>),
    shutdown: &CancellationToken,
) -> Result<bool, StageFailure> {
    if context.kafka.in_memory || Access::checked(access).is_empty() {
        return Ok(true);
    }
    context.health.set_ready("kafka", false, "the broker has not been reached yet");
    let mut pause = FIRST_PAUSE;
    loop {
        let looked = tokio::select! {
            () = shutdown.cancelled() => return Ok(false),
            looked = look_at_topics(context, access, again) => looked,
        };
        match looked {
            Ok(()) => break,
            Err(error) => wait_or_fail(context, error, pause)?,
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(false),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
    context.health.set_ready("kafka", true, "");
    Ok(true)
}

/// The topics of the installation must be there. What runs beside it makes its own, but for the one by which a replay claims
/// its name.
async fn look_at_topics(context: &Context, access: &[Access], again: Option<&Replay>) -> Result<(), TopicsError> {
    if !context.is_beside() {
        return check_topics(&context.kafka, &Access::checked(access)).await.map(drop);
    }
    check_topics(&context.input, &Access::written_by_others(access)).await?;
    let mut own = Access::written(access);
    own.retain(|topic| again.is_none_or(|replay| *topic != replay.output));
    make_topics(&context.kafka, &own).await
}

fn wait_or_fail(context: &Context, error: TopicsError, pause: Duration) -> Result<(), StageFailure> {
    match error.class() {
        ErrorClass::Transient => {
            let broker = &context.kafka.bootstrap_servers;
            let why = format!("the broker at {broker} cannot be used yet: {error}");
            tracing::warn!(stage = context.stage, "{why}; trying again in {} s", pause.as_secs());
            context.health.set_ready("kafka", false, &why);
            Ok(())
        }
        ErrorClass::Poison | ErrorClass::Ambiguous | ErrorClass::Fatal => {
            context.health.set_ready("kafka", false, &error.to_string());
            Err(match error {
                TopicsError::Wrong(_) => StageFailure::Topics(error),
                TopicsError::Kafka(failure) => StageFailure::Broker(failure),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cordon_records::{SystemClock, Topic};
    use cordon_settings::Section;
    use prometheus::Registry;

    use super::*;
    use crate::kafka::{KafkaFailure, KafkaSettings};
    use crate::process::NoArgs;

    /// Takes this long to finish what is under way.
    struct Slow;

    impl Stage for Slow {
        const NAME: &'static str = "slow";
        type Args = NoArgs;
        type Settings = Duration;
        type Error = KafkaFailure;

        fn access(_: &NoArgs) -> &'static [Access] {
            &[Access { checks: &[Topic::Alerts], ..Access::NONE }]
        }

        fn read(root: &mut Section) -> Option<Duration> {
            root.duration("drain").required()
        }

        async fn run(drain: Duration, _: NoArgs, _: Context, shutdown: CancellationToken) -> Result<(), KafkaFailure> {
            shutdown.cancelled().await;
            tokio::time::sleep(drain).await;
            Ok(())
        }
    }

    fn context(in_memory: bool) -> Context {
        let kafka = KafkaSettings { in_memory, ..KafkaSettings::in_memory("127.0.0.1:1") };
        Context::open("slow", kafka, Registry::new(), Arc::new(SystemClock)).unwrap()
    }

    async fn stopped(drain: Duration) -> Result<(), StageFailure> {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        run_embedded::<Slow>(drain, NoArgs {}, context(true), shutdown).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_drains_within_its_budget_ends_well() {
        assert!(stopped(DRAIN_BUDGET - Duration::from_secs(1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_does_not_stop_is_cut_off() {
        assert!(matches!(stopped(DRAIN_BUDGET * 100).await, Err(StageFailure::Overrun)));
    }

    #[tokio::test]
    async fn missing_topics_end_the_stage_and_name_the_command_that_makes_them() {
        let context = context(false);
        let error =
            TopicsError::Wrong(vec!["cordon.alerts does not exist: make it with `cordon topics apply`".to_owned()]);
        let failure = wait_or_fail(&context, error, FIRST_PAUSE).unwrap_err();
        assert!(failure.to_string().contains("cordon.alerts does not exist"), "{failure}");
        assert!(failure.to_string().contains("cordon topics apply"), "{failure}");
        assert_eq!(context.health.missing().len(), 1);
    }
}
