//! The same input gives the same result, and bad input a clear word.

use std::ops::ControlFlow;

use cordon_policy::{Judged, Laid, RuleSet};
use cordon_runtime::time::Period;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::made::{Files, record, rule, start};
use crate::corpus::Records;
use crate::error::BacktestError;
use crate::input::{Chunk, Covered, Source};
use crate::judge::{Task, judge};
use crate::progress::{Silent, Size};
use crate::record::Record;

/// Records in memory, cut into chunks of this many.
struct Memory(Vec<Vec<u8>>, usize);

impl Source for Memory {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let mut number = 0;
        for records in self.0.chunks(self.1) {
            let mut chunk = Chunk {
                origin: "m".into(),
                partition: None,
                bytes: Vec::new(),
                records: Vec::new(),
                refused: Vec::new(),
            };
            for record in records {
                number += 1;
                let start = chunk.bytes.len();
                chunk.bytes.extend(record);
                chunk.records.push((number, start..chunk.bytes.len()));
            }
            _ = give(chunk);
        }
        Ok(Covered::default())
    }

    fn size(&self) -> Size {
        Size::Unknown
    }
}

fn rules() -> RuleSet {
    let texts = [
        rule("high", "alert.severity == \"High\" && alert.status != \"Resolved\""),
        rule("ransom", "alert.category == \"Ransomware\" || alert.title.contains(\"Ransom\")"),
        "id: noted\nmode: auto\nwhen: alert.severity in [\"Low\", \"Medium\"]\nactions: []\n".to_owned(),
        rule("vip", "machine.machineTags.exists(t, t == \"VIP\") && alert.evidence.exists(e, e.ipAddress != \"\")"),
    ];
    let files: Vec<_> = texts.into_iter().enumerate().map(|(n, text)| (format!("{n}.yaml"), text)).collect();
    RuleSet::load(&files).unwrap()
}

