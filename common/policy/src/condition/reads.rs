//! What a condition asks of a record: of two records that agree in it, a condition says the same.

use std::collections::BTreeSet;

use cordon_records::cut::EVIDENCE;

use super::tree::{LoopKind, Node, Typed};
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
    /// The evidence is asked about one item at a time: of a record it is true what is true with no item or with any one of
    /// them alone; where nothing is and something of that cannot be told, it cannot be told.
    pub by_item: bool,
}

impl Reads {
    pub(super) fn of(typed: &Typed) -> Self {
        let mut reads = Self::default();
        reads.add(typed);
        reads.by_item = Evidence::of(typed) == Evidence::ByItem;
        reads
    }

    fn add(&mut self, typed: &Typed) {
        match &typed.node {
            Node::Now => self.now = true,
            Node::Users => self.item("userPrincipalName"),
            Node::Field(record, name) | Node::Given(record, name) => self.field(*record, name),
            Node::ItemField(_, name) | Node::ItemGiven(_, name) => self.item(name),
            _ => {}
        }
        children(typed).into_iter().for_each(|child| self.add(child));
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

/// What an expression consists of.
fn children(typed: &Typed) -> Vec<&Typed> {
    match &typed.node {
        Node::Broken | Node::Constant(_) | Node::Whole | Node::Local(_) | Node::Now | Node::Users => Vec::new(),
        Node::Field(..) | Node::Given(..) => Vec::new(),
        Node::ItemField(inner, _) | Node::ItemGiven(inner, _) => vec![&**inner],
        Node::Not(inner) | Node::Unary(_, inner) => vec![&**inner],
        Node::And(parts) | Node::Or(parts) | Node::In(parts) | Node::Index(parts) => parts.iter().collect(),
        Node::Compare(_, parts) | Node::Arithmetic(_, parts) | Node::TextTest(_, parts) => parts.iter().collect(),
        Node::Choose(parts) => parts.iter().collect(),
        Node::List(items) => items.iter().collect(),
        Node::Loop(inner) => [&inner.list].into_iter().chain(&inner.test).chain(&inner.result).collect(),
    }
}

/// How an expression uses the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// Not at all.
    Unused,
    /// See [`Reads::by_item`].
    ByItem,
    /// In any other way.
    AsAWhole,
}

impl Evidence {
    fn of(typed: &Typed) -> Self {
        if !uses(typed) {
            return Self::Unused;
        }
        match &typed.node {
            // Two that ask about items may each be true of another one.
            Node::And(parts) => match parts.each_ref().map(Self::of) {
                [Self::Unused, other] | [other, Self::Unused] => other,
                _ => Self::AsAWhole,
            },
            Node::Or(parts) if parts.iter().all(|part| Self::of(part) != Self::AsAWhole) => Self::ByItem,
            Node::Loop(inner) if inner.kind == LoopKind::Exists && is_list(&inner.list) => {
                if inner.test.iter().any(asks_list) { Self::AsAWhole } else { Self::ByItem }
            }
            Node::In(parts) if is_list(&parts[1]) && !uses(&parts[0]) => Self::ByItem,
            _ => Self::AsAWhole,
        }
    }
}

fn is_list(typed: &Typed) -> bool {
    matches!(typed.node, Node::Users | Node::Field(Record::Alert, EVIDENCE))
}

/// Whether it asks for the list itself, be it for one of its items or for how many there are.
fn asks_list(typed: &Typed) -> bool {
    is_list(typed)
        || matches!(typed.node, Node::Given(Record::Alert, EVIDENCE))
        || children(typed).into_iter().any(asks_list)
}

fn uses(typed: &Typed) -> bool {
    matches!(typed.node, Node::ItemField(..) | Node::ItemGiven(..))
        || asks_list(typed)
        || children(typed).into_iter().any(uses)
}
