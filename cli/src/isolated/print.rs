//! Who is cut off, printed: tables and a document. Names were written by others and are made harmless first.

use std::time::Duration;

use serde_json::{Value, json};

use super::standing::{Author, Standing, State, Until};
use crate::escape;
use crate::output::{cell, table};
use crate::people::seconds;

/// Who is cut off, or may be. What else is to be known of a machine stands below it, whole: the cause is at its end.
pub fn cut_off(standings: &[&Standing]) -> String {
    let rows: Vec<[String; 6]> = standings.iter().map(|standing| row(standing)).collect();
    let table = table(["MACHINE", "STATE", "BY", "SINCE", "UNTIL", "ID"], &rows);
    // The head has no note, and no cell holds a line break.
    let notes = std::iter::once(None).chain(standings.iter().map(|standing| note(standing)));
    let lines = table.lines().zip(notes).map(|(line, note)| match note {
        None => format!("{line}\n"),
        Some(note) => format!("{line}\n  note: {}\n", escape::text(&note)),
    });
    lines.collect()
}

/// Who was let back.
pub fn let_back(standings: &[&Standing]) -> String {
    let rows: Vec<[String; 5]> = standings.iter().map(|standing| back(standing)).collect();
    table(["LET BACK", "BY", "WHEN", "WAS ISOLATED BY", "ID"], &rows)
}

fn row(standing: &Standing) -> [String; 6] {
    let state = standing.state.as_str().to_owned();
    [
        cell(standing.label()),
        state,
        cell(&standing.by.to_string()),
        standing.since.map_or_else(|| "unknown".to_owned(), seconds),
        until(standing.until),
        standing.machine.to_string(),
    ]
}

fn note(standing: &Standing) -> Option<String> {
    let release = (standing.state == State::Releasing).then_some(standing.end.as_ref()).flatten();
    let release = release.map(|end| format!("release asked for by {}", end.by));
    let scope = standing.scope.clone().filter(|scope| scope != "Full");
    let scope = scope.map(|scope| format!("only in part ({scope})"));
    let all: Vec<String> = [release, scope, standing.note.clone()].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn back(standing: &Standing) -> [String; 5] {
    let end = standing.end.as_ref();
    let how = |cancelled: bool, by: &Author| if cancelled { format!("{by} (cancelled)") } else { by.to_string() };
    [
        cell(standing.label()),
        end.map_or_else(|| "unknown".to_owned(), |end| cell(&how(end.cancelled, &end.by))),
        end.and_then(|end| end.at).map_or_else(|| "unknown".to_owned(), seconds),
        cell(&standing.by.to_string()),
        standing.machine.to_string(),
    ]
}

fn until(until: Until) -> String {
    let asked = |ask: bool| if ask { ", a person is asked first" } else { "" };
    match until {
        Until::Open => "somebody releases it".to_owned(),
        Until::At { at, ask } => format!("{}{}", seconds(at), asked(ask)),
        Until::After { seconds, ask } => {
            let time = cordon_settings::format_duration(Duration::from_secs(seconds));
            format!("{time} after it is isolated{}", asked(ask))
        }
    }
}

/// All of it as one document. `source` says what was asked.
pub fn document(
    source: &str,
    (cut_off, let_back): (&[&Standing], &[&Standing]),
    (unreadable, at): (usize, jiff::Timestamp),
) -> Value {
    let fields = |standings: &[&Standing]| standings.iter().map(|standing| fields(standing)).collect::<Vec<_>>();
    json!({
        "schema_version": 1,
        "at": at,
        "source": source,
        "whole": unreadable == 0,
        "unreadable": unreadable,
        "isolated": fields(cut_off),
        "let_back": fields(let_back),
    })
}

fn fields(standing: &Standing) -> Value {
    let until = match standing.until {
        Until::Open => Value::Null,
        Until::At { at, ask } => json!({ "at": at, "asks": ask }),
        Until::After { seconds, ask } => json!({ "seconds_after_isolation": seconds, "asks": ask }),
    };
    let end =
        standing.end.as_ref().map(|end| json!({ "by": author(&end.by), "at": end.at, "cancelled": end.cancelled }));
    json!({
        "machine": { "id": standing.machine, "name": standing.name },
        "state": standing.state.as_str(),
        "by": author(&standing.by),
        "since": standing.since,
        "scope": standing.scope,
        "until": until,
        "release": end,
        "machine_action_id": standing.action,
        "key": standing.key,
        "alert": standing.alert,
        "note": standing.note,
    })
}

fn author(author: &Author) -> Value {
    json!({ "kind": author.kind(), "name": author.name(), "rules": author.rules(), "text": author.to_string() })
}
