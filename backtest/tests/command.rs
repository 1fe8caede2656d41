//! `cordon-backtest` as a person and a CI system meet it: what it says, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A folder with rules and records, in which the program runs.
struct Desk(tempfile::TempDir);

struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

fn rule(severities: &str) -> String {
    format!(
        "id: isolate\ndescription: Isolate\nmode: auto\nwhen: alert.severity in [{severities}]\nactions:\n  - isolate: \
         {{type: Full, comment: x}}\ntests:\n  - name: High isolates\n    given: {{alert: {{severity: High}}}}\n    \
         expect: [isolate]\n"
    )
}

/// One enriched alert on a machine of its own.
fn record(number: u32, severity: &str) -> Value {
    let at = format!("2026-09-{:02}T08:00:00Z", number + 1);
    let (machine, name) = (format!("{number:040x}"), format!("lap-{number}.corp.example"));
    json!({
        "schema_version": 1, "id": format!("r{number}"), "alert_id": format!("da{number}_1"), "tenant": "t-1",
        "source": "mde", "change": "new", "seen_at": at, "enriched_at": at,
        "alert": {
            "id": format!("da{number}_1"), "title": "</script>\u{1b}[2J", "severity": severity, "status": "New",
            "category": "Malware", "detectionSource": "WindowsDefenderAtp", "machineId": machine,
            "computerDnsName": name, "alertCreationTime": at, "lastEventTime": at, "lastUpdateTime": at,
        },
        "machine": {
            "id": machine, "computerDnsName": name, "osPlatform": "Windows11", "healthStatus": "Active",
            "onboardingStatus": "Onboarded", "riskScore": "Medium", "exposureLevel": "Low", "deviceValue": "Normal",
            "machineTags": [],
        },
    })
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.put("old.yaml", &rule("\"High\""));
        desk.put("new.yaml", &rule("\"High\", \"Medium\""));
        desk.put("broken.yaml", "id: broken\nwhen: alert.severty == \"High\"\n");
        let records = ["High", "Medium", "Medium", "Low"].into_iter().zip(0..);
        let lines: Vec<String> = records.map(|(severity, number)| record(number, severity).to_string()).collect();
        desk.put("corpus.ndjson", &(lines.join("\n") + "\nno record\n"));
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Without a home there is no cache, unless `args` ask for one.
    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-backtest"));
        command.args(args.split_whitespace()).current_dir(self.path()).env_clear();
        command
    }

    fn run(&self, args: &str) -> Told {
        let output = self.command(args).output().expect("cordon-backtest starts");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn the_help_tells_examples_and_exit_codes() {
    insta::assert_snapshot!(Desk::new().run("--help").out);
}

#[test]
fn the_code_tells_what_the_table_says_in_words() {
    let desk = Desk::new();
    let told = desk.run("--rules new.yaml --against old.yaml --input corpus.ndjson");
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{}", told.out);
    insta::assert_snapshot!(told.out);
}

#[test]
fn every_ending_has_its_code() {
    let desk = Desk::new();
    let both = "--rules new.yaml --against old.yaml --input corpus.ndjson";
    for (args, code, said) in [
        ("--rules old.yaml --against old.yaml --input corpus.ndjson".to_owned(), 0, ""),
        ("--rules new.yaml --input corpus.ndjson".to_owned(), 0, ""),
        (format!("{both} --max-added isolate=2"), 0, ""),
        (format!("{both} --max-added isolate=1"), 1, ""),
        (format!("{both} --max-added isolat=1"), 2, "did you mean isolate?"),
        ("--rules new.yaml".to_owned(), 2, "--config <FILE>"),
        ("--rules new.yaml --input missing".to_owned(), 2, "cannot read missing"),
        ("--rules new.yaml --input new.yaml".to_owned(), 2, "there is no record to judge"),
        ("--rules broken.yaml --input corpus.ndjson".to_owned(), 78, "did you mean"),
    ] {
        let told = desk.run(&args);
        assert_eq!(told.code, Some(code), "{args}\n{}{}", told.out, told.err);
        assert!(if said.is_empty() { told.err.is_empty() } else { told.err.contains(said) }, "{args}\n{}", told.err);
    }
}

#[test]
fn a_configuration_that_the_environment_names_for_the_stages_is_of_no_account_for_files() {
    let desk = Desk::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-backtest"));
    let args = "--rules new.yaml --input corpus.ndjson -o json".split(' ');
    let output = command.args(args).current_dir(desk.path()).env("CORDON_CONFIG", "/missing.yaml").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn after_a_kill_in_the_middle_of_writing_the_cache_the_next_run_is_right() {
    let desk = Desk::new();
    let from: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let mut many = std::io::BufWriter::new(std::fs::File::create(desk.path().join("many.ndjson")).unwrap());
    for record in cordon_backtest::corpus::Records::new(1, 4_000, from) {
        serde_json::to_writer(&mut many, &record).unwrap();
        many.write_all(b"\n").unwrap();
    }
    many.into_inner().unwrap().sync_all().unwrap();
    let line = "--rules new.yaml --against old.yaml --input many.ndjson -o json";
    let cached = format!("{line} --cache cache");
    let without = desk.run(line);
    assert_eq!(without.code, Some(1), "{}", without.err);
    let mut child = desk.command(&cached).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let written = || {
        let entries = std::fs::read_dir(desk.path().join("cache")).into_iter().flatten();
        let files = entries.flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap());
        files
            .map(|file| file.unwrap())
            .map(|file| (file.file_name(), file.metadata().unwrap().len()))
            .collect::<Vec<_>>()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let begun = loop {
        let written = written();
        if written.iter().any(|(name, length)| name != "lock" && *length > 0) {
            break written;
        }
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "{written:?}");
    };
    child.kill().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9), "{begun:?}");
    assert!(!written().iter().any(|(name, _)| name == "index"), "it was killed too late: {:?}", written());
    for says in ["1 read", "1 files known"] {
        let told = desk.run(&cached);
        assert_eq!((told.code, &told.out), (Some(1), &without.out), "{}", told.err);
        assert!(told.err.contains(says), "{}", told.err);
    }
}

