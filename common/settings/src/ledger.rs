//! What the sections of one reading note down together: mistakes, secrets, which keys were asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::node::{Node, Source, Spot};
use crate::problem::{Problem, Problems};
use crate::secret::Secret;
use crate::suggest::closest;

/// Longest list of known keys that a message prints.
const LISTED_KEYS: usize = 12;

/// What the sections of one reading share.
#[derive(Debug)]
pub(crate) struct Ledger {
    notes: RefCell<Notes>,
    folder: PathBuf,
}

#[derive(Debug, Default)]
struct Notes {
    found: Vec<(Problem, Option<Arc<Source>>)>,
    /// Values that are, or may be, secrets: never shown.
    veiled: Vec<(Arc<Source>, Range<usize>)>,
    /// Every reference to a secret, with its place.
    secrets: Vec<(Spot, String, Secret)>,
    /// Section path → keys that somebody asked for.
    asked: BTreeMap<String, BTreeSet<String>>,
    /// Section path → section whose reader is done.
    closed: BTreeMap<String, Arc<Node>>,
}

impl Ledger {
    /// A reading of a document in this folder, which knows of these problems already.
    pub fn new(problems: Vec<Problem>, folder: PathBuf) -> Self {
        let found = problems.into_iter().map(|problem| (problem, None)).collect();
        Self { notes: RefCell::new(Notes { found, ..Notes::default() }), folder }
    }

    pub fn report(&self, spot: &Spot, path: &str, message: impl Into<String>, help: Option<String>) {
        let problem = Problem { help, ..spot.problem(path, message) };
        self.notes.borrow_mut().found.push((problem, Some(Arc::clone(&spot.source))));
    }

    /// Problems of another document come with their own source lines.
    pub fn adopt(&self, problems: Problems) {
        self.notes.borrow_mut().found.extend(problems.0.into_iter().map(|problem| (problem, None)));
    }

    /// A path as the document means it.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    pub fn veil(&self, node: &Node) {
        self.notes.borrow_mut().veiled.push((Arc::clone(&node.spot.source), node.veil()));
    }

    pub fn names_secret(&self, spot: Spot, path: String, secret: Secret) {
        self.notes.borrow_mut().secrets.push((spot, path, secret));
    }

    /// Every secret that cannot be had now.
    pub fn report_missing_secrets(&self) {
        let secrets = std::mem::take(&mut self.notes.borrow_mut().secrets);
        for (spot, path, secret) in secrets {
            if let Err(error) = secret.reveal() {
                self.report(&spot, &path, why(&error), None);
            }
        }
    }

    pub fn asked(&self, section: &str, key: &str) {
        self.notes.borrow_mut().asked.entry(section.to_owned()).or_default().insert(key.to_owned());
    }

    pub fn close(&self, section: &str, node: &Arc<Node>) {
        self.notes.borrow_mut().closed.insert(section.to_owned(), Arc::clone(node));
    }

    /// Every key of a closed section that nobody asked for. Its value is veiled: it may be a secret whose key is
    /// misspelt.
    pub fn report_unknown_keys(&self) {
        let closed = std::mem::take(&mut self.notes.borrow_mut().closed);
        for (section, node) in closed {
            let known = self.notes.borrow().asked.get(&section).cloned().unwrap_or_default();
            for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key)) {
                self.veil(&entry.value);
                self.report(&entry.spot, &join(&section, &entry.key), "unknown key", help(&entry.key, &known));
            }
        }
    }

    /// Ends the reading: every problem with its line.
    pub fn take(&self) -> Problems {
        let notes = std::mem::take(&mut *self.notes.borrow_mut());
        let mut problems = Vec::new();
        for (mut problem, source) in notes.found {
            let hidden: Vec<_> = notes
                .veiled
                .iter()
                .filter(|(veiled, _)| source.as_ref().is_some_and(|source| Arc::ptr_eq(source, veiled)))
                .map(|(_, range)| range.clone())
                .collect();
            if let Some(source) = source {
                problem.source_line = source.line(problem.line, &hidden);
            }
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        Problems(problems)
    }
}

/// An error with what is behind it.
fn why(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn help(key: &str, known: &BTreeSet<String>) -> Option<String> {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(name) = closest(key, &names) {
        return Some(format!("did you mean \"{name}\"?"));
    }
    let listed = !names.is_empty() && names.len() <= LISTED_KEYS;
    listed.then(|| format!("known keys: {}", names.join(", ")))
}

/// `act` and `mode` make `act.mode`; the root has no name.
pub(crate) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
