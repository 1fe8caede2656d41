//! Documents that the tests of outputs show.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::document::{
    AlertName, Both, Change, Changes, Course, Difference, Document, Example, Flip, Found, Gate, Latched, Load,
    NearMiss, Outcome, Reproduced, RuleCounts, RuleRow, SideName, Standing, SweepRow, Totals, Unreadable,
    Unreproducible, VERSION, Window,
};
use crate::manifest::{Manifest, ManifestInput};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn side(name: &str, rules: usize) -> SideName {
    SideName { name: name.to_owned(), rules, rule_set: "sha256:0f1e2d3c4b5a".into(), guard_set: "sha256:5a4b3c".into() }
}

/// What is done under one rule.
pub fn course(outcome: Outcome, title: &str) -> Course {
    Course {
        outcome,
        at: at("2026-09-03T08:12:00Z"),
        alert: AlertName {
            id: "da637-1".to_owned(),
            title: title.to_owned(),
            severity: "Medium".to_owned(),
            place: "cordon.enriched/3/1234".to_owned(),
        },
        rules: vec!["isolate-high".to_owned()],
        reason: "Medium alert: isolated".to_owned(),
        alerts: 3,
        done: u64::from(outcome == Outcome::Done),
        unreproducible: None,
    }
}

/// One machine of this number that is isolated under test only.
pub fn added(number: usize, found: Found) -> Change {
    Change {
        machine: format!("{number:040x}"),
        name: Some(format!("lap-{number:03}.corp.example")),
        action: "isolate".to_owned(),
        before: None,
        after: Some(course(Outcome::Done, "Suspicious 'Mimikatz' behavior")),
        why: "rule isolate-high changed its condition".to_owned(),
        flipped: vec![
            flip("alert.severity == \"High\"", Some("false"), None),
            flip("alert.severity in [\"High\", \"Medium\"] || machine.riskScore == \"High\"", None, Some("true")),
        ],
        found,
        let_back: (found == Found::Expected).then(|| at("2026-09-03T09:30:00Z")),
    }
}

fn flip(part: &str, before: Option<&str>, after: Option<&str>) -> Flip {
    Flip {
        rule: "isolate-high".to_owned(),
        part: part.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        values: vec![("alert.severity".to_owned(), "Medium".to_owned())],
    }
}

fn changes() -> Changes {
    let mut removed = added(90, Found::FalsePositive);
    (removed.before, removed.after) = (removed.after, None);
    let mut changed = added(91, Found::Open);
    changed.before = Some(course(Outcome::Refused, "Ransomware in the backup"));
    changed.after = Some(course(Outcome::Held, "Ransomware in the backup"));
    changed.flipped.clear();
    let mut scan = added(92, Found::Open);
    scan.action = "scan".to_owned();
    scan.name = None;
    let isolated = [Found::TruePositive, Found::TruePositive, Found::Expected, Found::Open];
    let isolated = isolated.into_iter().enumerate().map(|(number, found)| added(number, found));
    Changes {
        added: isolated.chain([scan]).collect(),
        removed: vec![removed],
        changed: vec![changed],
        unchanged: 1_204,
    }
}

fn rule(id: &str, matched: u64, standing: Standing) -> RuleRow {
    RuleRow {
        id: id.to_owned(),
        matched,
        errors: 0,
        error: None,
        before: Some(RuleCounts { matched: 12, errors: 0 }),
        standing,
        mode: "auto".to_owned(),
        always: false,
        nearest: Vec::new(),
    }
}

fn rules() -> Vec<RuleRow> {
    let nearest = vec![NearMiss { part: "alert.category == \"Ransomware\"".to_owned(), records: 17 }];
    let failed = Example { place: "cordon.enriched/0/7".to_owned(), why: "the alert's evidence was cut".to_owned() };
    vec![
        RuleRow { errors: 2, error: Some(failed), ..rule("attack-tools", 40, Standing::Same) },
        RuleRow { always: true, mode: "shadow".to_owned(), before: None, ..rule("everything", 50_000, Standing::New) },
        rule("isolate-high", 1_310, Standing::Changed),
        rule("old-rule", 0, Standing::Gone),
        RuleRow { nearest, ..rule("ransomware", 0, Standing::Same) },
    ]
}

