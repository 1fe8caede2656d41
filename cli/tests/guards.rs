//! `cordon guards` as a person meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::Command;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/guards.example.yaml");

/// Exit code, standard output and standard error.
fn cordon(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cordon")).args(args).output().expect("cordon starts");
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Two keys of Ann, one of them on two lines, and one of Bob.
const PEOPLE: &str = "ann ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
ann,ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
ann ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC
bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD
";

/// A folder with one guards file and one of people, and the guards file's path.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.signers"), PEOPLE).unwrap();
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
    assert_eq!((code, told["valid"].as_bool(), told["warnings"].as_array().unwrap().len()), (Some(0), Some(true), 4));
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

#[test]
fn the_people_that_the_guards_name_are_counted_and_a_file_of_nobody_is_warned_of() {
    let (folder, path) = file("approvals: {allowed_signers: people.signers}");
    let (code, out, err) = cordon(&["guards", "check", &path]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\nsigners           3 keys of 2 people\n") && !out.contains("warning"), "{out}");
    let one = PEOPLE.lines().last().unwrap();
    std::fs::write(folder.path().join("people.signers"), one).unwrap();
    assert!(cordon(&["guards", "check", &path]).1.contains("1 key of 1 person\n"));
    std::fs::write(folder.path().join("people.signers"), "# nobody yet\n").unwrap();
    let (code, out, _) = cordon(&["guards", "check", "--deny-warnings", &path]);
    assert_eq!(code, Some(1));
    assert!(out.contains("warning: approvals.allowed_signers: the file holds no key, so nobody can approve"), "{out}");
}

#[test]
fn wrong_lines_among_the_people_and_a_file_that_is_not_there_end_with_78_and_their_places() {
    let (folder, path) = file("approvals: {allowed_signers: people.signers}");
    let people = folder.path().join("people.signers");
    std::fs::write(&people, format!("{PEOPLE}*@example.com ssh-ed25519 AAAA\ncarl\n")).unwrap();
    let (code, out, err) = cordon(&["guards", "check", &path]);
    assert_eq!((code, out.as_str()), (Some(78), ""));
    for place in ["people.signers:5:1", "people.signers:6:5"] {
        assert!(err.contains(place), "{place} is missing in\n{err}");
    }
    let (code, out, _) = cordon(&["guards", "check", "-o", "json", &path]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let problem = &told["problems"][0];
    assert_eq!((code, told["valid"].as_bool(), problem["line"].as_u64()), (Some(78), Some(false), Some(5)));
    assert!(problem["file"].as_str().unwrap().ends_with("people.signers"), "{problem}");

    std::fs::remove_file(&people).unwrap();
    let (code, _, err) = cordon(&["guards", "check", &path]);
    assert_eq!(code, Some(78));
    assert!(err.contains("people.signers") && err.contains("the file of allowed signers cannot be read"), "{err}");
}

/// What a file may hold to fool the terminal that shows it: a cleared screen, a turned direction, an invisible tag.
const HOSTILE: &str = "x\\e[2J\\u202E\\u2066y";

fn is_harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[test]
fn nothing_of_a_file_is_obeyed_by_the_terminal_that_shows_it() {
    let work = "from: '2020-03-01T22:00:00Z', to: '2020-03-02T04:00:00Z'";
    let text = format!(
        "scope: {{tags: [\"{HOSTILE}\"]}}\nnever: {{tags: [\"{HOSTILE}\"], names: [\"{HOSTILE}\"]}}\n\
         maintenance: [{{tags: [\"{HOSTILE}\"], {work}, by: \"{HOSTILE}\", why: \"a\\nwarning: b\"}}]\n"
    );
    let (_folder, path) = file(&text);
    for args in [&["guards", "check", &path][..], &["guards", "print", "--guards", &path]] {
        let (code, out, err) = cordon(args);
        assert_eq!(code, Some(0), "{err}");
        assert!(is_harmless(&out) && out.contains("202e"), "{out:?}");
        assert!(!out.contains("\nwarning: b"), "a line break forges no warning: {out}");
    }
    let (_, printed, _) = cordon(&["guards", "print", "--guards", &path]);
    let (_again, again) = file(&printed);
    assert_eq!(cordon(&["guards", "print", "--guards", &again]).1, printed, "it means the same");

    let wrong = format!("hold: {{kinds: [\"{HOSTILE}\"]}}\nnever: {{names: ['\u{202e}', '']}}\n\u{202e}a: 1\n");
    let (_folder, path) = file(&wrong);
    let (code, out, err) = cordon(&["guards", "check", &path]);
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert!(is_harmless(&err) && err.contains("is no kind of action"), "{err:?}");
}
