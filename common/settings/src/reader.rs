//! One reading of a document: hands out sections, gathers the mistakes, and reports them together.

use std::rc::Rc;
use std::sync::Arc;

use crate::document::Document;
use crate::ledger::Ledger;
use crate::node::Node;
use crate::problem::Problems;
use crate::section::Section;

/// A reading in progress. [`Reader::finish`] ends it.
#[derive(Debug)]
pub struct Reader {
    root: Arc<Node>,
    ledger: Rc<Ledger>,
}

impl Reader {
    /// Starts to read a document. Mistakes that the document already knows of are part of the reading.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        let ledger = Ledger::new(document.problems.clone(), document.folder.clone());
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
