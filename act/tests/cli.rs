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

#[test]
fn a_candidate_and_a_replay_only_decide_and_go_with_no_flag_of_what_acts() {
    for (args, why) in [
        (&["--candidate", "next"][..], "give --role decide with --candidate"),
        (&["--candidate", "next", "--role", "respond"], "give --role decide with --candidate"),
        (&["--candidate", "Next", "--role", "decide"], "small letters, digits and dashes"),
        (&["--candidate", "next", "--role", "decide", "--init-ledger"], "cannot be used with"),
        (&["--replay-from", "-1d", "--replay-name", "x"], "give --role decide with a replay"),
        (&["--replay-from", "-1d", "--replay-name", "x", "--role", "respond"], "respond cannot be replayed"),
        (&["--replay-from", "-1d", "--role", "decide"], "--replay-name"),
        (&["--replay-name", "x", "--role", "decide"], "--replay-from"),
        (&["--replay-from", "-1d", "--replay-name", "x", "--role", "decide", "--candidate", "y"], "what runs live"),
        (&["--replay-from", "-1d", "--replay-to", "-2d", "--replay-name", "x", "--role", "decide"], "nothing between"),
    ] {
        let output = act(&[args, &["--config", "missing.yaml"]].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && told.contains(why), "{args:?}: {told}");
    }
}

#[test]
fn a_replay_is_told_of_no_credential_even_where_the_file_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordon.yaml");
    std::fs::write(folder.path().join("rule.yaml"), include_str!("../../deploy/rules/isolate-high.yaml")).unwrap();
    let config = "kafka: {bootstrap_servers: 'localhost:9092'}\nact: {rules: [rule.yaml]}\n\
         defender: {tenant_id: t, client_id: c, client_secret: 'env:NOT_THERE'}\n";
    std::fs::write(&path, config).unwrap();
    let check = ["--check", "--config", path.to_str().unwrap(), "--role", "decide"];
    assert_eq!(act(&check).status.code(), Some(78), "--check looks whether each secret can be had");
    let output = act(&[&check[..], &["--replay-from", "-1d", "--replay-name", "x"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8(output.stderr).unwrap());
}
