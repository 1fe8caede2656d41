//! Counts are those of DuckDB over the same file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod twenty;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn counted(folder: &Path, flags: &[&str]) -> (u64, Vec<u64>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-backtest"));
    let all = ["--rules", "rules", "--input", "many.ndjson", "-o", "json"];
    let output = command.args(all).args(flags).current_dir(folder).env_clear().output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let rules = document["rules"].as_array().unwrap();
    let counts = rules.iter().map(|rule| rule["matched"].as_u64().unwrap()).collect();
    (document["records"].as_u64().unwrap(), counts)
}

#[test]
fn twenty_conditions_match_as_many_records_as_in_duckdb() {
    let folder = tempfile::tempdir().unwrap();
    twenty::rules(&folder.path().join("rules"), |_, when| (when.to_owned(), "[]"));
    let from: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let path = folder.path().join("many.ndjson");
    let mut many = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for record in cordon_backtest::corpus::Records::new(5, 4_000, from) {
        serde_json::to_writer(&mut many, &record).unwrap();
        many.write_all(b"\n").unwrap();
    }
    many.flush().unwrap();
    let ours = counted(folder.path(), &["--no-cache"]);
    assert!(ours.1.iter().filter(|count| **count > 0).count() > 17, "{ours:?}");
    assert_eq!(counted(folder.path(), &["--cache", "cache"]), ours, "a new cache");
    assert_eq!(counted(folder.path(), &["--cache", "cache"]), ours, "a cache that is there");
    let Some(duckdb) = twenty::duckdb(&path) else { return };
    let counts: Vec<u64> = serde_json::from_value(duckdb["counts"].clone()).unwrap();
    assert_eq!((duckdb["records"].as_u64().unwrap(), counts), ours, "{duckdb}");
}
