//! The binary as an operator meets it: its help, and wrong configuration told all at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::{Command, Output};

fn act(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon-act")).args(args).env("NONE", "s").output().expect("cordon-act starts")
}

fn check(config: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordon.yaml");
    std::fs::write(&path, config).unwrap();
    std::fs::write(folder.path().join("broken.yaml"), "id: broken\nwhen: alert.severty == \"High\"\nactions: []\n")
        .unwrap();
    std::fs::write(folder.path().join("rule.yaml"), include_str!("../../deploy/rules/isolate-high.yaml")).unwrap();
    let output = act(&["--check", "--config", path.to_str().unwrap()]);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_help_names_every_flag() {
    let help = String::from_utf8(act(&["--help"]).stdout).unwrap();
    insta::assert_snapshot!(help);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_a_suggestion() {
    let (code, text) = check(
        "kafka: {bootstrap_servers: 'localhost:9092'}\n\
         defender: {tenant_id: t, client_id: c, client_secret: literal, api_urll: x}\n\
         act:\n  mode: autoo\n  rules: [broken.yaml]\n  settle: 5s\n  guards: missing.yaml\n",
    );
    assert_eq!(code, Some(78), "{text}");
    for part in
        ["api_urll", "api_url", "client_secret", "act.mode", "auto", "severty", "severity", "settle", "missing.yaml"]
    {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert!(!text.contains("literal\n"), "the secret is shown:\n{text}");
}

#[test]
fn a_settle_time_that_could_act_twice_is_refused() {
    let (code, text) = check(
        "kafka: {bootstrap_servers: 'localhost:9092'}\n\
         defender: {tenant_id: t, client_id: c, client_secret: 'env:NONE'}\n\
         act: {rules: [broken.yaml], settle: 109s}\n",
    );
    assert_eq!(code, Some(78));
    assert!(text.contains("at least 110s"), "{text}");
}

#[test]
fn times_and_attempts_that_make_no_sense_are_refused_all_at_once_and_say_what_would() {
    let (code, text) = check(
        "kafka: {bootstrap_servers: 'localhost:9092'}\n\
         defender: {tenant_id: t, client_id: c, client_secret: 'env:NONE'}\n\
         act: {rules: [rule.yaml], alarm_after: 5s, retry: {attempts: 6, after: 1s, afterr: 5m}}\n",
    );
    assert_eq!(code, Some(78));
    for part in ["act.alarm_after", "at least 60s", "act.retry.attempts", "from 1 to 5", "act.retry.after", "afterr"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn the_decide_role_needs_no_credential_and_half_a_credential_is_a_mistake() {
    let rest = "kafka: {bootstrap_servers: 'localhost:9092'}\nact: {rules: [rule.yaml]}\n";
    let (code, text) = check(&format!("{rest}defender: {{tenant_id: t}}\n"));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = check(&format!("{rest}defender: {{tenant_id: t, client_id: c}}\n"));
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("client_secret"), "{text}");
}
