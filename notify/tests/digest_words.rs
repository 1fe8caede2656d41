//! Digests as a person reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::digest::{Line, Series, message, put_together};
use cordon_notify::error::RenderError;
use cordon_notify::message::{MailDecision, Message, message_for};
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
        MailDecision::Fold(folded) => (folded.series, folded.line),
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
        let digest = message(series, &lines.iter().map(|(_, line)| line).collect::<Vec<_>>(), 0).unwrap();
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
    let digest = message(Series::Held, &lines.iter().map(|(_, line)| line).collect::<Vec<_>>(), 0).unwrap();
    assert!(digest.items.iter().all(|item| item.head.starts_with("High: ")), "{:?}", digest.items);
    let few = message(Series::Held, &lines.iter().take(8).map(|(_, line)| line).collect::<Vec<_>>(), 0).unwrap();
    let heads: Vec<&str> = few.items.iter().map(|item| item.head.split(':').next().unwrap()).collect();
    assert_eq!(heads, ["High", "High", "Critical", "Medium", "Medium", "Low", "Low", "Informational"]);
}

#[test]
fn the_same_reports_make_the_same_digest_and_none_makes_none() {
    let lines = lines(many(ActionState::Held, 3));
    let lines: Vec<&Line> = lines.iter().map(|(_, line)| line).collect();
    assert_eq!(mail(&message(Series::Held, &lines, 0).unwrap()), mail(&message(Series::Held, &lines, 0).unwrap()));
    assert_ne!(message(Series::Held, &lines[..1], 0).unwrap().key, message(Series::Held, &lines[1..], 0).unwrap().key);
    assert_eq!(message(Series::Held, &[], 0), None);
}

type Facts = Vec<(&'static str, String)>;

/// What cannot be rendered: a mail that shows a machine of this name, and every mail of more than `most` reports.
fn put(names: &[&str], broken: &str, most: usize) -> (Option<Facts>, Vec<String>, Vec<String>) {
    let records = names.iter().map(|name| step(ActionState::Held, name)).collect();
    let lines: Vec<Line> = lines(records).into_iter().map(|(_, line)| line).collect();
    let renderer = Renderer::new().unwrap();
    let put = put_together(
        lines,
        |lines, left_out| message(Series::Held, lines, left_out),
        |message| {
            let wrong = renderer.text(message)?.contains(broken) || message.items.len() > most;
            let fail = || RenderError::Together("the template failed".into());
            if wrong { Err(fail()) } else { renderer.mail(message, &support::parties(), message.happened_at) }
        },
    );
    let names = |lines: Vec<Line>| lines.into_iter().map(|line| line.machine).collect();
    let left_out = put.left_out.into_iter().map(|(line, _)| line).collect();
    (put.mail.map(|(message, _)| message.sections[0].facts.clone()), names(put.told), names(left_out))
}

#[test]
fn a_report_that_cannot_be_rendered_is_left_out_and_the_digest_of_the_others_says_how_many_are() {
    let (facts, told, left_out) = put(&["srv-1", "broken-1", "srv-2", "broken-2"], "broken", 10);
    assert_eq!((told, left_out), (vec!["srv-1".into(), "srv-2".into()], vec!["broken-1".into(), "broken-2".into()]));
    let facts = facts.unwrap();
    assert!(facts.contains(&("Reports", "2".into())), "{facts:?}");
    let said = "2 more, which could not be put into words: see cordon dlq list";
    assert!(facts.contains(&("Not told here", said.into())), "{facts:?}");
}

#[test]
fn a_digest_that_cannot_be_rendered_although_each_of_its_reports_can_tells_none_of_them() {
    let (facts, told, left_out) = put(&["srv-1", "srv-2", "srv-3"], "broken", 2);
    assert_eq!((facts, told.len(), left_out.len()), (None, 0, 3));
    let (facts, told, left_out) = put(&["broken"], "broken", 2);
    assert_eq!((facts, told.len(), left_out.len()), (None, 0, 1));
}

#[test]
fn a_digest_says_how_many_no_approval_can_lift_and_offers_an_approval_for_no_other_than_those_it_can() {
    let mut records = many(ActionState::Held, 3);
    records.iter_mut().take(2).for_each(|record| record.tenant_refuses = true);
    let folded = lines(records);
    let lines: Vec<&Line> = folded.iter().map(|(_, line)| line).collect();
    let told = |lines: &[&Line]| message(Series::Held, lines, 0).unwrap();
    let offers = |message: &Message| message.next.iter().any(|step| step.command.starts_with("cordon approve "));
    let items = |message: &Message| message.items.iter().map(|item| item.command.clone()).collect::<Vec<_>>();
    let (refused, approvable): (Vec<&Line>, Vec<&Line>) = lines.iter().copied().partition(|line| line.refused);
    let (all, refused, approvable) = (told(&lines), told(&refused), told(&approvable));
    assert!(all.summary.contains("2 of them wait because Entra or Defender refuses Cordon"), "{}", all.summary);
    assert!(!approvable.summary.contains("refuses Cordon"), "{}", approvable.summary);
    assert_eq!([&all, &refused, &approvable].map(offers), [true, false, true]);
    let check = "cordon check --stage respond";
    assert_eq!(items(&all), ["cordon approvals show 0000000000000002", check, check]);
    assert!(refused.subject.starts_with("ACTION NEEDED: 2 more actions wait, Entra or Defender refuses Cordon: "));
    let said = format!("{} {:?}", refused.summary, refused.next);
    assert!(said.contains(check) && !said.contains("until a person approves"), "{said}");
    insta::assert_snapshot!("text_refused", Renderer::new().unwrap().text(&refused).unwrap());
    insta::assert_snapshot!("text_held_and_refused", Renderer::new().unwrap().text(&all).unwrap());
}
