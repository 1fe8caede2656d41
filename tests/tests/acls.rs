//! The least rights: the whole pipeline, and the people beside it, with exactly what `cordon acls` prints; and what is said
//! when one of them is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cordon_records::{ActionState, Headers, Topic};
use cordon_runtime::kafka::{Outbound, Producer};
use cordon_simulator::SimAlert;
use cordon_tests::broker::{settings, unique_prefix};
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Binaries, ended};
use cordon_tests::secured::{Access, Login, SecuredKafka, principal};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Eight processes and a broker on two cores are enough; pipelines take turns.
static TURN: Mutex<()> = Mutex::const_new(());

const STAGES: [(&str, &str); 4] =
    [("cordon-ingest", "ingest"), ("cordon-enrich", "enrich"), ("cordon-act", "act"), ("cordon-notify", "notify")];
const USERS: [&str; 8] = ["ingest", "enrich", "act", "notify", "look", "command", "redrive", "set-up"];

/// A pipeline, each stage with a user of its own, and who else comes to its broker.
struct Office {
    kafka: SecuredKafka,
    login: Login,
    pipeline: Pipeline,
}

impl Office {
    /// Everybody has what `cordon acls` prints, and no stage runs yet.
    async fn open(test: &str, login: Login) -> Option<Self> {
        let kafka = SecuredKafka::start(&USERS, Access::Listed)?;
        let plain = settings(kafka.cluster().bootstrap(), &unique_prefix(test));
        let mut pipeline = Pipeline::prepare_on(plain, Setup::default()).await;
        kafka.acls(&printed(pipeline.config(), login).await);
        for (binary, user) in STAGES {
            pipeline.comes_as(binary, &kafka.yaml(login, user, &pipeline.kafka.topic_prefix));
        }
        Some(Self { kafka, login, pipeline })
    }

    /// What somebody is told: the exit code and all that is printed.
    async fn says(&mut self, user: &str, args: &[&str]) -> (Option<i32>, String) {
        let section = self.kafka.yaml(self.login, user, &self.pipeline.kafka.topic_prefix);
        let config = self.pipeline.comes_as(user, &section);
        cordon(&config, args).await
    }

    /// Takes a right away, or gives it back.
    fn change(&self, verb: &[&str], user: &str, operation: &str, resource: [&str; 2]) {
        let principal = principal(self.login, user);
        let name = format!("{}{}", self.pipeline.kafka.topic_prefix, resource[1]);
        let words = ["--allow-principal", &principal, "--operation", operation, resource[0], &name];
        self.kafka.acls(&[verb.iter().chain(&words).map(|word| (*word).to_owned()).collect()]);
    }

    /// The same text at every run.
    fn redacted(&self, text: &str) -> String {
        let text = text.replace(&self.pipeline.kafka.topic_prefix, "cordon.");
        text.replace(&self.kafka.address(self.login), "BROKER")
    }
}

/// `cordon` as Ann runs it.
async fn cordon(config: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(Binaries::find("cordon"));
    command.args(args).arg("--config").arg(config).env("USER", "ann");
    ended(command).await
}

/// The arguments of every command that `cordon acls` prints, as a shell would hand them over.
async fn printed(config: &Path, login: Login) -> Vec<Vec<String>> {
    let template = principal(login, "{}");
    let (code, text) = cordon(config, &["acls", "-o", "kafka-acls", "--principal", &template]).await;
    assert_eq!(code, Some(0), "{text}");
    let words = |line: &str| -> Vec<String> {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(place, part)| match place % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        // The tool's own name, and its broker, which the test knows better.
        words.skip(3).collect()
    };
    text.lines().map(words).collect()
}

