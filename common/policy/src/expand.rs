//! What a rule asks for, with the things that this alert's evidence names.

use cordon_records::{Action, Alert, Evidence, IndicatorType, Sha1};

use crate::observable::{domain_of, normal};
use crate::rules::{FromEvidence, Source, Template};

/// At most so many actions come of one entry of a rule. An alert may name hundreds of files; a rule's author had a few
/// in mind.
pub const MOST: usize = 10;

/// The actions of one entry of a rule.
pub struct Expanded {
    /// The actions, at most [`MOST`], in the order of the evidence.
    pub actions: Vec<Action>,
    /// How many there would be without that limit.
    pub found: usize,
}

/// Fills in what the alert's evidence names, each thing once.
pub fn expand(template: &Template, alert: &Alert) -> Expanded {
    let all: Vec<Action> = match template {
        Template::Action(action) => return Expanded { actions: vec![action.clone()], found: 1 },
        Template::Evidence(FromEvidence::StopFile { comment }) => distinct(alert, "File", at_large)
            .into_iter()
            .map(|sha1| Action::StopFile { sha1, comment: comment.clone() })
            .collect(),
        Template::Evidence(FromEvidence::Indicator { from, terms }) => {
            things(*from, alert).into_iter().map(|(kind, value)| Action::Indicator(terms.about(kind, value))).collect()
        }
    };
    let found = all.len();
    Expanded { actions: all.into_iter().take(MOST).collect(), found }
}

/// What an entry looks for in the evidence, for people.
pub const fn wanted(template: &Template) -> &'static str {
    match template {
        Template::Action(_) => "action",
        Template::Evidence(FromEvidence::StopFile { .. }) => "file with a SHA-1 that Defender has not stopped itself",
        Template::Evidence(FromEvidence::Indicator { from, .. }) => from.wanted(),
    }
}

fn things(from: Source, alert: &Alert) -> Vec<(IndicatorType, String)> {
    let of = |kind, value: &Option<String>| Some((kind, normal(kind, value.as_deref()?).ok()?));
    match from {
        Source::Files => distinct(alert, "File", |item| {
            of(IndicatorType::FileSha256, &item.sha256).or_else(|| of(IndicatorType::FileSha1, &item.sha1))
        }),
        Source::Ips => distinct(alert, "Ip", |item| of(IndicatorType::IpAddress, &item.ip_address)),
        Source::Domains => {
            distinct(alert, "Url", |item| Some((IndicatorType::DomainName, domain_of(item.url.as_deref()?)?)))
        }
        Source::Urls => distinct(alert, "Url", |item| of(IndicatorType::Url, &item.url)),
    }
}

/// What Defender says of a file that it has dealt with itself. Source: Microsoft's page "Alert evidence".
const DEALT_WITH: [&str; 3] = ["Prevented", "Blocked", "Remediated"];

/// A file that is still there, as far as the evidence tells: one that Defender stopped need not be stopped again.
fn at_large(item: &Evidence) -> Option<Sha1> {
    let status = item.detection_status.as_deref().unwrap_or_default();
    let is_dealt_with = DEALT_WITH.iter().any(|done| done.eq_ignore_ascii_case(status));
    let sha1 = Sha1::new(item.sha1.as_deref()?.trim()).ok()?;
    (!is_dealt_with).then_some(sha1)
}

/// What the evidence items of one type hold, each once, in their order. A process's item names the program that ran,
/// often one of the system's own, so only items of the very type count.
fn distinct<T: PartialEq>(alert: &Alert, entity_type: &str, read: impl Fn(&Evidence) -> Option<T>) -> Vec<T> {
    let of_type = |item: &&Evidence| item.entity_type.as_deref().is_some_and(|is| is.eq_ignore_ascii_case(entity_type));
    let mut found = Vec::new();
    for thing in alert.evidence.iter().filter(of_type).filter_map(read) {
        if !found.contains(&thing) {
            found.push(thing);
        }
    }
    found
}

#[cfg(test)]
mod tests;