fn totals(isolated: u64) -> Totals {
    let actions = BTreeMap::from([
        ("isolate".to_owned(), BTreeMap::from([("done", isolated), ("held", 3)])),
        ("scan".to_owned(), BTreeMap::from([("done", 900)])),
    ]);
    let hours = [("2026-09-03T08", isolated), ("2026-09-20T23", 2), ("2026-11-29T00", 1)];
    let by_hour = hours.map(|(hour, done)| (hour.to_owned(), BTreeMap::from([("done", done), ("held", 1)])));
    Totals {
        actions,
        isolated,
        found: BTreeMap::from([("true positive", 4), ("still open", isolated.saturating_sub(4))]),
        let_back: Some(1),
        never_list: 1,
        needs_human: 2,
        by_hour: by_hour.into(),
    }
}

fn load(calls: u64) -> Load {
    Load {
        calls,
        calls_in_a_minute: 44,
        questions_by_shift: BTreeMap::from([("2026-09-03 08-16".to_owned(), 5), ("2026-09-04 00-08".to_owned(), 1)]),
        reports_by_day: BTreeMap::from([("2026-09-03".to_owned(), 80)]),
    }
}

fn manifest() -> Manifest {
    Manifest {
        cordon: "0.1.0".to_owned(),
        rule_set: "sha256:0f1e2d3c4b5a".to_owned(),
        guard_set: "sha256:5a4b3c".to_owned(),
        against: Some(("sha256:aa".to_owned(), "sha256:bb".to_owned())),
        from: Some(at("2026-09-01T00:00:00Z")),
        to: None,
        inputs: vec![
            ManifestInput::File { name: "corpus.ndjson.zst".to_owned(), lines: 50_003, blake3: "ab".repeat(32) },
            ManifestInput::Partition {
                cluster: "MkU3OEVBNTcwNTJENDM2Qk".to_owned(),
                topic: "cordon.enriched".to_owned(),
                partition: 3,
                from: 12,
                to: 1_235,
                cut: true,
            },
        ],
        assumed: BTreeMap::from([("mode".to_owned(), "auto".to_owned())]),
    }
}

/// Everything that a document can hold.
pub fn rich() -> Document {
    let latch = Latched { at: at("2026-09-20T23:40:00Z"), why: "cap all_rules 10m: 10 reached.".to_owned(), held: 12 };
    let missing = Unreproducible {
        machine: "lap-007".to_owned(),
        action: "isolate".to_owned(),
        why: "the fleet's size is not recorded; say it with --fleet".to_owned(),
    };
    Document {
        version: VERSION,
        records: 50_000,
        sides: Both { after: side("rules/new", 4), before: Some(side("rules/old", 4)) },
        rules: rules(),
        actions: changes(),
        totals: Both { after: totals(14), before: Some(totals(11)) },
        latches: Both { after: vec![latch], before: Some(Vec::new()) },
        load: Both { after: load(12_400), before: Some(load(11_000)) },
        window: Window {
            from: Some(at("2026-09-01T00:00:00Z")),
            to: None,
            first: Some(at("2026-09-01T00:02:00Z")),
            last: Some(at("2026-11-29T22:00:00Z")),
            gaps: vec!["cordon.enriched/5: offsets 0 up to 400 are no longer kept".to_owned()],
        },
        unreadable: Unreadable {
            records: 3,
            examples: vec![Example {
                place: "corpus.ndjson.zst:17".to_owned(),
                why: "expected value at column 1".to_owned(),
            }],
        },
        unread_past: Some(Unreadable {
            records: 2,
            examples: vec![Example { place: "cordon.actions/0/7".to_owned(), why: "expected value".to_owned() }],
        }),
        unreproducible: Both { after: vec![missing], before: Some(Vec::new()) },
        reproduced: Some(Reproduced {
            decisions: 5_000,
            exact: 4_998,
            without_text: 1,
            undecided: 7,
            differences: vec![Difference {
                place: "cordon.enriched/3/9".to_owned(),
                why: "two rules more match".to_owned(),
            }],
            outcomes: 40,
            outcomes_exact: 39,
            outcome_differences: vec![Difference {
                place: "isolate lap-007".to_owned(),
                why: "held, now done".to_owned(),
            }],
        }),
        sweep: [5, 10].map(swept).into(),
        gates: vec![
            gate("--max-added isolate=2", false, "4 more would be done"),
            gate("--deny never-list", true, "0 stopped by the never-list alone"),
        ],
        limits: vec!["Every call succeeds in the model tenant; live ones are refused.".to_owned()],
        manifest: manifest(),
    }
}