#[test]
fn one_file_is_not_counted_twice_whatever_it_is_called() {
    let desk = Desk::new();
    std::fs::hard_link(desk.path().join("corpus.ndjson"), desk.path().join("linked.ndjson")).unwrap();
    desk.put("another.ndjson", &std::fs::read_to_string(desk.path().join("corpus.ndjson")).unwrap());
    for (input, code) in [
        ("corpus.ndjson corpus.ndjson", 2),
        ("corpus.ndjson another.ndjson ./corpus.ndjson", 2),
        ("linked.ndjson corpus.ndjson", 2),
        ("corpus.ndjson another.ndjson", 0),
    ] {
        let told = desk.run(&format!("--rules new.yaml --input {input}"));
        assert_eq!(told.code, Some(code), "{input}: {}{}", told.out, told.err);
        assert!(code == 0 || told.err.contains("are one file"), "{}", told.err);
    }
}

#[test]
fn beside_standard_input_no_file_is_read_into_a_cache_that_nobody_would_use() {
    let desk = Desk::new();
    let records = std::fs::File::open(desk.path().join("corpus.ndjson")).unwrap();
    desk.put("another.ndjson", &record(9, "High").to_string());
    let mut command = desk.command("--rules new.yaml --input another.ndjson - --cache cache -o json");
    let output = command.stdin(records).output().unwrap();
    let (told, out) = (String::from_utf8(output.stderr).unwrap(), output.stdout);
    assert!(output.status.success() && told.contains("cache: not used, -: only of files"), "{told}");
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["records"], 5);
    assert!(!desk.path().join("cache").exists(), "{told}");
}

#[test]
fn the_same_records_give_the_same_bytes_in_every_form() {
    let desk = Desk::new();
    let run = |form: &str| {
        let line = format!("--rules new.yaml --against old.yaml --input corpus.ndjson -o {form} --report page.html");
        let told = desk.run(&line);
        assert_eq!(told.code, Some(1), "{}", told.err);
        (told.out, std::fs::read_to_string(desk.path().join("page.html")).unwrap())
    };
    for form in ["table", "json", "jsonl", "markdown", "junit"] {
        assert_eq!(run(form), run(form), "{form}");
    }
    let document: Value = serde_json::from_str(&run("json").0).unwrap();
    assert_eq!(document["records"], 4);
    assert_eq!(document["rules"][0]["matched"], 3);
    assert_eq!(document["actions"]["added"].as_array().unwrap().len(), 2);
    assert_eq!(document["unreadable"]["records"], 1);
    assert_eq!(document["totals"]["after"]["by_hour"]["2026-09-02T08"]["done"], 1);
}

#[test]
fn five_bad_inputs_each_end_in_a_clear_sentence() {
    let desk = Desk::new();
    let all = std::fs::read_to_string(desk.path().join("corpus.ndjson")).unwrap();
    let line = |number: usize| all.lines().nth(number).unwrap().to_owned();
    let packed = zstd::encode_all(all.repeat(200).as_bytes(), 3).unwrap();
    std::fs::write(desk.path().join("cut.ndjson.zst"), &packed[..packed.len() - 9]).unwrap();
    let mut newer: Value = serde_json::from_str(&line(0)).unwrap();
    newer["schema_version"] = json!(99);
    desk.put("newer.ndjson", &format!("{newer}\n"));
    desk.put("mixed.ndjson", &format!("garbage\n{}\n{newer}\n\u{0}\n[1]\n", line(1)));
    desk.put("empty.ndjson", "");
    for (args, code, said) in [
        ("--input cut.ndjson.zst", 2, "error: cannot read cut.ndjson.zst: its zstd data breaks off after "),
        (
            "--input newer.ndjson",
            2,
            "error: there is no record to judge: 0 lie outside of the time; 1 could not be read",
        ),
        (
            "--input empty.ndjson",
            2,
            "error: there is no record to judge: 0 lie outside of the time; 0 could not be read",
        ),
        (
            "--input corpus.ndjson --from 2027-01-01",
            2,
            "4 lie outside of the time, asked for from 2027-01-01T00:00:00Z; 1 could",
        ),
    ] {
        let told = desk.run(&format!("--rules new.yaml {args}"));
        assert!(
            told.code == Some(code) && told.out.is_empty() && told.err.contains(said),
            "{args}\n{}{}",
            told.out,
            told.err
        );
        assert_eq!(told.err.lines().count(), 1, "one sentence: {}", told.err);
    }
    let broken = desk.run("--rules broken.yaml --input corpus.ndjson");
    let said = ["broken.yaml:2:", "severty", "did you mean"];
    assert!(broken.code == Some(78) && said.iter().all(|word| broken.err.contains(word)), "{}", broken.err);
    // Garbage beside records is no end: it is counted, and named with its line and what is wrong.
    let told = desk.run("--rules new.yaml --input mixed.ndjson");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.out);
    for said in [
        "NOT READ: 4 records",
        "mixed.ndjson:1: expected value",
        "mixed.ndjson:3: ",
        "mixed.ndjson:4: ",
        "mixed.ndjson:5: ",
    ] {
        assert!(told.out.contains(said), "{said}\n{}", told.out);
    }
    assert!(told.out.contains("schema_version 99") || told.out.contains("version 99"), "{}", told.out);
}
