//! `cordon check`: tries everything that the configuration names, and says what is missing.
//!
//! One line a check, with what to do under a failed one. No mail is sent and nothing is changed, but for two tombstones of a
//! key that nobody uses, by which the broker tells its time.

mod needs;
mod rights;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cordon_act::respond::GROUP;
use cordon_defender::permissions::{self, Permissions};
use cordon_defender::{ApiError, Defender, Graph, TokenFacts};
use cordon_ingest::PollInterval;
use cordon_notify::config::{NotifySettings, Route};
use cordon_notify::smtp::Smtp;
use cordon_notify::transport::Transport as _;
use cordon_policy::Warning;
use cordon_records::{Classified, Clock as _, ErrorClass, SystemClock, Topic};
use cordon_runtime::kafka::{self, BrokerClock, KafkaFailure, KafkaSettings, TopicsError};
use cordon_runtime::telemetry::TelemetrySettings;
use cordon_settings::Section;

use crate::args::CheckArgs;
use crate::exit::{self, Exit};
use crate::{escape, stages};
use needs::Wanted;

/// Kafka and Entra refuse clients whose clocks are further off; leases do not care.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// One check's outcome.
struct Finding {
    what: &'static str,
    /// `None` when it could not be found out.
    exit: Option<Exit>,
    /// Whether it is allowed, and hardly meant.
    is_warning: bool,
    text: String,
}

/// One line, whatever servers say in it.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.exit {
            Some(Exit::Ok) if self.is_warning => "WARN",
            Some(Exit::Ok) => "ok  ",
            Some(_) => "FAIL",
            None => "?   ",
        };
        write!(f, "{mark}  {:<16} {}", self.what, escape::text(&self.text))
    }
}

fn good(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, exit: Some(Exit::Ok), is_warning: false, text: text.into() }
}

fn bad(what: &'static str, exit: Exit, text: impl Into<String>) -> Finding {
    Finding { what, exit: Some(exit), is_warning: false, text: text.into() }
}

fn unknown(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, exit: None, is_warning: false, text: text.into() }
}

fn warning(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { is_warning: true, ..good(what, text) }
}

/// Runs every check, also after one has failed. The exit code is the gravest finding's.
pub async fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let config = args.config.as_path();
    let sections = |root: &mut Section| {
        let kafka = root.is_present("kafka").then(|| KafkaSettings::read(&mut root.section("kafka")));
        TelemetrySettings::read(&mut root.section("telemetry"));
        Some((Wanted::read(root, args.stage)?, kafka))
    };
    // Where only the file is looked at, its secrets need not be there.
    let (wanted, kafka) =
        if args.read_only { stages::read(config, sections)? } else { stages::check(config, sections)? };
    let warnings = wanted.warnings(SystemClock.now());
    let mut findings = vec![good("configuration", config.display().to_string())];
    findings.extend(wanted.ingest.as_ref().map(|ingest| polls(ingest.poll_interval)));
    findings.extend(warnings.iter().map(warned));
    if args.read_only {
        return Ok(print(&findings));
    }
    match kafka.flatten() {
        Some(kafka) => findings.extend(broker(&kafka, &wanted, args.stage.is_some()).await),
        None => findings.push(good("broker", "none configured: `cordon up` uses one in its own process, shadow only")),
    }
    if wanted.asks_defender() {
        findings.extend(tenant(&wanted).await);
    }
    if let Some(notify) = &wanted.notify {
        findings.extend(mail(notify).await);
    }
    Ok(print(&findings))
}

/// Prints them; the exit code is the gravest one's.
fn print(findings: &[Finding]) -> Exit {
    findings.iter().for_each(|finding| println!("{finding}"));
    findings.iter().filter_map(|finding| finding.exit).max().unwrap_or(Exit::Ok)
}

fn warned(found: &Warning) -> Finding {
    warning("rules and guards", format!("{}: {}", found.path, found.text))
}

