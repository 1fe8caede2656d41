//! A corpus with pseudonyms is as good as the one that it was made from.

use std::path::PathBuf;

use clap::Parser;
use serde_json::Value;

use super::made::{Files, rule};
use crate::corpus::{CorpusCommand, Records, run};
use crate::error::BacktestError;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: CorpusCommand,
}

/// Runs `cordon corpus export` over these files.
fn export(files: &Files, output: &str, more: &[&str]) -> Result<PathBuf, BacktestError> {
    let (input, output) = (files.path("records.ndjson").display().to_string(), files.path(output));
    let to = output.display().to_string();
    let line = ["corpus", "export", "--input", &input, "--output", &to];
    run(&Line::try_parse_from(line.iter().chain(more)).unwrap().command).map(|()| output)
}

fn made(alerts: u64) -> Files {
    let from = "2026-06-01T00:00:00Z".parse().unwrap();
    let records: Vec<Value> = Records::new(3, alerts, from).map(|it| serde_json::to_value(&it).unwrap()).collect();
    let files = Files::new(&records);
    files.write("key", "0123456789abcdef0123456789abcdef");
    files
}

fn keyed(files: &Files) -> Vec<String> {
    vec!["--pseudonyms".to_owned(), format!("file:{}", files.path("key").display())]
}

#[test]
fn a_backtest_over_an_export_counts_as_over_its_original_where_rules_name_no_value() {
    let files = made(500);
    let key = keyed(&files);
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    let packed = export(&files, "export.ndjson.zst", &key).unwrap();
    assert_eq!(
        std::fs::read(&packed).unwrap(),
        std::fs::read(export(&files, "again.ndjson.zst", &key).unwrap()).unwrap()
    );
    for (id, when) in [
        ("high", "alert.severity == \"High\" && alert.status != \"Resolved\""),
        (
            "people",
            "users.size() > 0 && alert.evidence.exists(e, e.userPrincipalName.matches(\"^[^@ ]+@[^@ ]+[.][^@ ]+$\"))",
        ),
        ("names", "alert.computerDnsName.contains(\".\") && machine.lastIpAddress.startsWith(\"10.\")"),
        (
            "programs",
            "alert.evidence.exists(e, e.processCommandLine.contains(\"-ExecutionPolicy\") && e.fileName.endsWith(\".exe\"))",
        ),
        ("titles", "alert.title.contains(\"Ransomware\") || alert.mitreTechniques.exists(t, t.startsWith(\"T1003\"))"),
        ("links", "alert.evidence.exists(e, e.url.startsWith(\"https://\") || e.ipAddress != \"\")"),
    ] {
        files.write(&format!("rules/{id}.yaml"), &rule(id, when));
    }
    let rules = files.path("rules").display().to_string();
    let original = files.backtest(&["--rules", &rules]).unwrap();
    std::fs::copy(&packed, files.path("records.ndjson")).unwrap();
    let exported = files.backtest(&["--rules", &rules]).unwrap();
    let counts = |document: &crate::document::Document| {
        document.rules.iter().map(|rule| (rule.id.clone(), rule.matched, rule.errors)).collect::<Vec<_>>()
    };
    assert_eq!(counts(&original), counts(&exported));
    assert!(original.rules.iter().all(|rule| rule.matched > 0), "{:?}", counts(&original));
    assert_eq!((&original.totals, &original.latches), (&exported.totals, &exported.latches));
    assert_eq!((&original.load, original.actions.added.len()), (&exported.load, exported.actions.added.len()));
    assert_eq!(exported.unreadable.records, 0);
}

#[test]
fn an_export_without_pseudonyms_is_the_records_of_that_time_each_on_one_line_and_nothing_is_an_error() {
    let files = made(50);
    let text = std::fs::read_to_string(files.path("records.ndjson")).unwrap();
    // As somebody else would write it.
    let spaced = text.replacen(",\"", ",  \"", 1);
    std::fs::write(files.path("records.ndjson"), format!("garbage\n{spaced}")).unwrap();
    let all = std::fs::read_to_string(export(&files, "all.ndjson", &[]).unwrap()).unwrap();
    assert_eq!(all, spaced);
    let from = "2026-07-01T00:00:00Z";
    let some = std::fs::read_to_string(export(&files, "some.ndjson", &["--from", from]).unwrap()).unwrap();
    let expected = spaced.lines().filter(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["enriched_at"].as_str().unwrap() >= from
    });
    assert!(some.lines().eq(expected) && some.lines().count() > 5, "{some}");
    let told = export(&files, "none.ndjson", &["--from", "2030-01-01"]).unwrap_err();
    assert!(told.to_string().starts_with("cannot read any record: "), "{told}");
}

#[test]
fn an_export_takes_its_files_place_only_once_it_is_whole() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = made(50);
    let own = files.path("records.ndjson");
    let (text, folder) = (std::fs::read_to_string(&own).unwrap(), own.parent().unwrap().to_owned());
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o644)).unwrap();
    let names = || std::fs::read_dir(&folder).unwrap().count();
    let before = names();
    let told = export(&files, "records.ndjson", &["--from", "2030-01-01"]).unwrap_err();
    assert!(told.to_string().starts_with("cannot read any record: "), "{told}");
    assert_eq!(
        (std::fs::read_to_string(&own).unwrap(), names()),
        (text.clone(), before),
        "nothing found, nothing lost"
    );
    std::os::unix::fs::symlink(&own, files.path("link.ndjson")).unwrap();
    export(&files, "link.ndjson", &[]).unwrap();
    assert!(files.path("link.ndjson").is_symlink());
    assert_eq!((std::fs::read_to_string(&own).unwrap(), names()), (text, before + 1), "it is its own input");
    assert_eq!(std::fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
    export(&files, "/dev/null", &[]).unwrap();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file(), "a device is no file");
    let told = export(&files, ".", &[]).unwrap_err();
    assert!(told.to_string().starts_with("cannot write "), "{told}");
}
