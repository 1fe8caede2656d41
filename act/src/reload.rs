//! Takes over changed rules and guards while the stage runs. A bad change leaves the old ones in force and is said
//! loudly, once.
//!
//! The files are looked at again and again rather than watched: that also works for the links that Kubernetes swaps
//! under a mounted `ConfigMap`, and on network file systems.

use std::sync::Arc;
use std::time::Duration;

use cordon_policy::{Policy, PolicyFiles, PolicyText};
use cordon_records::{Headers, Notice, NoticeKind, PolicyStanding, Report, SCHEMA_VERSION, Topic};
use cordon_response::ActivePolicy;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Outbound;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::PolicyMetrics;

/// The longest account of what is wrong that goes into a notice, in characters. The log has all of it.
const TOLD: usize = 1_500;

/// For how many seconds one change is the same happening.
const TOLD_AGAIN: i64 = 600;

/// What is in force, and what stands against it on disk.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    /// Rules and guards in force.
    pub policy: Arc<Policy>,
    /// Why what the files say now is not; `None` while they are what is in force.
    pub refused: Option<String>,
    /// Since when it stands so.
    pub since: Timestamp,
}

impl LoadedPolicy {
    /// What was read at the start.
    #[must_use]
    pub fn started(policy: Policy, at: Timestamp) -> Self {
        Self { policy: Arc::new(policy), refused: None, since: at }
    }

    /// What respond works with.
    #[must_use]
    pub fn for_respond(&self) -> ActivePolicy {
        let Policy { rules, guards, signers, .. } = self.policy.as_ref();
        let standing = PolicyStanding {
            rule_set: rules.hash().to_owned(),
            rules: rules.rules().len(),
            refused: self.refused.clone(),
            at: self.since,
        };
        ActivePolicy { guards: guards.clone(), signers: signers.clone(), standing }
    }

    /// Rules and guards as people compare them.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{} rules, set {}", self.policy.rules.rules().len(), self.policy.rules.hash())
    }
}

/// Decides when a state of the files is to be judged: once it was seen at two looks in a row, so that a file that is
/// half written is not, and once only.
#[derive(Debug)]
struct Looks {
    judged: String,
    last: Option<String>,
}

impl Looks {
    fn is_due(&mut self, fingerprint: String) -> bool {
        let settled = self.last.as_ref() == Some(&fingerprint);
        let due = settled && self.judged != fingerprint;
        if due {
            self.judged.clone_from(&fingerprint);
        }
        self.last = Some(fingerprint);
        due
    }
}

/// What a judgement of changed files leads to.
fn judge(now: &LoadedPolicy, written: &PolicyText, at: Timestamp) -> (LoadedPolicy, Option<(NoticeKind, String)>) {
    match written.check() {
        Err(problems) => {
            // Foreign files hold thousands of mistakes, and what is told must fit a record.
            let told: String = problems.to_string().chars().take(TOLD).collect();
            let text = format!("{} stay in force. {told}", now.told());
            let standing = LoadedPolicy { policy: Arc::clone(&now.policy), refused: Some(told), since: at };
            (standing, Some((NoticeKind::PolicyRefused, text)))
        }
        Ok(policy) => {
            let of = |policy: &Policy| (policy.rules.hash().to_owned(), policy.guards.clone(), policy.signers.clone());
            let changed = of(&policy) != of(&now.policy);
            let standing = LoadedPolicy::started(policy, at);
            // A comment that changed is nothing to tell, but a change that was taken back after a refusal is.
            let told = changed || now.refused.is_some();
            let text = told.then(|| (NoticeKind::PolicyReloaded, format!("{} are in force", standing.told())));
            (standing, text)
        }
    }
}

/// Looks at the files until `shutdown`, and passes on what is in force.
pub async fn watch(
    (files, judged): (PolicyFiles, String),
    every: Duration,
    standing: watch::Sender<LoadedPolicy>,
    (context, metrics): (&Context, PolicyMetrics),
    shutdown: CancellationToken,
) {
    let mut looks = Looks { judged, last: None };
    {
        let now = standing.borrow();
        metrics.observe(now.refused.is_some(), now.policy.rules.hash());
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.cancelled() => return,
        }
        let reading = files.clone();
        let read = move || {
            let written = reading.read();
            let fingerprint = written.fingerprint();
            (written, fingerprint)
        };
        let Ok((written, fingerprint)) = tokio::task::spawn_blocking(read).await else { return };
        if !looks.is_due(fingerprint.clone()) {
            continue;
        }
        // Rules are compiled and their tests run: nothing for the threads that everything else waits for.
        let (now, at) = (standing.borrow().clone(), context.clock.now());
        let judging = tokio::task::spawn_blocking(move || judge(&now, &written, at));
        let Ok((next, told)) = judging.await else { return };
        metrics.judged(next.refused.is_some(), next.policy.rules.hash());
        let since = next.since;
        standing.send_replace(next);
        match told {
            Some((kind, text)) => tell(context, (kind, &fingerprint), text, since).await,
            None => tracing::info!("files of rules or guards changed; what decides is as it was"),
        }
    }
}

