//! `cordon dlq list`: a table for people, JSON for scripts.

use cordon_records::dead_letter_header as header;
use cordon_runtime::kafka::Inbound;
use serde_json::{Value, json};

use super::letter::Letter;
use crate::escape;
use crate::output::{self, cell, cut};

const HEAD: [&str; 7] = ["POSITION", "STAGE", "REASON", "FROM", "KEY", "FAILED AT", "DETAIL"];
/// Lines of a table whose columns are as wide as they must be.
pub fn table(letters: &[&Inbound]) -> String {
    let rows: Vec<[String; 7]> = letters.iter().map(|letter| row(Letter(letter))).collect();
    output::table(HEAD, &rows)
}

fn row(letter: Letter<'_>) -> [String; 7] {
    let said = |name| letter.said(name).map_or_else(|| "-".to_owned(), cell);
    [
        letter.place().to_string(),
        said(header::STAGE),
        said(header::REASON),
        letter.origin().as_deref().map_or_else(|| "-".to_owned(), cell),
        letter.0.key.as_deref().map_or_else(|| "-".to_owned(), |key| cut(&escape::bytes(key))),
        said(header::FAILED_AT),
        said(header::DETAIL),
    ]
}

/// All of them as one document.
pub fn document(letters: &[&Inbound]) -> Value {
    let letters: Vec<Value> = letters.iter().map(|letter| entry(Letter(letter))).collect();
    json!({ "schema_version": 1, "dead_letters": letters })
}

/// One of them, without its headers and its value.
pub fn entry(letter: Letter<'_>) -> Value {
    json!({
        "partition": letter.0.partition,
        "offset": letter.0.offset,
        "stage": letter.said(header::STAGE),
        "reason": letter.said(header::REASON),
        "detail": letter.said(header::DETAIL),
        "failed_at": letter.said(header::FAILED_AT),
        "original": {
            "topic": letter.said(header::TOPIC),
            "partition": letter.number(header::PARTITION),
            "offset": letter.number(header::OFFSET),
            "timestamp": letter.said(header::TIMESTAMP),
        },
        "key": letter.0.key_text(),
        "bytes": letter.0.value.as_ref().map(Vec::len),
        "stub": letter.is_stub(),
        "redriven": letter.redriven().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;
    use crate::output::WIDEST;

    #[test]
    fn a_table_says_who_gave_up_on_what_and_why() {
        let dead = letter(&[
            (header::TOPIC, "cordon.alerts"),
            (header::PARTITION, "3"),
            (header::OFFSET, "42"),
            (header::STAGE, "enrich"),
            (header::REASON, "decode"),
            (header::FAILED_AT, "2026-01-01T00:00:00Z"),
            (header::DETAIL, "no JSON"),
        ]);
        assert_eq!(
            table(&[&dead]),
            "POSITION  STAGE   REASON  FROM                KEY  FAILED AT             DETAIL\n\
             2/17      enrich  decode  cordon.alerts/3/42  key  2026-01-01T00:00:00Z  no JSON\n"
        );
    }

    #[test]
    fn a_hostile_header_stays_on_its_line_and_in_its_width() {
        let dead = letter(&[(header::DETAIL, &("\x1b[8m\n".to_owned() + &"x".repeat(200)))]);
        let table = table(&[&dead]);
        assert_eq!(table.lines().count(), 2);
        assert!(!table.contains('\x1b') && table.contains('…'), "{table}");
        let detail = table.lines().last().and_then(|line| line.split("  ").last()).unwrap();
        assert_eq!(detail.chars().count(), WIDEST);
    }

    #[test]
    fn what_is_not_known_is_null_and_not_invented() {
        let mut dead = letter(&[(header::OFFSET, "many")]);
        dead.key = None;
        let entry = entry(Letter(&dead));
        for null in [&entry["stage"], &entry["key"], &entry["original"]["topic"], &entry["original"]["offset"]] {
            assert!(null.is_null(), "{entry}");
        }
    }
}
