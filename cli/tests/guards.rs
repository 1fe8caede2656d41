//! `cordon guards` as a person meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::Command;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/guards.example.yaml");

/// Exit code, standard output and standard error.
fn cordon(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cordon")).args(args).output().expect("cordon starts");
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A folder with one guards file, and the file's path.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guards.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

const ODD: &str = "scope: {tags: [cordon-never]}
caps: {all_rules: {1h: 20}, per_rule: {1h: 25}, per_device_group: {1h: 5}}
approvals: {allowed_signers: people.signers, two_people: {above: {1h: 5}}}
maintenance:
  - {tags: [patching], from: \"2020-03-01T22:00:00Z\", to: \"2020-03-02T04:00:00Z\", by: ana, why: server patching}
";

#[test]
fn the_help_tells_examples_and_exit_codes() {
    for command in [&["guards", "--help"][..], &["guards", "print", "--help"], &["guards", "check", "--help"]] {
        let name = command.join("_").replace("-", "");
        insta::assert_snapshot!(name, cordon(command).1);
    }
}

#[test]
fn without_a_file_the_built_in_guards_are_printed_and_all_are_marked_so() {
    let (code, out, _) = cordon(&["guards", "print"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(out);
}

#[test]
fn what_is_printed_is_a_valid_file_that_prints_as_itself() {
    for output in ["text", "json"] {
        let (_folder, path) = file(ODD);
        let (code, first, _) = cordon(&["guards", "print", "--guards", &path, "-o", output]);
        assert_eq!(code, Some(0));
        let again = match output {
            "json" => serde_json::from_str::<serde_json::Value>(&first).unwrap()["guards"].to_string(),
            _ => first.clone(),
        };
        let (_folder, path) = file(&again);
        assert_eq!(cordon(&["guards", "print", "--guards", &path, "-o", output]).1, first);
    }
}

#[test]
fn the_guards_that_a_configuration_names_are_printed() {
    let (folder, _) = file("never: {names: ['dc*']}");
    let config = folder.path().join("cordon.yaml");
    std::fs::write(&config, "act: {guards: guards.yaml}\n").unwrap();
    let (code, out, err) = cordon(&["guards", "print", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("names: [\"dc*\"]"), "{out}");
}

#[test]
fn a_valid_file_is_told_in_words_with_warnings_that_can_be_denied() {
    let (_folder, path) = file(ODD);
    let (code, out, err) = cordon(&["guards", "check", &path]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(out.replace(&path, "guards.yaml"));
    assert_eq!(cordon(&["guards", "check", "--deny-warnings", &path]).0, Some(1));

    let (code, out, _) = cordon(&["guards", "check", "-o", "json", &path]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, told["valid"].as_bool(), told["warnings"].as_array().unwrap().len()), (Some(0), Some(true), 3));
}

#[test]
fn the_shipped_example_is_valid() {
    assert_eq!(cordon(&["guards", "check", EXAMPLE]).0, Some(0));
}

#[test]
fn an_invalid_file_ends_with_78_and_every_mistake_at_its_place() {
    let (_folder, path) = file("nevr: {}\nhold: {kinds: [isolat]}\n");
    let (code, out, err) = cordon(&["guards", "check", &path]);
    assert_eq!((code, out.as_str()), (Some(78), ""));
    insta::assert_snapshot!(err.replace(&path, "guards.yaml"));
    let (code, out, _) = cordon(&["guards", "check", "-o", "json", &path]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, told["problems"].as_array().unwrap().len()), (Some(78), 2));
    for missing in [&["guards", "check", "no-such-file"][..], &["guards", "print", "--guards", "no-such-file"]] {
        let (code, _, err) = cordon(missing);
        assert_eq!(code, Some(78));
        assert!(err.contains("cannot be read"), "{err}");
    }
}