/// How often the alert list is asked; half of it is what an alert waits in the median until it is seen.
fn polls(interval: PollInterval) -> Finding {
    let half = interval.apart().as_secs_f64() / 2.0;
    good("polls", format!("{interval}: an alert waits {half} s for its poll in the median"))
}

/// `is_stage` says whether these are the settings of one stage, with which it comes to the broker: only then do its rights
/// follow from ours.
async fn broker(kafka: &KafkaSettings, wanted: &Wanted, is_stage: bool) -> Vec<Finding> {
    let cluster = match kafka::cluster_id(kafka).await {
        Ok(id) => good("broker", format!("cluster {id}")),
        Err(error) => return vec![bad("broker", exit::of_kafka(&error), error.to_string())],
    };
    let topics = match kafka::check_topics(kafka, &wanted.topics()).await {
        Ok(refusing) if refusing.is_empty() => good("topics", "all there, as they should be"),
        Ok(refusing) => bad("topics", Exit::Unreachable, refusing.join("; ")),
        Err(TopicsError::Kafka(failure)) => bad("topics", exit::of_kafka(&failure), failure.to_string()),
        Err(error @ TopicsError::Wrong(_)) => bad("topics", Exit::Unreachable, error.to_string()),
    };
    let mut findings = vec![cluster];
    let mut written = Vec::new();
    if topics.exit == Some(Exit::Ok) {
        if wanted.topics().contains(&Topic::Cursors) {
            let clock = broker_clock(kafka).await;
            written.extend((clock.exit == Some(Exit::Ok)).then(|| kafka.topic(Topic::Cursors)));
            findings.push(clock);
        }
        if wanted.responds {
            findings.push(ledger(kafka).await);
        }
    }
    if is_stage && matches!(topics.exit, Some(Exit::Ok | Exit::Denied)) {
        findings.extend(rights::findings(&kafka::try_rights(kafka, &wanted.access()).await, &written));
    }
    findings.insert(1, topics);
    findings
}

/// A broker whose clock is too far behind refuses what is written.
async fn broker_clock(kafka: &KafkaSettings) -> Finding {
    const WHAT: &str = "broker's clock";
    let apart = CLOCK_TOLERANCE.as_secs();
    let wrong = |how: String| bad(WHAT, Exit::Negative, format!("it is {how} of this machine's; set the time by NTP"));
    match kafka::broker_clock(kafka, &SystemClock, CLOCK_TOLERANCE).await {
        Ok(BrokerClock::Near) => good(WHAT, format!("no more than {apart} s apart from this machine's")),
        Ok(BrokerClock::Read(ahead)) if ahead.unsigned_abs() <= CLOCK_TOLERANCE => {
            good(WHAT, format!("{:.1} s apart from this machine's", ahead.as_secs_f64().abs()))
        }
        Ok(BrokerClock::Read(ahead)) => wrong(format!("{ahead:#} ahead")),
        Ok(BrokerClock::Ahead) => wrong(format!("more than {apart} s ahead")),
        Ok(BrokerClock::Behind) => {
            bad(WHAT, Exit::Negative, format!("it is more than {apart} s behind this machine's; set the time by NTP"))
        }
        Ok(BrokerClock::Hidden(why)) => unknown(WHAT, format!("cannot be told: {why}")),
        Err(error @ KafkaFailure::Forbidden { .. }) => bad(WHAT, Exit::Denied, error.to_string()),
        Err(error) => unknown(WHAT, format!("cannot be told: {error}")),
    }
}

/// Whether respond has a place to go on from; a new installation has none yet.
async fn ledger(kafka: &KafkaSettings) -> Finding {
    match kafka::has_committed(kafka, GROUP, Topic::Decisions).await {
        Ok(true) => good("ledger", "respond knows where to go on"),
        Ok(false) => good("ledger", "none yet: start cordon-act with --init-ledger the first time"),
        Err(error) => bad("ledger", exit::of_kafka(&error), error.to_string()),
    }
}