/// Replicas that see one change at about the same time say it under one name; the same mistake made again later is told
/// again.
fn notice_id(kind: NoticeKind, fingerprint: &str, at: Timestamp) -> String {
    format!("{}@{fingerprint}.{}", kind.as_str(), at.as_second().div_euclid(TOLD_AGAIN))
}

/// Says it in the log and on `actions`. Replicas that read the same files say the same under the same id.
async fn tell(context: &Context, (kind, fingerprint): (NoticeKind, &str), text: String, at: Timestamp) {
    match kind {
        NoticeKind::PolicyRefused => tracing::error!(%text, "changed rules or guards are wrong"),
        _ => tracing::info!(%text, "changed rules or guards were taken over"),
    }
    let id = notice_id(kind, fingerprint, at);
    let notice = Report::Notice(Notice { schema_version: SCHEMA_VERSION, id, kind, text, cause: None, at });
    let headers = Headers::event(context.stage, &format!("notice.{}", kind.as_str()), notice.id(), at, notice.id());
    let sent = match Outbound::json(Topic::Actions, "cordon", headers, &notice) {
        Ok(outbound) => context.producer.send(outbound).await.map(|_| ()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "the notice about rules and guards could not be sent; log and metrics have it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "id: r\nwhen: alert.severity == \"High\"\nactions: []\n";

    fn files(text: &str) -> (tempfile::TempDir, PolicyFiles) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("r.yaml"), text).unwrap();
        let files = PolicyFiles { rules: vec![folder.path().to_owned()], guards: None };
        (folder, files)
    }

    fn now() -> Timestamp {
        "2026-11-24T03:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_change_is_judged_once_and_only_after_two_looks_agree() {
        let mut looks = Looks { judged: "a".into(), last: None };
        let due: Vec<bool> = ["a", "a", "b", "c", "c", "c", "a", "a"].map(|print| looks.is_due(print.into())).to_vec();
        assert_eq!(due, [false, false, false, false, true, false, false, true]);
    }

    #[test]
    fn a_bad_change_keeps_what_is_in_force_and_says_why() {
        let (folder, files) = files(RULE);
        let first = LoadedPolicy::started(files.read().check().unwrap(), now());
        std::fs::write(folder.path().join("r.yaml"), RULE.replace("severity", "severty")).unwrap();
        let (next, told) = judge(&first, &files.read(), now());
        assert_eq!(next.policy.rules.hash(), first.policy.rules.hash());
        assert!(next.refused.as_ref().unwrap().contains("severty"));
        let ActivePolicy { standing, .. } = next.for_respond();
        assert_eq!((standing.rule_set.as_str(), standing.rules), (first.policy.rules.hash(), 1));
        assert_eq!((standing.refused, standing.at), (next.refused.clone(), now()), "the ledger says so too");
        let (kind, text) = told.unwrap();
        assert_eq!(kind, NoticeKind::PolicyRefused);
        assert!(text.starts_with(&format!("1 rules, set {} stay in force. ", first.policy.rules.hash())), "{text}");
        std::fs::write(folder.path().join("r.yaml"), RULE).unwrap();
        let (last, told) = judge(&next, &files.read(), now());
        assert_eq!((last.refused, told.unwrap().0), (None, NoticeKind::PolicyReloaded));
    }

    #[test]
    fn a_changed_comment_is_taken_over_in_silence_and_a_changed_rule_or_guard_is_told() {
        let (folder, mut files) = files(RULE);
        let first = LoadedPolicy::started(files.read().check().unwrap(), now());
        std::fs::write(folder.path().join("r.yaml"), format!("# why\n{RULE}")).unwrap();
        assert_eq!(judge(&first, &files.read(), now()).1, None);
        std::fs::write(folder.path().join("r.yaml"), RULE.replace("High", "Low")).unwrap();
        let (changed, told) = judge(&first, &files.read(), now());
        assert!(told.is_some() && changed.policy.rules.hash() != first.policy.rules.hash());
        std::fs::write(folder.path().join("guards"), "never: {tags: [x]}").unwrap();
        files.guards = Some(folder.path().join("guards"));
        assert!(judge(&changed, &files.read(), now()).1.is_some());
    }
}