/// Every so many-th record in another spelling, as servers and attackers have them.
pub fn odd(text: &str, number: usize) -> String {
    let cut = r#""cut":[{"field":"title","kept":1,"of":9,"unit":"bytes"}],"machine":{"#;
    match number % 23 {
        1 => text.replacen("\"severity\":\"", "\"severity\":\"High\",\"severity\":\"", 1),
        2 => text.replacen("\"machineId\":\"0", "\"machineId\":\"\\u0030", 1),
        3 => text.replacen("\"machineId\":\"0", "\"machineId\":\"f", 1),
        4 => text.replacen("\"severity\":", "\"sever\\u0069ty\":", 1),
        5 => text.replacen("\"category\":\"", "\"category\":\"\\ud800", 1),
        6 => text.replacen("\"status\":\"New\"", "\"status\": 7", 1),
        7 => text.replacen("\"title\":\"", "\"title\":\"Ransom\\u0077are ", 1),
        8 => text.replacen("\"evidence\":[", "\"evidence\":[null,7,", 1),
        // No id of a machine, in both places alike.
        9 => text.replace("00000000000000000000c0ffee", "0 c0ffee"),
        10 => text.replacen("\"schema_version\":1", "\"schema_version\":99", 1),
        11 => text.replacen("\"machine\":{", cut, 1),
        _ => text.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn counts_and_kept_records_are_those_of_a_naive_loop_whatever_the_threads_and_chunks(
        seed in any::<u64>(), threads in 1..4_usize, size in 1..60_usize,
    ) {
        let from: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let made = Records::new(seed, 150, from).map(|it| serde_json::to_string(&it).unwrap());
        let records: Vec<Vec<u8>> = made.zip(0..).map(|(text, number)| odd(&text, number).into_bytes()).collect();
        let rules = rules();
        let (mut matched, mut errors) = (vec![0_u64; 4], vec![0_u64; 4]);
        let (mut acting, mut read) = (Vec::new(), 0);
        for (bytes, number) in records.iter().zip(1_i64..) {
            let Ok(record) = Record::read(bytes) else { continue };
            read += 1;
            let laid: Laid<'_> = record.laid();
            for (rule, (matched, errors)) in rules.rules().iter().zip(matched.iter_mut().zip(&mut errors)) {
                let judged = laid.judge(rule);
                *matched += u64::from(judged == Judged::True);
                *errors += u64::from(matches!(judged, Judged::Unknown(_) | Judged::Cut(_)));
            }
            let decision = record.decide(&rules, String::new()).unwrap();
            if decision.verdict != cordon_records::Verdict::Nothing {
                acting.push((record.at(), number));
            }
        }
        acting.sort_unstable();
        let task = Task { sides: &[&rules], period: Period::default(), check: None, threads, progress: &Silent };
        let mut judged = judge(task, &mut Memory(records.clone(), size)).unwrap();
        let all = u64::try_from(records.len()).unwrap();
        prop_assert_eq!((judged.tally.records, judged.tally.unread.records()), (read, all - read));
        let counted: Vec<u64> = judged.tally.sides[0].iter().map(|rule| rule.matched).collect();
        prop_assert_eq!(counted, matched);
        let counted: Vec<u64> = judged.tally.sides[0].iter().map(|rule| rule.errors).collect();
        prop_assert_eq!(counted, errors);
        let kept: Vec<_> = (0..judged.acting.len())
            .map(|number| judged.acting.get(number).unwrap().unwrap())
            .map(|(at, place, _)| (at, place.number))
            .collect();
        prop_assert_eq!(kept, acting);
    }
}

#[test]
fn the_same_range_gives_the_same_bytes() {
    let records: Vec<_> = (0..200).map(|n| record(&format!("a{n}"), &format!("m{}", n % 37), n * 400)).collect();
    let files = Files::new(&records);
    let new = files.write("new/r.yaml", &rule("r", "alert.severity == \"High\""));
    let old = files.write("old/r.yaml", &rule("r", "alert.id.endsWith(\"7\")"));
    let run = || serde_json::to_string(&files.backtest(&["--rules", &new, "--against", &old]).unwrap()).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn lines_that_are_no_records_and_records_of_a_newer_version_are_counted_and_listed() {
    let files = Files::new(&[record("a1", "m1", 0)]);
    let mut newer = record("a2", "m2", 60);
    newer["schema_version"] = json!(99);
    let text = std::fs::read_to_string(files.path("records.ndjson")).unwrap();
    std::fs::write(files.path("records.ndjson"), format!("garbage\n{text}{newer}\n{{\"id\":1}}\n\u{0}\n")).unwrap();
    let rules = files.write("rules/r.yaml", &rule("r", "alert.severity == \"High\""));
    let document = files.backtest(&["--rules", &rules]).unwrap();
    assert_eq!((document.records, document.unreadable.records), (1, 4));
    let told: Vec<&str> = document.unreadable.examples.iter().map(|example| example.why.as_str()).collect();
    assert!(told[0].contains("expected value"), "{told:?}");
    assert!(told.iter().any(|why| why.contains("version")), "{told:?}");
    assert!(document.unreadable.examples[0].place.ends_with("records.ndjson:1"));
}

#[test]
fn an_empty_range_and_rules_that_do_not_load_end_in_a_clear_sentence() {
    let files = Files::new(&[record("a1", "m1", 0)]);
    let rules = files.write("rules/r.yaml", &rule("r", "alert.severity == \"High\""));
    let empty = files.backtest(&["--rules", &rules, "--from", "2027-01-01"]).unwrap_err();
    assert_eq!(
        empty.to_string(),
        "there is no record to judge: 1 lie outside of the time, asked for from 2027-01-01T00:00:00Z; 0 could not be read"
    );
    let wrong = files.write("wrong/r.yaml", &rule("r", "alert.severity == \"Hihg\""));
    let told = files.backtest(&["--rules", &wrong, "--against", &rules]).unwrap_err();
    assert!(matches!(told, BacktestError::Misconfigured(_)), "{told}");
    assert!(told.to_string().contains("did you mean"), "{told}");
    assert!(start() < "2027-01-01T00:00:00Z".parse().unwrap());
}
