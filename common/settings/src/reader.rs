//! One reading of a document: hands out sections, gathers the mistakes, and reports them together.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::document::Document;
use crate::node::{Node, Source, Spot};
use crate::problem::{Problem, Problems};
use crate::secret::Secret;
use crate::section::Section;
use crate::suggest::closest;

/// Longest list of known keys that a message prints.
const LISTED_KEYS: usize = 12;

/// A reading in progress. [`Reader::finish`] ends it.
#[derive(Debug)]
pub struct Reader {
    root: Arc<Node>,
    ledger: Rc<Ledger>,
}

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
    fn report_missing_secrets(&self) {
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
    fn report_unknown_keys(&self) {
        let closed = std::mem::take(&mut self.notes.borrow_mut().closed);
        for (section, node) in closed {
            let known = self.notes.borrow().asked.get(&section).cloned().unwrap_or_default();
            for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key)) {
                self.veil(&entry.value);
                self.report(&entry.spot, &join(&section, &entry.key), "unknown key", help(&entry.key, &known));
            }
        }
    }

    fn take(&self) -> Problems {
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

impl Reader {
    /// Starts to read a document. Mistakes that the document already knows of are part of the reading.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        let found = document.problems.iter().map(|problem| (problem.clone(), None)).collect();
        let notes = RefCell::new(Notes { found, ..Notes::default() });
        let ledger = Ledger { notes, folder: document.folder.clone() };
        Self { root: Arc::clone(&document.root), ledger: Rc::new(ledger) }
    }

    /// The whole document as a section.
    #[must_use]
    pub fn root(&self) -> Section {
        Section::new(Rc::clone(&self.ledger), String::new(), Arc::clone(&self.root), self.root.spot.clone())
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every mistake found, in the order of the lines: those of the document, those that the sections recorded, and
    /// the keys that nobody asked for in sections that were finished.
    pub fn finish(self) -> Result<(), Problems> {
        self.ledger.report_unknown_keys();
        self.ledger.take().into_result()
    }

    /// Ends the reading as [`Reader::finish`] does, and looks whether every secret that the sections named can be had now.
    /// A process that starts does without: a secret may be put in its place later, and it is read for each use.
    ///
    /// # Errors
    /// The same, and every secret that cannot be read.
    pub fn finish_with_secrets(self) -> Result<(), Problems> {
        self.ledger.report_missing_secrets();
        self.finish()
    }
}
