//! The settings of an action as rows for people.

use std::time::Duration;

use cordon_records::text::exact_span;
use cordon_records::{Action, AlertChanges, Indicator, LiveCommand, ReleaseTerms, TagChange};

use crate::clean::{MAX_LINE, foreign, line};

use super::names;

/// More commands than this are counted instead of listed.
const MAX_COMMANDS: usize = 10;

type Fact = (&'static str, String);

/// The action's own settings, then its author's comment.
pub fn of(action: &Action) -> Vec<Fact> {
    let mut facts = match action {
        Action::Isolate { isolation, release, .. } => {
            let mut facts = vec![("Isolation", isolation.as_str().to_owned())];
            facts.extend(release.as_ref().map(|terms| ("Released by Cordon", terms_of(terms))));
            facts
        }
        Action::Scan { scan, .. } => vec![("Scan", scan.as_str().to_owned())],
        Action::StopFile { sha1, .. } => vec![("File (SHA-1)", sha1.to_string())],
        Action::LiveResponse { commands, .. } => live(commands),
        Action::Tag { tag, change } => {
            let label = match change {
                TagChange::Add => "Tag to put on",
                TagChange::Remove => "Tag to take off",
            };
            vec![(label, foreign(tag, 200))]
        }
        Action::SetDeviceValue { value } => vec![("Value to set", value.as_str().to_owned())],
        Action::UpdateAlert(changes) => alert(changes),
        Action::Indicator(indicator) => indicator_facts(indicator),
        Action::Cancel { what, .. } => vec![("Cancels", what.as_str().replace('_', " "))],
        Action::Release { .. }
        | Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::Offboard { .. } => Vec::new(),
    };
    let comment = foreign(action.comment(), MAX_LINE);
    if !comment.is_empty() {
        facts.push(("Comment", comment));
    }
    facts
}

fn terms_of(terms: &ReleaseTerms) -> String {
    let asked = if terms.ask { ", if a person agrees" } else { "" };
    format!("{} after it is confirmed{asked}", span(terms.after_s))
}

fn span(seconds: u64) -> String {
    exact_span(Duration::from_secs(seconds))
}

fn live(commands: &[LiveCommand]) -> Vec<Fact> {
    let mut facts: Vec<Fact> =
        commands.iter().take(MAX_COMMANDS).map(|command| ("Command", live_line(command))).collect();
    if let Some(more) = commands.len().checked_sub(MAX_COMMANDS).filter(|more| *more > 0) {
        facts.push(("Command", format!("and {more} more")));
    }
    facts
}

fn live_line(command: &LiveCommand) -> String {
    match command {
        LiveCommand::PutFile { file } => format!("put file {}", line(file, 200)),
        LiveCommand::RunScript { script, args } if args.is_empty() => format!("run script {}", line(script, 200)),
        LiveCommand::RunScript { script, args } => {
            format!("run script {} with {}", line(script, 200), foreign(args, MAX_LINE))
        }
        LiveCommand::GetFile { path } => format!("get file {}", foreign(path, MAX_LINE)),
    }
}

fn alert(changes: &AlertChanges) -> Vec<Fact> {
    let rows = [
        ("New status", changes.status.as_ref().map(|status| foreign(status.as_str(), 60))),
        ("New assignee", changes.assigned_to.as_ref().map(|who| line(who, 100))),
        ("New classification", changes.classification.as_ref().map(|found| foreign(found.as_str(), 60))),
        ("New determination", changes.determination.as_ref().map(|found| foreign(found, 60))),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn indicator_facts(indicator: &Indicator) -> Vec<Fact> {
    let mut facts = vec![
        ("Indicator", foreign(&indicator.value, MAX_LINE)),
        ("Kind of indicator", indicator.kind.as_str().to_owned()),
        ("What it does", indicator.action.as_str().to_owned()),
        ("Indicator title", foreign(&indicator.title, 200)),
    ];
    facts.extend(indicator.severity.as_ref().map(|severity| ("Indicator severity", foreign(severity, 40))));
    let ends = indicator.expires_after_s.map_or_else(|| "never".to_owned(), |after| format!("after {}", span(after)));
    facts.push(("Indicator ends", ends));
    let whole = || "every machine of the tenant".to_owned();
    facts.push(("Counts for", if indicator.groups.is_empty() { whole() } else { names(&indicator.groups) }));
    facts
}
