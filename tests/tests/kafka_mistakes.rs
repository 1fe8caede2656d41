//! What people read who have made a mistake about Kafka: of `cordon check`, of `cordon status`, of a stage's log and of its
//! `/readyz`, against a broker with TLS, logins and access lists.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use cordon_runtime::kafka::apply_topics;
use cordon_simulator::{Options, Simulator};
use cordon_tests::broker::{settings, unique_prefix};
use cordon_tests::pipeline::{SOON, answer, configuration, served_at};
use cordon_tests::processes::{Process, cordon};
use cordon_tests::secured::{Access, Login, SecuredKafka, principal};
use cordon_tests::wait::until;

/// A broker, a tenant, and configurations that differ in their section `kafka`.
struct Office {
    kafka: SecuredKafka,
    prefix: String,
    folder: tempfile::TempDir,
    text: String,
    _tenant: Simulator,
}

type Properties = BTreeMap<String, String>;

impl Office {
    async fn open(access: Access) -> Option<Self> {
        let kafka = SecuredKafka::start(&["ann", "bob"], access)?;
        let prefix = unique_prefix("mistakes");
        let plain = settings(kafka.cluster().bootstrap(), &prefix);
        apply_topics(&plain).await.expect("the test itself may do everything");
        let tenant = Simulator::start(Options::default()).expect("the tenant starts");
        let folder = tempfile::tempdir().expect("a folder");
        let text = configuration(&plain, &tenant, "auto", folder.path());
        let rest = text[text.find("defender:").expect("the next section")..].to_owned();
        Some(Self { kafka, prefix, folder, text: rest, _tenant: tenant })
    }

    /// Writes a configuration.
    fn configure(&self, name: &str, address: &str, properties: &Properties) -> PathBuf {
        let properties = serde_json::to_string(properties).unwrap();
        let prefix = &self.prefix;
        let kafka =
            format!("kafka: {{bootstrap_servers: '{address}', topic_prefix: '{prefix}', properties: {properties}}}\n");
        let path = self.folder.path().join(format!("{name}.yaml").replace(' ', "-"));
        std::fs::write(&path, kafka + &self.text).unwrap();
        path
    }

    /// The same text on every machine and at every run.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.replace(&self.prefix, "cordon.");
        for (login, name) in [(Login::Scram, "SCRAM"), (Login::Certificate, "MTLS")] {
            let (_, port) = self
                .kafka
                .address(login)
                .rsplit_once(':')
                .map(|(host, port)| (host.to_owned(), port.to_owned()))
                .unwrap();
            text = text.replace(&port, name);
        }
        let (_, port) = self.kafka.cluster().bootstrap().rsplit_once(':').unwrap();
        let folders = [self.kafka.file(""), self.folder.path().to_owned()];
        let text = text.replace(port, "PLAIN");
        folders.iter().fold(text, |text, folder| text.replace(folder.to_str().unwrap().trim_end_matches('/'), "FOLDER"))
    }

    fn grant(&self, login: Login, user: &str, resource: &[&str], operations: &[&str]) -> Vec<String> {
        let mut arguments = vec!["--add".to_owned(), "--allow-principal".to_owned(), principal(login, user)];
        arguments.extend(operations.iter().flat_map(|name| ["--operation".to_owned(), (*name).to_owned()]));
        arguments.extend(resource.iter().map(|word| (*word).to_owned()));
        arguments
    }
}

