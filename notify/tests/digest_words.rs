//! Digests as a person reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::digest::{Line, Series, message};
use cordon_notify::message::{Fate, message_for};
use cordon_notify::render::Renderer;
use cordon_records::{ActionKey, ActionKind, ActionRecord, ActionState, AlertId, Ruling, Severity};
use support::actions::record;
use support::{instant, mail, report, step, verdict};

/// Reports of this state about many machines, of every severity and with different guards.
fn many(state: ActionState, count: usize) -> Vec<ActionRecord> {
    let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Informational, "Critical".into()];
    let name = |number: usize| format!("srv-{number:03}.contoso.com");
    (0..count)
        .map(|number| {
            let mut record = match number % 7 {
                6 => record(ActionKind::Scan, state),
                _ => step(state, &name(number)),
            };
            record.machine.as_mut().unwrap().name = Some(name(number));
            record.alert.id = AlertId::new(format!("da{number}")).unwrap();
            record.alert.severity = severities[number % 5].clone();
            record.key = Some(ActionKey::new(format!("{number:016x}")).unwrap());
            if number % 3 == 0 {
                record.guards.push(verdict("hold-tags", Ruling::Hold, "the machine carries the tag VIP"));
            }
            record.at =
                instant("2026-11-20T09:13:10Z").checked_add(jiff::SignedDuration::from_secs(number as i64)).unwrap();
            record
        })
        .collect()
}

fn lines(records: Vec<ActionRecord>) -> Vec<(Series, Line)> {
    let fold = |record| match message_for(&report(record)) {
        Fate::Fold(folded) => (folded.series, folded.line),
        other => panic!("{other:?}"),
    };
    records.into_iter().map(fold).collect()
}

#[test]
fn each_digest_counts_what_it_tells_and_shows_the_worst_ten() {
    let renderer = Renderer::new().unwrap();
    let not_done = [many(ActionState::Refused, 30), many(ActionState::NeedsHuman, 9), many(ActionState::Expired, 2)];
    let mut would = many(ActionState::Would, 3);
    would.truncate(3);
    for (name, records, subject) in [
        (
            "held",
            many(ActionState::Held, 120),
            "ACTION NEEDED: 120 more actions wait for a person: High 24, Critical 24, Medium 24, Low 24, Informational 24",
        ),
        (
            "not_done",
            not_done
                .concat()
                .into_iter()
                .filter(|record| record.action.as_ref().unwrap().kind() == ActionKind::Isolate)
                .collect(),
            "ACTION NEEDED: 36 more actions were not done: refused 26, needs human 8, expired 2",
        ),
        ("would", would, "WOULD have judged 3 more actions (shadow mode): High 1, Medium 1, Low 1"),
    ] {
        let lines = lines(records);
        let series = lines[0].0;
        let digest = message(series, &lines.iter().map(|(_, line)| line).collect::<Vec<_>>()).unwrap();
        assert_eq!(digest.subject, subject, "{name}");
        assert_eq!(digest.items.len(), lines.len().min(10));
        insta::assert_snapshot!(format!("text_{name}"), renderer.text(&digest).unwrap());
        insta::assert_snapshot!(format!("html_{name}"), renderer.html(&digest).unwrap());
        mail(&digest);
    }
}

#[test]
fn the_worst_are_the_severe_ones_and_a_severity_that_is_new_to_us_stands_among_them() {
    let lines = lines(many(ActionState::Held, 120));
    let digest = message(Series::Held, &lines.iter().map(|(_, line)| line).collect::<Vec<_>>()).unwrap();
    assert!(digest.items.iter().all(|item| item.head.starts_with("High: ")), "{:?}", digest.items);
    let few = message(Series::Held, &lines.iter().take(8).map(|(_, line)| line).collect::<Vec<_>>()).unwrap();
    let heads: Vec<&str> = few.items.iter().map(|item| item.head.split(':').next().unwrap()).collect();
    assert_eq!(heads, ["High", "High", "Critical", "Medium", "Medium", "Low", "Low", "Informational"]);
}

#[test]
fn the_same_reports_make_the_same_digest_and_none_makes_none() {
    let lines = lines(many(ActionState::Held, 3));
    let lines: Vec<&Line> = lines.iter().map(|(_, line)| line).collect();
    assert_eq!(mail(&message(Series::Held, &lines).unwrap()), mail(&message(Series::Held, &lines).unwrap()));
    assert_ne!(message(Series::Held, &lines[..1]).unwrap().key, message(Series::Held, &lines[1..]).unwrap().key);
    assert_eq!(message(Series::Held, &[]), None);
}
