//! Download links that were handed out.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::wire_time::after;

/// The links that still work, each with its end and what is behind it.
#[derive(Debug, Default)]
pub(crate) struct Links {
    issued: HashMap<String, (Timestamp, Vec<u8>)>,
}

impl Links {
    /// Hands out a link; those that have ended are forgotten.
    pub(crate) fn issue(&mut self, token: String, content: Vec<u8>, (now, works_for): (Timestamp, Duration)) {
        self.issued.retain(|_, (end, _)| *end > now);
        self.issued.insert(token, (after(now, works_for), content));
    }

    /// What is behind a link that still works.
    pub(crate) fn open(&self, token: &str, now: Timestamp) -> Option<Vec<u8>> {
        self.issued.get(token).filter(|(end, _)| *end > now).map(|(_, content)| content.clone())
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.issued.keys()
    }
}
