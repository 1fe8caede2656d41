//! The tenant's indicators, in their wire form.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Indicators, one for each type and value.
#[derive(Debug, Default)]
pub(crate) struct Indicators {
    all: Vec<Map<String, Value>>,
}

impl Indicators {
    /// The indicator of the same type and value.
    pub(crate) fn like(&self, wire: &Map<String, Value>) -> Option<&Map<String, Value>> {
        self.all.iter().find(|known| is_same(known, wire))
    }

    /// Puts one in, in the place of the one like it.
    pub(crate) fn put(&mut self, wire: Map<String, Value>) {
        self.all.retain(|known| !is_same(known, &wire));
        self.all.push(wire);
    }

    pub(crate) fn all(&self) -> &[Map<String, Value>] {
        &self.all
    }

    /// How many have not ended.
    pub(crate) fn active(&self, now: Timestamp) -> usize {
        let end = |wire: &Map<String, Value>| wire.get("expirationTime")?.as_str()?.parse::<Timestamp>().ok();
        self.all.iter().filter(|wire| end(wire).is_none_or(|end| end > now)).count()
    }
}

fn is_same(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    ["indicatorType", "indicatorValue"].iter().all(|name| one.get(*name) == other.get(*name))
}
