//! The process's command line, and its refusal of settings that cannot work.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-notify"));
    command.args(arguments).env_clear().envs([("P", "s"), ("SMTP_PASSWORD", "s")]).output().unwrap()
}

/// Runs `--check` on these settings; gives the exit code and everything that was said.
fn check(settings: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordon.yaml");
    std::fs::write(&path, settings).unwrap();
    let output = run(&["--config", path.to_str().unwrap(), "--check"]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said.replace(&format!("{}/", folder.path().display()), ""))
}

const KAFKA: &str = "kafka: {bootstrap_servers: 'localhost:9092'}\n";

#[test]
fn the_help_is_as_reviewed() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("help", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    assert_eq!(run(&["--frobnicate"]).status.code(), Some(2));
}

#[test]
fn good_settings_pass() {
    for notify in [
        "notify: {smtp: {url: 'smtp://mail.contoso.com:587', username: cordon, password: 'env:SMTP_PASSWORD', \
         from: 'Cordon <cordon@contoso.com>', to: [soc@contoso.com]}}",
        "notify: {smtp: {url: 'smtp://127.0.0.1:2525', from: cordon@contoso.com, to: [soc@contoso.com]}}",
        "notify: {smtp: {url: 'smtp://[::1]', username: a, password: 'env:P', from: c@contoso.com, to: [s@contoso.com]}}",
    ] {
        let (code, said) = check(&format!("{KAFKA}{notify}\n"));
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn every_mistake_is_told_at_its_place_and_the_exit_code_is_78() {
    let cases = [
        ("nothing", String::new()),
        ("no_way_out", "notify: {}\n".to_owned()),
        ("two_ways_out", "notify:\n  smtp: {url: 'smtp://localhost', from: a@b.c, to: [a@b.c]}\n  graph: {sender: a@b.c, to: [a@b.c]}\n".to_owned()),
        ("wrong_scheme", "notify:\n  smtp: {url: 'https://mail', from: nobody, to: []}\n".to_owned()),
        ("misspelt", "notify:\n  smtp: {ulr: 'smtp://mail', from: a@b.c, to: [a@b.c]}\n".to_owned()),
        ("readable_password", "notify:\n  smtp: {url: 'smtp://mail', allow_plaintext: true, username: a, password: 'env:P', from: a@b.c, to: [a@b.c]}\n".to_owned()),
        ("spans", "notify:\n  give_up_after: 10s\n  digest_after: 2h\n  smtp: {url: 'smtp://localhost', from: a@b.c, to: [a@b.c]}\n".to_owned()),
        ("password_in_file", "notify:\n  smtp: {url: 'smtps://mail', username: a, password: hunter2, from: a@b.c, to: [a@b.c]}\n".to_owned()),
    ];
    for (name, notify) in cases {
        let (code, said) = check(&format!("{KAFKA}{notify}"));
        assert_eq!(code, Some(78), "{name}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        insta::assert_snapshot!(format!("settings_{name}"), said);
    }
}
