//! What a condition asks of a record: of two records that agree in it, a condition says the same.

use std::collections::BTreeSet;

use cordon_records::cut::EVIDENCE;

use super::tree::{Loop, Node, Typed};
use super::types::Record;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Fields of the alert, by Microsoft's names.
    pub alert: BTreeSet<&'static str>,
    /// Where the evidence is among these: the fields of its items. How many items there are counts all the same.
    pub evidence: BTreeSet<&'static str>,
    /// Fields of the machine.
    pub machine: BTreeSet<&'static str>,
    /// When the record was made.
    pub now: bool,
}

impl Reads {
    pub(super) fn of(typed: &Typed) -> Self {
        let mut reads = Self::default();
        reads.add(typed);
        reads
    }

    fn add(&mut self, typed: &Typed) {
        match &typed.node {
            Node::Broken | Node::Constant(_) | Node::Whole | Node::Local(_) => {}
            Node::Now => self.now = true,
            Node::Users => self.item("userPrincipalName"),
            Node::Field(record, name) | Node::Given(record, name) => self.field(*record, name),
            Node::ItemField(item, name) | Node::ItemGiven(item, name) => {
                self.item(name);
                self.add(item);
            }
            Node::Not(inner) | Node::Unary(_, inner) => self.add(inner),
            Node::And(parts) | Node::Or(parts) | Node::In(parts) | Node::Index(parts) => self.all(&parts[..]),
            Node::Compare(_, parts) | Node::Arithmetic(_, parts) | Node::TextTest(_, parts) => self.all(&parts[..]),
            Node::Choose(parts) => self.all(&parts[..]),
            Node::List(items) => self.all(items),
            Node::Loop(inner) => self.add_loop(inner),
        }
    }

    fn add_loop(&mut self, inner: &Loop) {
        self.add(&inner.list);
        self.all(inner.test.iter().chain(&inner.result));
    }

    fn all<'t>(&mut self, parts: impl IntoIterator<Item = &'t Typed>) {
        parts.into_iter().for_each(|part| self.add(part));
    }

    fn field(&mut self, record: Record, name: &'static str) {
        match record {
            Record::Alert => _ = self.alert.insert(name),
            Record::Machine => _ = self.machine.insert(name),
            Record::Evidence => self.item(name),
        }
    }

    /// A field of items of the evidence, which is reached through the list.
    fn item(&mut self, name: &'static str) {
        self.alert.insert(EVIDENCE);
        self.evidence.insert(name);
    }
}
