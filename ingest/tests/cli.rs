//! The binary's command line and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::Write;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-ingest"));
    command.args(args).env_clear().env("COLUMNS", "100").env("SECRET", "s").output().unwrap()
}

fn check(configuration: &str) -> Output {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(configuration.as_bytes()).unwrap();
    run(&["--check", "--config", file.path().to_str().unwrap()])
}

#[test]
fn help_names_every_flag() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    insta::assert_snapshot!(String::from_utf8(help.stdout).unwrap());
}

#[test]
fn a_bad_configuration_is_refused_with_every_mistake_at_once() {
    let answer = check(
        "kafka: {bootstrap_servers: 'localhost:9092'}\n\
         defender: {client_id: c, client_secret: 'env:SECRET'}\n\
         ingest:\n  poll_interval: 15\n  overlap: 1s\n  page_sizes: 10\n  lookback: 1h\n",
    );
    let text = String::from_utf8(answer.stderr).unwrap();
    assert_eq!(answer.status.code(), Some(78), "{text}");
    for part in ["tenant_id", "poll_interval", "overlap", "page_sizes", "page_size"] {
        assert!(text.contains(part), "{part} is not complained about:\n{text}");
    }
}

#[test]
fn defaults_are_enough_beside_broker_and_identity() {
    let answer = check(
        "kafka: {bootstrap_servers: 'localhost:9092'}\n\
         defender: {tenant_id: contoso.example, client_id: c, client_secret: 'env:SECRET'}\n\
         act: {mode: shadow}\n",
    );
    assert_eq!(answer.status.code(), Some(0), "{}", String::from_utf8_lossy(&answer.stderr));
}

#[test]
fn nothing_that_is_recorded_can_be_replayed_by_a_stage_without_input_topic() {
    let answer = run(&["--config", "missing.yaml", "--replay-from", "-1d", "--replay-name", "x"]);
    let text = String::from_utf8(answer.stderr).unwrap();
    assert!(answer.status.code() == Some(2) && text.contains("cordon-ingest has no input topic"), "{text}");
}
