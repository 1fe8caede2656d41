//! `cordon corpus` from end to end: made up, put into a topic, judged there, taken out again with pseudonyms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

use cordon_records::Topic;
use cordon_runtime::kafka::{MemoryBroker, commit_end};
use serde_json::Value;

/// A broker and a folder with a configuration.
struct World {
    broker: MemoryBroker,
    folder: tempfile::TempDir,
}

impl World {
    fn open() -> Self {
        let (broker, folder) = (MemoryBroker::start().unwrap(), tempfile::tempdir().unwrap());
        let world = Self { broker, folder };
        let config = format!("kafka: {{bootstrap_servers: '{}'}}\n", world.broker.bootstrap());
        std::fs::write(world.path("cordon.yaml"), config).unwrap();
        std::fs::write(world.path("key"), "0123456789abcdef0123456789abcdef").unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cordon(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command.args(line.split(' ')).current_dir(self.folder.path()).env_remove("CORDON_CONFIG");
        // Never the cache of whoever runs the tests.
        command.env("CORDON_CACHE", self.path("cache"));
        command.output().expect("cordon starts")
    }

    /// The same, when it has to end well: what it printed.
    fn done(&self, line: &str) -> String {
        let output = self.cordon(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corpus_goes_into_a_topic_and_out_again_and_rules_count_the_same_on_every_way() {
    let world = World::open();
    world.done("corpus generate --alerts 300 --output made.ndjson.zst");
    let told = world.done("corpus import --config cordon.yaml --input made.ndjson.zst --into-live");
    assert!(told.contains("records written to cordon.enriched, 0 could not be read"), "{told}");
    let export = "corpus export --config cordon.yaml --output";
    world.done(&format!("{export} plain.ndjson.zst"));
    for name in ["one", "two"] {
        let output = world.cordon(&format!("{export} {name}.ndjson --pseudonyms file:./key"));
        let told = text(&output.stderr);
        assert!(
            output.status.success() && told.contains("records exported") && !told.contains("0123456789abcdef"),
            "{told}"
        );
    }
    let (one, two) =
        (std::fs::read(world.path("one.ndjson")).unwrap(), std::fs::read(world.path("two.ndjson")).unwrap());
    assert!(one == two && !one.is_empty(), "two exports with one key are equal");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let counts = |from: &str| {
        let document: Value =
            serde_json::from_str(&world.done(&format!("backtest --rules {rules} {from} -o json"))).unwrap();
        (document["records"].clone(), document["rules"].clone(), document["totals"]["after"].clone())
    };
    let made = counts("--input made.ndjson.zst");
    for from in ["--config cordon.yaml", "--input plain.ndjson.zst", "--input one.ndjson"] {
        let counted = counts(from);
        assert_eq!((&counted.0, &counted.2), (&made.0, &made.2), "{from}");
        let matched =
            |rules: &Value| rules.as_array().unwrap().iter().map(|it| it["matched"].clone()).collect::<Vec<_>>();
        assert_eq!(matched(&counted.1), matched(&made.1), "{from}");
    }
    assert!(world.path("cache").is_dir(), "what backtests keep of the records is kept there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_stages_read_or_may_read_is_left_alone_unless_that_is_meant() {
    let world = World::open();
    world.done("corpus generate --alerts 3 --output made.ndjson");
    let import = "corpus import --config cordon.yaml --input made.ndjson";
    let kafka = world.broker.settings();
    commit_end(&kafka, cordon_act::DECIDE_GROUP, Topic::Enriched).await.unwrap();
    let refused = world.cordon(import);
    let told = text(&refused.stderr);
    assert!(
        refused.status.code() == Some(1) && told.contains("decide has read here") && told.contains("--into-live"),
        "{told}"
    );
    assert!(
        text(&world.cordon("corpus export --config cordon.yaml").stderr).contains("cannot read any record"),
        "nothing was written"
    );
    world.done(&format!("{import} --into-live"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_records_is_left_alone_though_nobody_reads_it_yet() {
    let world = World::open();
    world.done("corpus generate --alerts 3 --output made.ndjson");
    let import = "corpus import --config cordon.yaml --input made.ndjson";
    let told = world.done(&format!("{import} --into-live"));
    let refused = world.cordon(import);
    let again = text(&refused.stderr);
    let written = told.split(' ').next().unwrap();
    let why = format!("error: {written} records have been written to cordon.enriched");
    assert!(refused.status.code() == Some(1) && again.starts_with(&why) && again.contains("--into-live"), "{again}");
    let exported = world.cordon("corpus export --config cordon.yaml --output out.ndjson");
    assert!(text(&exported.stderr).starts_with(&format!("{written} records exported")), "nothing was written");
    assert_eq!(world.done(&format!("{import} --into-live")), told, "it is meant");
}

#[test]
fn inputs_that_are_none_end_with_a_sentence_and_with_2() {
    let world = World::open();
    std::fs::write(world.path("garbage.ndjson"), "garbage\n{}\n").unwrap();
    for (line, said) in [
        ("corpus export --input missing.ndjson", "cannot read missing.ndjson"),
        ("corpus export --input garbage.ndjson", "cannot read any record"),
        (
            "corpus export --input garbage.ndjson --pseudonyms 0123456789abcdef0123456789abcdef",
            "env:NAME or file:/path",
        ),
        ("corpus import --config cordon.yaml --input missing.ndjson --into-live", "cannot read missing.ndjson"),
        ("corpus import --config cordon.yaml --input garbage.ndjson --into-live", "cannot read any record"),
    ] {
        let output = world.cordon(line);
        let told = text(&output.stderr);
        assert!(
            output.status.code() == Some(2) && told.contains(said) && !told.contains("0123456789abcdef"),
            "{line}: {told}"
        );
    }
}
