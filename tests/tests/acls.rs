//! The least rights: the whole pipeline, and the people beside it, with exactly what `cordon acls` prints; and what is said
//! when one of them is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cordon_records::{ActionState, Headers, Topic};
use cordon_runtime::kafka::{Outbound, Producer};
use cordon_simulator::{ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, SimAlert, SimMachine};
use cordon_tests::broker::{settings, unique_prefix};
use cordon_tests::office::Office as People;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, answer, machine, served_at};
use cordon_tests::processes::{Binaries, Process, ended};
use cordon_tests::secured::{Access, Login, SecuredKafka, principal};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Eight processes and a broker on two cores are enough; pipelines take turns.
static TURN: Mutex<()> = Mutex::const_new(());

const STAGES: [(&str, &str); 4] =
    [("cordon-ingest", "ingest"), ("cordon-enrich", "enrich"), ("cordon-act", "act"), ("cordon-notify", "notify")];
const USERS: [&str; 11] =
    ["ingest", "enrich", "act", "decide", "respond", "notify", "look", "backtest", "command", "redrive", "set-up"];

/// A pipeline, each stage with a user of its own, and who else comes to its broker.
struct Office {
    kafka: SecuredKafka,
    login: Login,
    pipeline: Pipeline,
}

impl Office {
    /// Everybody has what `cordon acls` prints, and no stage runs yet.
    async fn open(test: &str, login: Login) -> Option<Self> {
        Self::open_to(test, login, &[""]).await
    }