async fn works_with_the_printed_rights(test: &str, login: Login) {
    let _turn = TURN.lock().await;
    let Some(mut office) = Office::open(test, login).await else { return };
    office.pipeline.launch(2).await;
    let anna = machine(1, "LAPTOP-ANNA");
    office.pipeline.tenant.add_machine(anna.clone());
    office.pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High").title("Ransomware behaviour"));
    office.pipeline.reported(&anna.id, ActionState::Succeeded, SOON * 2).await;
    office.pipeline.mailed("LAPTOP-ANNA: isolated", SOON).await;
    assert_eq!(office.pipeline.tenant.isolate_posts(&anna.id), 1);
    one_dies(&office.pipeline).await;

    let (code, text) = office.says("look", &["approvals", "list"]).await;
    assert!(code == Some(0) && text.contains("nothing is held"), "{code:?} {text}");
    let (code, text) = office.says("look", &["dlq", "list"]).await;
    assert!(code == Some(0) && text.contains("enrich"), "{code:?} {text}");
    let (code, text) = office.says("look", &["status"]).await;
    assert!(code.is_some_and(|code| code <= 1) && !is_refused(&text), "{code:?} {text}");
    let (code, text) = office.says("redrive", &["dlq", "redrive", "--yes"]).await;
    assert!(code == Some(0) && text.contains("is back at"), "{code:?} {text}");
    let (code, text) = office.says("redrive", &["dlq", "seen", "--all"]).await;
    assert!(code == Some(0) && text.contains("seen now"), "{code:?} {text}");
    let (code, text) = office.says("command", &["pause", "--why", "an exercise"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = office.says("set-up", &["topics", "apply"]).await;
    assert!(code == Some(0) && text.contains("exists"), "{code:?} {text}");
    let (_, text) = office.says("set-up", &["check"]).await;
    assert!(!is_refused(&text) && text.contains("all there"), "{text}");

    office.pipeline.all_are_running();
    for (name, log) in office.pipeline.logs() {
        let refused: Vec<&str> = log.lines().filter(|line| is_refused(line)).collect();
        assert!(refused.is_empty(), "{name} was refused something: {refused:#?}");
    }
}

fn is_refused(text: &str) -> bool {
    ["not permitted", "access is denied", "uthorization failed", "AuthorizationFailed"]
        .iter()
        .any(|words| text.contains(words))
}

/// A record that enrich cannot read goes to the dead letters.
async fn one_dies(pipeline: &Pipeline) {
    let record = Outbound {
        topic: Topic::Alerts,
        key: Some("k".to_owned()),
        headers: Headers::default(),
        value: Some(b"no JSON".to_vec()),
    };
    Producer::open(&pipeline.kafka, "test").unwrap().send(record).await.unwrap();
    until(SOON, "a dead letter", async || {
        let all = cordon_runtime::kafka::read_all(&pipeline.kafka, Topic::DeadLetters).await.unwrap();
        if all.is_empty() { Err("none") } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_printed_rights_and_scram_an_isolation_comes_through_and_people_can_do_their_part() {
    works_with_the_printed_rights("acls-scram", Login::Scram).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_printed_rights_and_client_certificates_an_isolation_comes_through_and_people_can_do_their_part() {
    works_with_the_printed_rights("acls-mtls", Login::Certificate).await;
}

/// Of which right what is told, by whom.
const MISSING: [(&str, &str, [&str; 2], &[&str]); 6] = [
    ("look", "Read", ["--topic", "ledger"], &["approvals", "list"]),
    ("look", "Read", ["--topic", "dead-letters"], &["dlq", "list"]),
    ("redrive", "Read", ["--topic", "notified"], &["dlq", "seen", "--all"]),
    ("command", "Write", ["--topic", "commands"], &["pause", "--why", "an exercise"]),
    ("set-up", "DescribeConfigs", ["--topic", "ledger"], &["topics", "apply"]),
    ("set-up", "Describe", ["--topic", "ledger"], &["topics", "apply"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_one_right_resource_operation_and_principal_are_named_and_nobody_says_none() {
    let _turn = TURN.lock().await;
    let mut all = String::new();
    for (login, name) in [(Login::Scram, "scram"), (Login::Certificate, "mtls")] {
        let Some(mut office) = Office::open(name, login).await else { return };
        for (user, operation, resource, args) in MISSING {
            office.change(&["--remove", "--force"], user, operation, resource);
            let (code, text) = refused(&mut office, user, args).await;
            office.change(&["--add"], user, operation, resource);
            let text = office.redacted(&text);
            writeln!(all, "cordon {} without {operation} on {}: {code:?}\n{text}", args.join(" "), resource[1])
                .unwrap();
        }
    }
    insta::assert_snapshot!("missing_rights", all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tries_the_rights_of_a_stage_and_says_which_it_did_not_try() {
    let _turn = TURN.lock().await;
    let Some(mut office) = Office::open("acls-check", Login::Scram).await else { return };
    let args = ["check", "--stage", "enrich"];
    let (code, text) = office.says("enrich", &args).await;
    let text = office.redacted(&text);
    assert!(code == Some(0) && !text.contains("FAIL"), "{code:?} {text}");
    let [tried, untried] = &text.lines().filter(|line| line.contains("  rights ")).collect::<Vec<_>>()[..] else {
        panic!("not two lines: {text}")
    };
    assert!(tried.starts_with("ok    rights           tried, and given: Read on topic cordon.alerts"), "{tried}");
    assert!(!tried.contains("Write on") && !tried.contains("Read on group"), "{tried}");
    assert!(untried.starts_with("?     rights           not tried") && untried.contains("Read on group"), "{untried}");
    assert!(untried.contains("Write on topic") && untried.contains("topic cordon.enriched"), "{untried}");
    for (operation, resource, told) in [
        ("Read", ["--topic", "alerts"], "User:enrich needs Read on topic cordon.alerts"),
        ("DescribeConfigs", ["--topic", "enriched"], "User:enrich needs DescribeConfigs on topic cordon.enriched"),
        ("Read", ["--group", "enrich"], "User:enrich needs Read on group cordon.enrich"),
    ] {
        office.change(&["--remove", "--force"], "enrich", operation, resource);
        let (code, text) = refused(&mut office, "enrich", &args).await;
        office.change(&["--add"], "enrich", operation, resource);
        let text = office.redacted(&text);
        assert!(code == Some(77) && text.contains("FAIL  rights") && text.contains(told), "{code:?} {text}");
    }
}

/// Waits until it is refused: access lists reach the broker a moment after Kafka's tool has ended.
async fn refused(office: &mut Office, user: &str, args: &[&str]) -> (Option<i32>, String) {
    until(SOON, &format!("{user} to be refused {args:?}"), async || {
        let (code, text) = office.says(user, args).await;
        if code == Some(0) { Err(text) } else { Ok((code, text)) }
    })
    .await
}
