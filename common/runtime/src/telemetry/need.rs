//! What a stage needs from outside before its first record comes, such as an access token: asked for at the start and again
//! and again, so that readiness and log say that it is missing before an alert suffers from it.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use super::Health;

/// How often it is asked for while it is there. Who answers from memory is asked for nothing.
const EVERY: Duration = Duration::from_secs(60);
/// How soon it is asked for again while it is missing, at first; the pause doubles.
const AGAIN: Duration = Duration::from_secs(5);

/// Asks until dropped, and says in `health` under `component` whether it was given. Not ready before the first answer. A
/// stage that lacks it goes on asking and does not end: a restart would not bring it.
pub async fn watch_need<E: Display, F: Future<Output = Result<(), E>> + Send>(
    health: &Health,
    component: &'static str,
    ask: impl Fn() -> F + Send,
) -> Infallible {
    health.set_ready(component, false, "asked for, and not there yet");
    let mut pause = AGAIN;
    let mut told: Option<String> = None;
    loop {
        match ask().await {
            Ok(()) => {
                if told.take().is_some() {
                    tracing::info!(component, "what was missing is there again");
                }
                health.set_ready(component, true, "");
                pause = AGAIN;
                tokio::time::sleep(EVERY).await;
            }
            Err(error) => {
                let why = error.to_string();
                health.set_ready(component, false, &why);
                if told.as_ref() != Some(&why) {
                    tracing::warn!(component, error = %why, "not ready; it is asked for again and again");
                    told = Some(why);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(EVERY);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_need_that_is_refused_keeps_the_stage_unready_with_its_cause_until_it_is_met() {
        let health = Health::new("enrich");
        let answers = Mutex::new(vec![
            Ok(()),
            Err("AADSTS7000215: Invalid client secret"),
            Err("AADSTS7000215: Invalid client secret"),
        ]);
        let ask = || std::future::ready(answers.lock().unwrap().pop().unwrap_or(Ok(())));
        let seen = async {
            let mut seen = Vec::new();
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                seen.push(health.missing());
            }
            seen
        };
        let seen = tokio::select! {
            seen = seen => seen,
            never = watch_need(&health, "token", ask) => match never {},
        };
        let refused = vec!["enrich/token: AADSTS7000215: Invalid client secret".to_owned()];
        assert_eq!(seen, [refused.clone(), refused.clone(), refused, Vec::new()]);
    }
}