    /// The same, where only these have what is printed for them; "" stands for everybody whom `cordon acls` names unasked.
    async fn open_to(test: &str, login: Login, whom: &[&str]) -> Option<Self> {
        let kafka = SecuredKafka::start(&USERS, Access::Listed)?;
        let plain = settings(kafka.cluster().bootstrap(), &unique_prefix(test));
        let mut pipeline = Pipeline::prepare_on(plain, Setup::default()).await;
        for who in whom {
            kafka.acls(&printed(pipeline.config(), login, who).await);
        }
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

/// The arguments of every command that `cordon acls` prints for `who`, as a shell would hand them over.
async fn printed(config: &Path, login: Login, who: &str) -> Vec<Vec<String>> {
    let template = principal(login, "{}");
    let mut args = vec!["acls", "-o", "kafka-acls", "--principal", &template];
    args.extend(if who.is_empty() { vec![] } else { vec!["--stage", who] });
    let (code, text) = cordon(config, &args).await;
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
    // By the summary: who looks has no right to read the ledger.
    let summary = office.pipeline.kafka.topic(Topic::Summary);
    assert!(code == Some(0) && text.contains(&format!("nothing is held on {summary}")), "{code:?} {text}");
    assert!(!text.contains("warning") && !text.contains("ledger"), "{text}");
    for args in [&["isolated"] as &[&str], &["isolated", "--mine"]] {
        let (code, text) = office.says("look", args).await;
        assert!(code == Some(0) && text.contains("rule isolate-high") && !is_refused(&text), "{code:?} {text}");
    }
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
    nobody_was_refused(office.pipeline.logs());
}

fn nobody_was_refused(logs: Vec<(String, String)>) {
    for (name, log) in logs {
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
    ("look", "Read", ["--topic", "summary"], &["approvals", "list"]),
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
        ("Write", ["--topic", "policies"], "User:enrich needs Write on topic cordon.policies"),
        ("Write", ["--topic", "enriched"], "User:enrich needs Write on topic cordon.enriched"),
        ("DescribeConfigs", ["--topic", "enriched"], "User:enrich needs DescribeConfigs on topic cordon.enriched"),
        ("Read", ["--group", "enrich"], "User:enrich needs Read on group cordon.enrich"),
    ] {
        office.change(&["--remove", "--force"], "enrich", operation, resource);
        let (code, text) = refused(&mut office, "enrich", &args).await;
        office.change(&["--add"], "enrich", operation, resource);
        let text = office.redacted(&text);
        let missing: Vec<&str> = text.lines().filter(|line| line.starts_with("FAIL  rights")).collect();
        assert!(code == Some(77) && missing.len() == 1 && missing[0].contains(told), "{operation}: {code:?} {text}");
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

/// Everybody but the two roles of act in one process.
const APART: [&str; 8] = ["ingest", "enrich", "decide", "respond", "notify", "look", "command", "redrive"];

impl Office {
    /// Starts one role of act in a process of its own, as its own user, and waits until it is ready.
    async fn role(&mut self, role: &str, args: &[&str]) -> Process {
        let section = self.kafka.yaml(self.login, role, &self.pipeline.kafka.topic_prefix);
        let config = self.pipeline.comes_as(role, &section);
        let args = [&["--role", role], args].concat();
        let mut process = Process::stage("cordon-act", &config, &args, &[("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0")]);
        let url = format!("http://{}/readyz", served_at(&mut process).await);
        until(SOON, &format!("{role} to be ready"), async || {
            let answer = answer(&url).await;
            if answer.starts_with("200") { Ok(()) } else { Err(answer) }
        })
        .await;
        process
    }

    /// What Ann, who signs, is told as the user `command`.
    async fn signed(&mut self, people: &People, args: &[&str]) {
        let section = self.kafka.yaml(self.login, "command", &self.pipeline.kafka.topic_prefix);
        let config = self.pipeline.comes_as("command", &section);
        let (code, text) = people.says("ann", &config, &[args, &["--why", "w", "--wait", "60s"]].concat()).await;
        assert!(code == Some(0) && !is_refused(&text), "{args:?}: {code:?} {text}");
    }

    /// What is told to who looks.
    async fn sees(&mut self, args: &[&str], part: &str) {
        let (code, text) = self.says("look", args).await;
        assert!(code == Some(0) && text.contains(part), "{args:?}: {code:?} {text}");
    }

    /// The key of what is held, or has failed, for a new High alert on a new machine.
    async fn raised(&self, number: u32, name: &str, state: ActionState) -> (SimMachine, String) {
        let machine = self.pipeline.raise_high(number, name);
        let key = self.pipeline.reported(&machine.id, state, SOON).await.key.expect("a key");
        (machine, key.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn decide_and_respond_apart_and_who_commands_looks_and_redrives_need_no_more_than_is_printed_for_each() {
    let _turn = TURN.lock().await;
    let Some(people) = People::of(&["ann"]) else { return };
    let Some(mut office) = Office::open_to("acls-apart", Login::Scram, &APART).await else { return };
    let roles = staffed(&mut office, &people).await;
    one_is_approved_looked_at_and_released(&mut office, &people).await;
    others_are_denied_cancelled_and_retried(&mut office, &people).await;
    all_is_paused_and_resumed(&mut office, &people).await;
    one_that_died_is_looked_at_and_sent_back(&mut office).await;
    office.pipeline.all_are_running();
    nobody_was_refused(office.pipeline.logs());
    for (role, mut process) in ["respond", "decide"].into_iter().zip(roles) {
        assert!(process.is_running(), "{role} has ended");
        nobody_was_refused(vec![(role.to_owned(), process.log().join("\n"))]);
    }
}

/// Every stage as its own user, and respond and decide, which are returned.
async fn staffed(office: &mut Office, people: &People) -> [Process; 2] {
    let rule = office.pipeline.config().with_file_name("isolate-high.yaml");
    let text = std::fs::read_to_string(&rule).unwrap();
    std::fs::write(&rule, text.replace("mode: auto", "mode: approve")).unwrap();
    people.guard(&office.pipeline, &["ann"], "");
    let roles = [office.role("respond", &["--init-ledger"]).await, office.role("decide", &[]).await];
    for (binary, user) in STAGES.into_iter().filter(|(_, user)| *user != "act") {
        let section = office.kafka.yaml(office.login, user, &office.pipeline.kafka.topic_prefix);
        office.pipeline.comes_as(binary, &section);
        office.pipeline.start_stage(binary, 0, &[]);
        office.pipeline.ready(binary, 0).await;
    }
    roles
}

async fn one_is_approved_looked_at_and_released(office: &mut Office, people: &People) {
    let (anna, key) = office.raised(1, "LAPTOP-ANNA", ActionState::Held).await;
    office.sees(&["approvals", "show", &key], "HOLD        mode").await;
    let alert = office.pipeline.actions().await.remove(0).alert.id.to_string();
    office.sees(&["rules", "explain", "--alert", &alert], "rule isolate-high").await;
    office.signed(people, &["approve", &key, "--yes"]).await;
    office.pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    office.sees(&["isolated"], "rule isolate-high").await;
    office.sees(&["isolated", "--mine"], "rule isolate-high").await;
    office.signed(people, &["release", "--rule", "isolate-high", "--since", "1h", "--yes"]).await;
    until(SOON, "the machine to be let back", async || {
        if office.pipeline.tenant.is_isolated(&anna.id) { Err("isolated") } else { Ok(()) }
    })
    .await;
}

async fn others_are_denied_cancelled_and_retried(office: &mut Office, people: &People) {
    let (ben, key) = office.raised(2, "LAPTOP-BEN", ActionState::Held).await;
    office.signed(people, &["deny", &key]).await;
    office.pipeline.reported(&ben.id, ActionState::Denied, SOON).await;

    let (cara, key) = office.raised(3, "LAPTOP-CARA", ActionState::Held).await;
    office.pipeline.tenant.set_online(&cara.id, false);
    office.signed(people, &["approve", &key, "--yes"]).await;
    office.pipeline.reported(&cara.id, ActionState::Accepted, SOON).await;
    office.signed(people, &["cancel", &key]).await;
    office.pipeline.reported(&cara.id, ActionState::Cancelled, SOON).await;

    let without: Vec<&str> = ALL_ROLES.into_iter().filter(|role| *role != "Machine.Isolate").collect();
    office.pipeline.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &without)]);
    office.pipeline.tenant.revoke_tokens();
    let (dora, key) = office.raised(4, "LAPTOP-DORA", ActionState::Held).await;
    office.signed(people, &["approve", &key, "--yes"]).await;
    office.pipeline.reported(&dora.id, ActionState::Failed, SOON).await;
    office.pipeline.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &ALL_ROLES)]);
    office.signed(people, &["retry", &key]).await;
}

async fn all_is_paused_and_resumed(office: &mut Office, people: &People) {
    let (code, text) = office.says("command", &["pause", "--why", "an exercise"]).await;
    assert_eq!(code, Some(0), "{text}");
    let notice = until(SOON, "the notice of the pause", async || {
        let (_, told) = office.says("look", &["status"]).await;
        let notice = told.split_whitespace().find(|word| word.starts_with("paused@")).map(str::to_owned);
        notice.ok_or(told)
    })
    .await;
    office.signed(people, &["resume", &notice]).await;
}

async fn one_that_died_is_looked_at_and_sent_back(office: &mut Office) {
    one_dies(&office.pipeline).await;
    office.sees(&["dlq", "list"], "enrich").await;
    let (_, told) = office.says("look", &["dlq", "list"]).await;
    let row = told.lines().find(|line| line.contains(" enrich ")).unwrap_or_else(|| panic!("{told}"));
    let place = row.split_whitespace().next().expect("its position").to_owned();
    office.sees(&["dlq", "show", &place], "no JSON").await;
    let (code, text) = office.says("redrive", &["dlq", "redrive", "--yes"]).await;
    assert!(code == Some(0) && text.contains("is back at"), "{code:?} {text}");
    let (code, text) = office.says("redrive", &["dlq", "seen", "--all"]).await;
    assert!(code == Some(0) && text.contains("seen now"), "{code:?} {text}");
}