async fn tenant(wanted: &Wanted) -> Vec<Finding> {
    let Some(identity) = wanted.identity() else {
        return vec![bad("defender", Exit::Config, "no client_id and client_secret: nobody could act; give them")];
    };
    let defender = match Defender::new(identity.clone(), Arc::new(SystemClock)) {
        Ok(defender) => defender,
        Err(error) => return vec![bad("defender", Exit::Config, error.to_string())],
    };
    let clock = match defender.server_clock_ahead().await {
        Ok(Some(ahead)) if ahead.unsigned_abs() > CLOCK_TOLERANCE => {
            bad("clock", Exit::Negative, format!("Defender's clock is {ahead:#} ahead of ours; set the time by NTP"))
        }
        Ok(Some(ahead)) => good("clock", format!("{:.1} s apart from Defender's", ahead.as_secs_f64().abs())),
        Ok(None) => unknown("clock", "cannot be told: Defender names no time"),
        Err(error) => bad("clock", Exit::Unreachable, error.to_string()),
    };
    let mut findings = vec![clock];
    match defender.token_facts().await {
        Ok(facts) => {
            findings.push(good("defender token", described(&facts)));
            findings
                .extend(wanted.permissions().iter().flat_map(|(any, who)| permission(&facts, any, &who.join("; "))));
            findings.extend(wanted.later().map(|text| good("permission", text)));
        }
        Err(error) => findings.push(refused("defender token", &error)),
    }
    findings
}

async fn mail(notify: &NotifySettings) -> Vec<Finding> {
    match &notify.route {
        Route::Smtp(settings) => vec![match Smtp::new(settings.clone()).check().await {
            Ok(()) if settings.login.is_some() => good("mail", "the SMTP server answers and takes the login"),
            Ok(()) => good("mail", "the SMTP server answers; no login is set, so none was tried"),
            Err(error) => bad("mail", Exit::Unreachable, error.to_string()),
        }],
        Route::Graph(route) => {
            let graph = match Graph::new(route.graph.clone(), Arc::new(SystemClock)) {
                Ok(graph) => graph,
                Err(error) => return vec![bad("graph", Exit::Config, error.to_string())],
            };
            match graph.token_facts().await {
                Ok(facts) => {
                    let mut findings = vec![good("graph token", described(&facts))];
                    findings.extend(permission(&facts, permissions::to_send_mail(), "notify"));
                    findings
                }
                Err(error) => vec![refused("graph token", &error)],
            }
        }
    }
}

fn described(facts: &TokenFacts) -> String {
    let audience = facts.audience.as_deref().unwrap_or("opaque: what it may do cannot be seen from outside");
    format!("for {audience}, until {}", facts.expires_at)
}

/// Whether one of these permissions is held; of an opaque token that cannot be told.
fn permission(facts: &TokenFacts, any: Permissions, who: &str) -> Option<Finding> {
    facts.audience.as_ref()?;
    let held: BTreeSet<&str> = facts.roles.iter().map(String::as_str).collect();
    Some(match (any.iter().find(|name| held.contains(*name)), any.first()) {
        (Some(name), _) => good("permission", format!("{name} ({who})")),
        (None, Some(name)) => {
            let text = format!("{name} is missing ({who}): add the application permission in Entra and consent to it");
            bad("permission", Exit::Denied, text)
        }
        (None, None) => return None,
    })
}

fn refused(what: &'static str, error: &ApiError) -> Finding {
    let exit = match error.class() {
        ErrorClass::Transient | ErrorClass::Ambiguous => Exit::Unreachable,
        ErrorClass::Poison | ErrorClass::Fatal => Exit::Denied,
    };
    bad(what, exit, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_stays_on_the_line_of_its_finding() {
        let said = "554 no\u{1b}[2J\nok    broker           cluster x";
        assert_eq!(bad("mail", Exit::Unreachable, said).to_string().lines().count(), 1);
        assert!(!bad("mail", Exit::Unreachable, said).to_string().contains('\u{1b}'));
    }
}
