//! What a rule asks for, with the things that this alert's evidence names.

use std::collections::HashSet;
use std::hash::Hash;

use cordon_records::{Action, Alert, Evidence, IndicatorType, Sha1};

use crate::observable::{Unfit, cut, domain_of, normal};
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
    /// What the evidence names and nothing is done about, each with why: it identifies nothing.
    pub refused: Refused,
}

/// What is refused: the first, with why, and how many different things.
#[derive(Debug, Default)]
pub struct Refused {
    /// The first of the evidence.
    pub first: Option<String>,
    /// All of them.
    pub count: usize,
}

impl Refused {
    fn add(&mut self, why: String) {
        self.first.get_or_insert(why);
        self.count += 1;
    }
}

/// Fills in what the alert's evidence names, each thing once.
pub fn expand(template: &Template, alert: &Alert) -> Expanded {
    let (all, refused): (Vec<Action>, Refused) = match template {
        Template::Action(action) => {
            return Expanded { actions: vec![action.clone()], found: 1, refused: Refused::default() };
        }
        Template::Evidence(FromEvidence::StopFile { comment }) => {
            let (files, refused) = distinct(alert, "File", at_large);
            let stop = |sha1| Action::StopFile { sha1, comment: comment.clone() };
            (files.into_iter().map(stop).collect(), refused)
        }
        Template::Evidence(FromEvidence::Indicator { from, terms }) => {
            let (things, refused) = things(*from, alert);
            let about = |(kind, value)| Action::Indicator(terms.about(kind, value));
            (things.into_iter().map(about).collect(), refused)
        }
    };
    let found = all.len();
    Expanded { actions: all.into_iter().take(MOST).collect(), found, refused }
}

/// What an entry looks for in the evidence, for people.
pub const fn wanted(template: &Template) -> &'static str {
    match template {
        Template::Action(_) => "action",
        Template::Evidence(FromEvidence::StopFile { .. }) => "file with a SHA-1 that Defender has not stopped itself",
        Template::Evidence(FromEvidence::Indicator { from, .. }) => from.wanted(),
    }
}

/// What one item of the evidence names: a thing, or why nothing is done about it.
type Named<T> = Result<T, String>;

fn things(from: Source, alert: &Alert) -> (Vec<(IndicatorType, String)>, Refused) {
    let of = |kind, value: &Option<String>| {
        let value = value.as_deref()?;
        named(value, normal(kind, value)).map(|named| named.map(|value| (kind, value)))
    };
    match from {
        Source::Files => distinct(alert, "File", |item| {
            let hashes = [of(IndicatorType::FileSha256, &item.sha256), of(IndicatorType::FileSha1, &item.sha1)];
            // A hash that is none may stand beside one that is.
            hashes.into_iter().flatten().min_by_key(Result::is_err)
        }),
        Source::Ips => distinct(alert, "Ip", |item| of(IndicatorType::IpAddress, &item.ip_address)),
        Source::Domains => distinct(alert, "Url", |item| {
            let url = item.url.as_deref()?;
            named(url, domain_of(url)).map(|named| named.map(|name| (IndicatorType::DomainName, name)))
        }),
        Source::Urls => distinct(alert, "Url", |item| of(IndicatorType::Url, &item.url)),
    }
}

/// A value of the evidence as it is submitted, or why it is refused; `None` where it is none of its type at all.
fn named(value: &str, normal: Result<String, Unfit>) -> Option<Named<String>> {
    match normal {
        Ok(value) => Some(Ok(value)),
        Err(why @ Unfit::IdentifiesNothing(_)) => Some(Err(format!("{} {why}", cut(value)))),
        Err(Unfit::Malformed(_)) => None,
    }
}

/// What Defender says of a file that it has dealt with itself. Source: Microsoft's page "Alert evidence".
const DEALT_WITH: [&str; 3] = ["Prevented", "Blocked", "Remediated"];

/// A file that is still there, as far as the evidence tells: one that Defender stopped need not be stopped again.
fn at_large(item: &Evidence) -> Option<Named<Sha1>> {
    let status = item.detection_status.as_deref().unwrap_or_default();
    if DEALT_WITH.iter().any(|done| done.eq_ignore_ascii_case(status)) {
        return None;
    }
    let value = item.sha1.as_deref()?;
    match named(value, normal(IndicatorType::FileSha1, value))? {
        Ok(sha1) => Sha1::new(&sha1).ok().map(Ok),
        Err(refused) => Some(Err(refused)),
    }
}

/// What the evidence items of one type name, each once, in their order, and what of it is refused. A process's item names
/// the program that ran, often one of the system's own, so only items of the very type count.
fn distinct<T: Clone + Eq + Hash, W: Clone + Eq + Hash + Into<String>>(
    alert: &Alert,
    entity_type: &str,
    read: impl Fn(&Evidence) -> Option<Result<T, W>>,
) -> (Vec<T>, Refused) {
    let of_type = |item: &&Evidence| item.entity_type.as_deref().is_some_and(|is| is.eq_ignore_ascii_case(entity_type));
    let mut seen = HashSet::new();
    let named = alert.evidence.iter().filter(of_type).filter_map(read).filter(|thing| seen.insert(thing.clone()));
    let (mut found, mut refused) = (Vec::new(), Refused::default());
    for thing in named {
        match thing {
            Ok(thing) => found.push(thing),
            Err(why) => refused.add(why.into()),
        }
    }
    (found, refused)
}

#[cfg(test)]
mod tests;
