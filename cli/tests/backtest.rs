//! `cordon backtest`: it ends and prints as `cordon-backtest` does, and a rules repository can use it as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const ISOLATE_HIGH: &str = include_str!("../../deploy/rules/isolate-high.yaml");
const ENRICHED: &str = include_str!("../../common/records/examples/v1/enriched.json");

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Without a home and without a word where, there is no cache.
fn cordon(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    for name in ["CORDON_CONFIG", "CORDON_CACHE", "HOME", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    command.arg("backtest").args(args).output().expect("cordon starts")
}

#[test]
fn the_help_tells_examples_and_exit_codes() {
    insta::assert_snapshot!(text(&cordon(&["--help"]).stdout));
}

#[test]
fn rules_that_cannot_be_read_end_with_78_and_a_missing_file_with_2() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules/isolate-high.yaml");
    assert_eq!(cordon(&["--rules", "missing.yaml", "--input", "missing"]).status.code(), Some(78));
    let output = cordon(&["--rules", rules, "--input", "missing"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).starts_with("error: cannot read missing: "), "{}", text(&output.stderr));
}

/// A repository of rules, as `deploy/ci/backtest.sh` expects one.
fn repository(rule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, rule) in [("rules", rule), ("before", ISOLATE_HIGH)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("isolate-high.yaml"), rule).unwrap();
    }
    let mut record: Value = serde_json::from_str(ENRICHED).unwrap();
    record["machine"]["osPlatform"] = "Windows11".into();
    std::fs::write(folder.path().join("corpus.ndjson.zst"), format!("{record}\n")).unwrap();
    folder
}

fn script(folder: &Path, gates: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/ci/backtest.sh");
    let binaries = Path::new(env!("CARGO_BIN_EXE_cordon")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(binaries).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new("bash");
    command.arg(script).args(["before", "out"]).current_dir(folder).env("PATH", path);
    command.env("CORDON_CACHE", folder.join("cache"));
    // As in the image, where a configuration is named for the stages.
    command.env("CORDON_CONFIG", "/etc/cordon/cordon.yaml").env("GATES", gates).output().expect("bash starts")
}

#[test]
fn the_script_of_the_workflows_lints_tests_and_backtests_and_its_code_is_the_gates() {
    let out = |folder: &Path, name: &str| -> PathBuf { folder.join("out").join(name) };
    for (rule, gates, code) in [
        (ISOLATE_HIGH, "--max-added isolate=0", 0),
        (ISOLATE_HIGH, "--max-total isolate=0 --deny never-list,errors", 1),
        ("id: broken\n", "--max-added isolate=0", 1),
    ] {
        let folder = repository(rule);
        let output = script(folder.path(), gates);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert_eq!(folder.path().join("cache").is_dir(), rule != "id: broken\n", "what is kept of the records: {told}");
        let results = ["comment.md", "report.html", "rules.xml", "backtest.xml"];
        let made = results.map(|name| out(folder.path(), name).exists());
        assert_eq!(made, [rule != "id: broken\n"; 4], "{told}");
    }
}
