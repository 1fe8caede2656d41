//! `cordon` as a person meets it: help, the demo, checks that say what is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use cordon_runtime::telemetry::TelemetrySettings;
use cordon_settings::{Document, Reader};

fn cordon(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(args).output().expect("cordon starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_help_names_every_command() {
    insta::assert_snapshot!(text(&cordon(&["--help"]).stdout));
}

#[test]
fn the_demo_isolates_the_workstation_once_spares_the_domain_controller_and_keeps_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let output = cordon(&["demo", "--exit", "--out", folder.path().to_str().unwrap()]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", text(&output.stderr));
    let sum = "5 in = 5 decided. 2 calls: 1 confirmed, 1 pending. 1 refused, 0 lost, 0 twice, 4 mails.";
    assert!(told.contains(sum), "{told}");

    let requests = lines(&folder.path().join("requests.jsonl"));
    let isolated: Vec<&str> = requests
        .iter()
        .filter(|request| request["method"] == "POST" && request["status"] == 201)
        .filter_map(|request| request["path"].as_str())
        .collect();
    assert_eq!(isolated.len(), 2, "{isolated:?}");
    assert!(isolated[0].ends_with("c04d00/isolate"), "the workstation first: {isolated:?}");
    assert!(isolated[1].ends_with("c04d03/isolate"), "then the machine that is off: {isolated:?}");
    assert!(requests.iter().all(|request| request["time"].is_string()));

    let unfolded = |mail: String| mail.replace("\r\n ", " ");
    let mail = |name| unfolded(std::fs::read_to_string(folder.path().join("mail").join(name)).unwrap());
    assert!(mail("01.eml").contains("on LAPTOP-ANNA: isolation requested, not yet confirmed"));
    assert!(mail("02.eml").contains("on LAPTOP-ANNA: isolated"));
    assert!(mail("03.eml").contains("on DC-01: NOT isolated"));

    let alerts = lines(&folder.path().join("topics/alerts.jsonl"));
    assert_eq!(alerts.len(), 5);
    for part in ["partition", "offset", "key", "headers", "value"] {
        assert!(!alerts[0][part].is_null(), "{part} is missing: {}", alerts[0]);
    }
    assert_eq!(alerts[0]["headers"]["ce_specversion"], "1.0");
    assert_eq!(lines(&folder.path().join("topics/dead-letters.jsonl")).len(), 0);
}

fn with_config(command: &[&str], config: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordon.yaml");
    std::fs::write(&path, config).unwrap();
    std::fs::write(folder.path().join("rule.yaml"), include_str!("../../deploy/rules/isolate-high.yaml")).unwrap();
    std::fs::write(folder.path().join("secret"), "s").unwrap();
    let config = config.replace("SECRET", folder.path().join("secret").to_str().unwrap());
    std::fs::write(&path, config).unwrap();
    let args: Vec<&str> = command.iter().copied().chain(["--config", path.to_str().unwrap()]).collect();
    let output = cordon(&args);
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn check_tells_all_mistakes_of_all_stages_at_once_and_ends_with_78() {
    let (code, told) = with_config(
        &["check"],
        "ingest: {poll_interval: 15}\nenrich: {lookups: [machines]}\nact: {mode: on, rules: [nowhere.yaml]}\n\
         notify: {}\nnotifyy: {}\n",
    );
    assert_eq!(code, Some(78), "{told}");
    for part in ["tenant_id", "poll_interval", "lookups", "act.mode", "nowhere.yaml", "notify", "notifyy"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
}

#[test]
fn check_against_nothing_that_answers_says_so_for_each_part_and_ends_with_69() {
    let (code, told) = with_config(
        &["check"],
        "kafka: {bootstrap_servers: '127.0.0.1:1'}\n\
         defender: {tenant_id: t, client_id: c, client_secret: 'file:SECRET', api_url: 'http://127.0.0.1:1', authority_url: 'http://127.0.0.1:1'}\n\
         act: {rules: [rule.yaml]}\n\
         notify: {smtp: {url: 'smtp://127.0.0.1:1', from: a@example.com, to: [b@example.com]}}\n",
    );
    assert_eq!(code, Some(69), "{told}");
    for part in ["FAIL  broker", "FAIL  clock", "FAIL  defender token", "FAIL  mail"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
}

#[test]
fn a_command_that_cannot_be_signed_says_so_before_it_reads_or_shows_anything() {
    let config = "kafka: {bootstrap_servers: '127.0.0.1:1'}\ndefender: {tenant_id: t}\n";
    let key = "acee6df23fcd80b6";
    for command in [
        &["approve", key][..],
        &["release", "LAPTOP-ANNA"],
        &["retry", key],
        &["cancel", key],
        &["resume", "breaker_latched@2026-11-22T18:00:00Z"],
    ] {
        let args: Vec<&str> = command.iter().copied().chain(["--why", "x", "--key", "/nowhere/id"]).collect();
        let (code, told) = with_config(&args, config);
        assert_eq!((code, told.lines().count()), (Some(2), 1), "{command:?}: {told}");
        assert!(told.contains("there is no key file /nowhere/id"), "{told}");
    }
    let pasted =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----";
    let (code, told) = with_config(&["approve", key, "--why", "x", "--key", pasted], config);
    assert!(code == Some(2) && told.contains("a private key was given") && !told.contains("b3Blb"), "{told}");
}

/// How a command ends when nobody reads what it prints, as behind `| head` and `2>&1 | head`.
fn unread(args: &[&str]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command.args(args).stdout(writer.try_clone().unwrap()).stderr(writer);
    command.status().unwrap().code()
}

#[test]
fn a_command_whose_reader_has_gone_ends_as_it_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let secret = path("secret");
    std::fs::write(&secret, "s").unwrap();
    let unreachable = format!(
        "kafka: {{bootstrap_servers: '127.0.0.1:1'}}\n\
         defender: {{tenant_id: t, client_id: c, client_secret: 'file:{secret}', api_url: 'http://127.0.0.1:1', authority_url: 'http://127.0.0.1:1'}}\n\
         act: {{rules: ['{rules}']}}\nnotify: {{smtp: {{url: 'smtp://127.0.0.1:1', from: a@example.com, to: [b@example.com]}}}}\n"
    );
    std::fs::write(path("cordon.yaml"), unreachable).unwrap();
    std::fs::write(path("wrong.yaml"), "kafka: {}\n").unwrap();
    let (config, wrong) = (path("cordon.yaml"), path("wrong.yaml"));
    for (args, expected) in [
        (&["rules", "lint", rules][..], 0),
        (&["rules", "test", "--run", "no such test", rules], 1),
        (&["check", "--config", &config], 69),
        (&["approvals", "list", "--config", &wrong], 78),
        (&["isolated", "--config", &wrong], 78),
        (&["--help"], 0),
    ] {
        assert_eq!(unread(args), Some(expected), "{args:?}");
    }
}

#[test]
fn the_shipped_example_configuration_is_read_without_a_mistake() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/cordon.example.yaml");
    for stage in ["ingest", "enrich", "act", "notify"] {
        assert!(std::fs::read_to_string(&example).unwrap().contains(&format!("\n{stage}:")));
    }
    let output = cordon(&["check", "--read-only", "--config", example.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = "ok    polls            auto (3.2 s): an alert waits 1.6 s for its poll in the median\n";
    assert!(text(&output.stdout).contains(told), "{}", text(&output.stdout));
}

#[test]
fn four_stages_that_start_on_one_host_with_the_shipped_example_have_a_port_each() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/cordon.example.yaml");
    let document = Document::parse("cordon.yaml", &std::fs::read_to_string(example).unwrap()).unwrap();
    let reader = Reader::new(&document);
    let listen = TelemetrySettings::read(&mut reader.root().section("telemetry")).listen;
    let ports: BTreeSet<u16> =
        ["ingest", "enrich", "act", "notify"].map(|stage| listen.of(stage).unwrap().port()).into();
    assert_eq!(ports.len(), 4, "{listen:?}");
}