/// The exit code and the lines of `cordon COMMAND` that hold one of these words.
async fn said(config: PathBuf, command: &'static str, words: &'static [&'static str]) -> (Option<i32>, String) {
    let (code, all) = cordon(&config, &[command]).await;
    let lines = all.lines().filter(|line| words.iter().any(|word| line.contains(word)));
    (code, lines.map(|line| format!("    {line}\n")).collect())
}

fn with(properties: &Properties, changes: &[(&str, &str)]) -> Properties {
    let mut properties = properties.clone();
    for (key, value) in changes {
        if value.is_empty() {
            properties.remove(*key);
        } else {
            properties.insert((*key).to_owned(), (*value).to_owned());
        }
    }
    properties
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_of_each_mistake_what_it_is_where_and_what_to_do() {
    let Some(office) = Office::open(Access::Open).await else { return };
    let kafka = &office.kafka;
    let (scram, mtls) = (kafka.address(Login::Scram), kafka.address(Login::Certificate));
    let (ann, bob) = (kafka.properties(Login::Scram, "ann"), kafka.properties(Login::Certificate, "bob"));
    let other = kafka.file("other-ca.pem").display().to_string();
    let wrong = kafka.file("bob.password").display().to_string();
    let none = Properties::new();
    let cases: [(&str, String, Properties); 14] = [
        ("no mistake, SCRAM", scram.clone(), ann.clone()),
        ("no mistake, certificate", mtls.clone(), bob.clone()),
        ("no CA", scram.clone(), with(&ann, &[("ssl.ca.location", "")])),
        ("wrong CA", scram.clone(), with(&ann, &[("ssl.ca.location", &other)])),
        ("wrong name", scram.replace("127.0.0.1", "localhost"), ann.clone()),
        ("wrong password", scram.clone(), with(&ann, &[("sasl.password", &format!("file:{wrong}"))])),
        ("mechanism not offered", scram.clone(), with(&ann, &[("sasl.mechanism", "PLAIN")])),
        ("plaintext to TLS", scram.clone(), none.clone()),
        ("no login", scram.clone(), with(&bob, &[("ssl.key.location", ""), ("ssl.certificate.location", "")])),
        ("no client certificate", mtls, with(&bob, &[("ssl.key.location", ""), ("ssl.certificate.location", "")])),
        ("TLS to plaintext", kafka.cluster().bootstrap().to_owned(), bob),
        ("refused port", "127.0.0.1:1".to_owned(), none.clone()),
        ("unknown host", "no-such-host.invalid:9092".to_owned(), none),
        ("CA file is not there", scram, with(&ann, &[("ssl.ca.location", "no/such.pem")])),
    ];
    let runs = cases.map(|(name, address, properties)| {
        let config = office.configure(name, &address, &properties);
        (name, tokio::spawn(said(config, "check", &["broker  ", "error", "-->", "cannot", "ssl.ca"])))
    });
    let mut all = String::new();
    for (name, run) in runs {
        let (code, text) = run.await.unwrap();
        writeln!(all, "{name}: exit code {}\n{text}", code.unwrap_or(-1)).unwrap();
    }
    insta::with_settings!({filters => vec![(r"cluster [\w-]{22}", "cluster ID"), (r"yaml:1:\d+", "yaml:1:N")]}, {
        insta::assert_snapshot!("check", office.redacted(&all));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_that_is_not_let_in_says_why_in_its_log_and_in_readyz_and_so_does_status() {
    let Some(office) = Office::open(Access::Open).await else { return };
    let ann = office.kafka.properties(Login::Scram, "ann");
    let wrong = format!("file:{}", office.kafka.file("bob.password").display());
    let address = office.kafka.address(Login::Scram);
    let config = office.configure("stage", &address, &with(&ann, &[("sasl.password", &wrong)]));
    let listen = [("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0")];
    let mut enrich = Process::stage::<&str>("cordon-enrich", &config, &[], &listen);
    const WORDS: &str = "does not take the user or the password";
    let warning = enrich.line(SOON, WORDS).await;
    assert!(warning.contains("\"level\":\"WARN\"") && warning.contains(&address), "{warning}");
    let url = format!("http://{}/readyz", served_at(&mut enrich).await);
    until(SOON, "readyz to say why", async || {
        let answer = answer(&url).await;
        if answer.starts_with("503") && answer.contains(WORDS) { Ok(()) } else { Err(answer) }
    })
    .await;
    let (code, text) = said(config, "status", &["error"]).await;
    assert!(code == Some(77) && text.contains(WORDS), "{code:?} {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_names_resource_operation_and_principal() {
    let Some(office) = Office::open(Access::Listed).await else { return };
    let topics = ["--topic", office.prefix.as_str(), "--resource-pattern-type", "prefixed"];
    let logins = [(Login::Scram, "ann"), (Login::Certificate, "bob")];
    office.kafka.acls(&logins.map(|(login, user)| office.grant(login, user, &topics, &["Describe"])));
    let mut all = String::new();
    for (login, user) in logins {
        let config = office.configure(user, &office.kafka.address(login), &office.kafka.properties(login, user));
        let (code, text) = said(config, "check", &["topics  ", "ledger  "]).await;
        writeln!(all, "check, {user} without DescribeConfigs: exit code {}\n{text}", code.unwrap_or(-1)).unwrap();
    }
    let more = ["Describe", "DescribeConfigs", "Read", "Write"];
    office.kafka.acls(&logins.map(|(login, user)| office.grant(login, user, &topics, &more)));
    for (login, user) in logins {
        let config = office.configure(user, &office.kafka.address(login), &office.kafka.properties(login, user));
        let listen = [("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0")];
        let mut enrich = Process::stage::<&str>("cordon-enrich", &config, &[], &listen);
        enrich.line(SOON, "access is denied").await;
        let url = format!("http://{}/readyz", served_at(&mut enrich).await);
        let text = until(SOON, "readyz to say why", async || {
            let answer = answer(&url).await;
            if answer.contains("access is denied") { Ok(answer) } else { Err(answer) }
        })
        .await;
        writeln!(all, "enrich, {user} without its group: {text}").unwrap();
    }
    insta::assert_snapshot!("rights", office.redacted(&all));
}
