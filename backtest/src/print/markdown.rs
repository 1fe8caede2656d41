//! One comment for a pull request, as GitHub and GitLab render it.
//!
//! Text of others stands in code spans only: nothing in them is markup, a link, a mention or an issue. In a table a pipe
//! would end the cell even there, so that it is replaced by a sign that looks alike; `-o json` has it as it is.

use super::foreign::{NAME, SENTENCE, shown};
use super::headline::{self, Sign};
use super::words::{self, count, counted, number};
use crate::document::{Change, Document, Gate, Latched, RuleRow, SideName};

/// GitHub refuses a comment of more than 65,536 characters.
const LONGEST: usize = 65_000;
/// So many changes are seen at once; the rest is folded.
const OPEN: usize = 20;
/// What a fold and its end cost, at most.
const FOLD: usize = 300;
/// So many rows of anything but changes.
const ROWS: usize = 30;
/// So many values of one change.
const FLIPS: usize = 3;

/// The document.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut out = head(document);
    let after = [sweep(document), rules(document), caps(document), limits(document)];
    let reserved: usize = after.iter().map(|part| length(part)).sum();
    changes(&mut out, document, LONGEST.saturating_sub(reserved));
    for part in after {
        // Never the case with what is of ours; text of others is cut before.
        if length(&out) + length(&part) <= LONGEST {
            out.push_str(&part);
        }
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn head(document: &Document) -> String {
    let mut out = "### Backtest of the rules\n\n".to_owned();
    for (place, said) in headline::headline(document).iter().enumerate() {
        let said = plain(said);
        out.push_str(&if place == 0 { format!("**{said}**\n\n") } else { format!("{said}\n\n") });
    }
    let of = |side: &SideName| format!("{} ({})", code(&side.name, 2 * NAME), counted(count(side.rules), "rule"));
    let sides = &document.sides;
    let against = sides.before.as_ref().map(|before| format!(" against {}", of(before))).unwrap_or_default();
    let window: String = words::window(document).iter().map(|line| format!("; {line}")).collect();
    out.push_str(&format!("{}{against}{window}.\n\n", of(&sides.after)));
    let gaps = words::gaps(document);
    let list: String = gaps.iter().take(ROWS).map(|gap| format!("- missing: {}\n", code(gap, SENTENCE))).collect();
    out.push_str(&list);
    out.push_str(if gaps.is_empty() { "" } else { "\n" });
    out + &and_more(gaps.len(), ROWS) + &gates(document)
}

fn gates(document: &Document) -> String {
    if document.gates.is_empty() {
        return String::new();
    }
    let row = |gate: &Gate| {
        let state = if gate.holds { "✅ holds" } else { "❌ **broken**" };
        format!("| {state} | {} | {} |\n", cell(&gate.gate, NAME), cell(&gate.why, NAME))
    };
    let rows: String = document.gates.iter().take(ROWS).map(row).collect();
    format!("| | gate | found |\n|---|---|---|\n{rows}\n{}", and_more(document.gates.len(), ROWS))
}

fn changes(out: &mut String, document: &Document, room: usize) {
    let all = headline::changes(document);
    if all.is_empty() {
        return;
    }
    out.push_str(HEAD);
    let (mut told, mut used) = (0, length(out) + FOLD);
    for (sign, change) in &all {
        let row = row(*sign, change);
        used += length(&row);
        if used > room {
            break;
        }
        if told == OPEN {
            let more = number(count(all.len() - told));
            out.push_str(&format!("\n<details><summary>{more} more</summary>\n\n{HEAD}"));
        }
        out.push_str(&row);
        told += 1;
    }
    out.push('\n');
    out.push_str(&and_more(all.len(), told));
    out.push_str(if told > OPEN { "</details>\n\n" } else { "" });
}

const HEAD: &str = "| | machine | action | outcome | alert | later found | why |\n|---|---|---|---|---|---|---|\n";

fn row(sign: Sign, change: &Change) -> String {
    let machine = change.name.as_ref().filter(|name| !name.is_empty()).unwrap_or(&change.machine);
    let machine = if machine.is_empty() { "none named".to_owned() } else { cell(machine, NAME) };
    let alert = words::speaks(change).map(|course| &course.alert);
    let alert = alert.map(|alert| cell(&format!("{}: {}", alert.severity, alert.title), 2 * NAME));
    let flips = change.flipped.iter().take(FLIPS).map(|flip| {
        let values = words::values(flip);
        let values = if values.is_empty() { String::new() } else { format!(" ({})", cell(&values, NAME)) };
        format!("; {}: {}{values}", cell(&flip.part, 2 * NAME), cell(&words::truth(flip), NAME))
    });
    let why = cell(&change.why, 2 * NAME) + &flips.collect::<String>();
    format!(
        "| {} | {machine} | {} | {} | {} | {} | {why} |\n",
        sign.told(),
        cell(&change.action, NAME),
        words::outcomes(change),
        alert.unwrap_or_default(),
        words::found(change),
    )
}

fn sweep(document: &Document) -> String {
    if document.sweep.is_empty() {
        return String::new();
    }
    let row = |[setting, isolated, found, done, wait, latches]: [String; 6]| {
        format!("| {} | {isolated} | {found} | {done} | {wait} | {latches} |\n", cell(&setting, NAME))
    };
    let rows: String = words::sweep(document).into_iter().take(ROWS).map(row).collect();
    let more = and_more(document.sweep.len(), ROWS);
    format!("| {} |\n|---|---:|---|---:|---:|---|\n{rows}\n{more}", words::SWEEP.join(" | "))
}

fn rules(document: &Document) -> String {
    let has_other = document.sides.before.is_some();
    let row = |rule: &RuleRow| {
        let before = rule.before.map_or_else(|| "–".to_owned(), |before| number(before.matched));
        let other = if has_other { format!(" {before} | {} |", words::standing(rule.standing)) } else { String::new() };
        let remarks = words::remarks(rule);
        let remarks = if remarks.is_empty() { String::new() } else { cell(&remarks.join(" "), SENTENCE) };
        let (matched, errors) = (number(rule.matched), number(rule.errors));
        format!("| {} | {} | {matched} | {errors} |{other} {remarks} |\n", cell(&rule.id, NAME), cell(&rule.mode, NAME))
    };
    let rows: String = document.rules.iter().take(ROWS).map(row).collect();
    let (names, lines) = if has_other { (" before | standing |", "---:|---|") } else { ("", "") };
    format!(
        "<details><summary>Rules</summary>\n\n| rule | mode | matched | errors |{names} |\n|---|---|---:|---:|{lines}---|\n{rows}\n{}</details>\n\n",
        and_more(document.rules.len(), ROWS)
    )
}

fn caps(document: &Document) -> String {
    let of = |name: &str, latches: &[Latched]| -> String {
        let said = words::latches(latches);
        said.iter().take(5).map(|said| format!("- {name}: {}\n", code(said, SENTENCE))).collect()
    };
    let before = document.latches.before.as_ref().map(|latches| of("before", latches)).unwrap_or_default();
    let load = |pair: &words::Pair| {
        let before = pair.before.as_ref().map(|before| format!(", before {before}")).unwrap_or_default();
        format!("- {}: {}{before}\n", pair.what, pair.after)
    };
    let load: String = words::load(document).iter().map(load).collect();
    let after = of("under test", &document.latches.after);
    format!("<details><summary>Caps, breaker and load</summary>\n\n{after}{before}{load}\n</details>\n\n")
}

fn limits(document: &Document) -> String {
    let mut lines: Vec<String> = document.limits.iter().map(|limit| plain(&shown(limit, SENTENCE))).collect();
    let unread = document.unreadable.records;
    if unread > 0 {
        lines.insert(0, format!("{} could not be read", counted(unread, "record")));
    }
    if let Some(unread) = document.unread_past.as_ref().filter(|unread| unread.records > 0) {
        lines.insert(0, words::left_out(unread));
    }
    let untold = count(document.unreproducible.after.len());
    if untold > 0 {
        lines.insert(0, format!("of {} it cannot be told what they come to", counted(untold, "action")));
    }
    let list: String = lines.iter().take(ROWS).map(|line| format!("- {line}\n")).collect();
    format!("<details><summary>What this does not tell</summary>\n\n{list}\n</details>\n\n")
}

fn and_more(all: usize, told: usize) -> String {
    if all > told { format!("and {} more: `-o json`\n\n", number(count(all - told))) } else { String::new() }
}

/// Text of others in a code span, whose fence is longer than any in the text.
fn code(text: &str, most: usize) -> String {
    let text = shown(text, most);
    if text.is_empty() {
        return text;
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank keeps backticks of the text off the fence; markdown takes one away on either side.
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// The same for the cell of a table.
fn cell(text: &str, most: usize) -> String {
    code(&text.replace('|', "\u{2223}"), most)
}

/// A sentence of ours: nothing in it is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' | '@') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