fn swept(value: u64) -> SweepRow {
    SweepRow {
        setting: format!("caps.all_rules.1h={value}"),
        isolated: value,
        found: BTreeMap::from([("true positive", 2)]),
        done: 900 + value,
        held: 30 - value,
        latches: u64::from(value == 5),
        first_latch: (value == 5).then(|| at("2026-09-03T08:12:00Z")),
    }
}

fn gate(gate: &str, holds: bool, why: &str) -> Gate {
    Gate { gate: gate.to_owned(), holds, why: why.to_owned() }
}

/// The two sides come to the same.
pub fn same() -> Document {
    let mut document = rich();
    document.actions = Changes { unchanged: 1_204, ..Changes::default() };
    document.gates.clear();
    document.sweep.clear();
    (document.reproduced, document.unreadable, document.unread_past) = (None, Unreadable::default(), None);
    for totals in std::iter::once(&mut document.totals.after).chain(&mut document.totals.before) {
        totals.let_back = None;
    }
    (document.window.gaps, document.unreproducible.after) = (Vec::new(), Vec::new());
    document
}

/// One rule set alone.
pub fn alone() -> Document {
    let mut document = same();
    document.actions = Changes { added: changes().added, ..Changes::default() };
    document.sides.before = None;
    (document.totals.before, document.latches.before, document.load.before) = (None, None, None);
    (document.unreproducible.before, document.manifest.against) = (None, None);
    for rule in &mut document.rules {
        (rule.before, rule.standing) = (None, Standing::Only);
    }
    document.rules.retain(|rule| rule.id != "old-rule");
    document
}

/// So many machines more.
pub fn many(number: usize) -> Document {
    let mut document = same();
    document.actions.added = (0..number).map(|number| added(number, Found::Open)).collect();
    document
}

/// A document in which every text that others write is this one.
pub fn hostile(text: &str) -> Document {
    let mut document = rich();
    let own = || text.to_owned();
    let actions = &mut document.actions;
    for change in actions.added.iter_mut().chain(&mut actions.removed).chain(&mut actions.changed) {
        (change.machine, change.name, change.action, change.why) = (own(), Some(own()), format!("tag {text}"), own());
        for course in [&mut change.before, &mut change.after].into_iter().flatten() {
            (course.reason, course.rules, course.unreproducible) = (own(), vec![own()], Some(own()));
            course.alert = AlertName { id: own(), title: own(), severity: own(), place: own() };
        }
        for flip in &mut change.flipped {
            (flip.part, flip.values) = (own(), vec![(own(), own())]);
            (flip.before, flip.after) = (flip.before.as_ref().map(|_| own()), flip.after.as_ref().map(|_| own()));
        }
    }
    let example = || Example { place: own(), why: own() };
    for rule in &mut document.rules {
        (rule.error, rule.nearest) = (Some(example()), vec![NearMiss { part: own(), records: 1 }]);
    }
    document.unreadable.examples = vec![example()];
    document.unread_past = Some(Unreadable { records: 1, examples: vec![example()] });
    document.unreproducible.after = vec![Unreproducible { machine: own(), action: own(), why: own() }];
    document.window.gaps = vec![own()];
    document.latches.after.iter_mut().for_each(|latch| latch.why = own());
    if let Some(again) = &mut document.reproduced {
        let difference = || vec![Difference { place: own(), why: own() }];
        (again.differences, again.outcome_differences) = (difference(), difference());
    }
    document.sides.after.name = own();
    document.sweep.iter_mut().for_each(|row| row.setting = own());
    document
}
