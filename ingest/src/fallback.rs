//! What to ask a server that refuses, or fails again and again on, what it is normally asked. Pure: times are passed in.
//!
//! `$orderby` is not on Microsoft's page "List alerts API", only in the connector's swagger; so a server that answers 400
//! is asked with less, and what worked is remembered ([`ServerCapabilities`]). One that answers 500, or nothing
//! in time, says nothing about the cause: it may be down, or it may stumble over one part of the question. So after a few
//! failures in a row one variant of the question is tried with each further one. A variant that is answered while the
//! normal question still fails is used for some time; then the normal one is asked again, since it is the better one.

use std::time::{Duration, Instant};

/// Failures in a row after which something else is tried.
const PATIENCE: u32 = 3;
/// How long a variant is used before the normal question is asked again.
const IN_USE: Duration = Duration::from_secs(600);
/// A small page has so many times fewer items.
const SMALLER: u32 = 10;

/// The options of a question that a server may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCapabilities {
    /// Ask for `$orderby=lastUpdateTime asc`.
    pub order: bool,
    /// Ask for `$expand=evidence`.
    pub expand: bool,
}

impl Default for ServerCapabilities {
    fn default() -> Self {
        Self { order: true, expand: true }
    }
}

impl ServerCapabilities {
    /// What to try after this one was refused; `None` when nothing is left to leave out.
    #[must_use]
    pub const fn simpler(self) -> Option<Self> {
        match (self.order, self.expand) {
            (true, true) => Some(Self { order: false, expand: true }),
            (false, true) => Some(Self { order: true, expand: false }),
            (true, false) => Some(Self { order: false, expand: false }),
            (false, false) => None,
        }
    }
}

/// A way to ask for alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The options.
    pub capabilities: ServerCapabilities,
    /// Ask for alerts from an instant on, instead of for all.
    pub filter: bool,
    /// Items per page at most.
    pub largest_page: u32,
}

/// How the server took the normal question lately.
#[derive(Debug, Default)]
pub struct Fallback {
    failures: u32,
    next: usize,
    in_use: Option<(Variant, Instant)>,
}

impl Fallback {
    /// The variant to ask for the time being instead of the normal question.
    #[must_use]
    pub fn in_use(&self, now: Instant) -> Option<Variant> {
        self.in_use.filter(|(_, until)| now < *until).map(|(variant, _)| variant)
    }

    /// A whole round was answered that asked nothing but the normal question. One page is not enough: a server may answer
    /// the first and fail on a later one, round after round.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// The server failed on the normal question, with these capabilities and with so many items per page. Returns what to try.
    pub fn failed(&mut self, capabilities: ServerCapabilities, page: u32) -> Option<Variant> {
        self.failures = self.failures.saturating_add(1);
        let variants = variants(capabilities, page);
        let variant = variants.get(self.next % variants.len().max(1)).copied();
        if self.failures < PATIENCE {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        variant
    }

    /// That variant was answered, and the normal question fails still. When its time is over it is the first to be tried.
    pub fn works(&mut self, variant: Variant, now: Instant) {
        self.next = self.next.wrapping_sub(1);
        self.in_use = now.checked_add(IN_USE).map(|until| (variant, until));
    }

    /// The server fails on the variant in use, too.
    pub fn variant_failed(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.in_use = None;
    }
}

/// What costs least comes first: without order the round proves itself by larger pages; a small page costs calls; without
/// evidence rules see less; without a filter the whole list is read.
fn variants(capabilities: ServerCapabilities, page: u32) -> Vec<Variant> {
    let normal = Variant { capabilities, filter: true, largest_page: u32::MAX };
    let bare = ServerCapabilities { order: false, expand: false };
    let candidates = [
        Variant { capabilities: ServerCapabilities { order: false, ..capabilities }, ..normal },
        Variant { largest_page: (page / SMALLER).max(1), ..normal },
        Variant { capabilities: ServerCapabilities { expand: false, ..capabilities }, ..normal },
        Variant { capabilities: bare, ..normal },
        Variant { capabilities: ServerCapabilities { order: false, ..capabilities }, filter: false, ..normal },
        Variant { capabilities: bare, filter: false, ..normal },
    ];
    let mut variants: Vec<Variant> = Vec::with_capacity(candidates.len());
    for variant in candidates {
        if variant != normal && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_is_left_out_alone_before_both_are() {
        let mut capabilities = ServerCapabilities::default();
        let mut tried = vec![capabilities];
        while let Some(next) = capabilities.simpler() {
            capabilities = next;
            tried.push(capabilities);
        }
        let tried: Vec<_> = tried.into_iter().map(|d| (d.order, d.expand)).collect();
        assert_eq!(tried, [(true, true), (false, true), (true, false), (false, false)]);
    }

    fn fails(fallback: &mut Fallback, times: u32) -> Option<Variant> {
        (0..times).map(|_| fallback.failed(ServerCapabilities::default(), 200)).last().flatten()
    }

    #[test]
    fn nothing_else_is_tried_before_the_third_failure_in_a_row() {
        let mut fallback = Fallback::default();
        assert_eq!(fails(&mut fallback, 2), None);
        fallback.answered();
        assert_eq!(fails(&mut fallback, 2), None);
        let tried = fails(&mut fallback, 1).unwrap();
        assert_eq!((tried.capabilities, tried.filter), (ServerCapabilities { order: false, expand: true }, true));
    }

    #[test]
    fn each_part_of_the_question_is_left_out_in_its_turn_and_then_the_first_again() {
        let mut fallback = Fallback::default();
        fails(&mut fallback, PATIENCE - 1);
        let tried: Vec<Variant> = (0..7).filter_map(|_| fails(&mut fallback, 1)).collect();
        assert!(tried.iter().any(|it| !it.capabilities.order && it.capabilities.expand && it.filter));
        assert!(tried.iter().any(|it| it.capabilities.order && it.capabilities.expand && it.largest_page == 20));
        assert!(tried.iter().any(|it| it.capabilities.order && !it.capabilities.expand));
        assert!(tried.iter().any(|it| !it.filter));
        assert_eq!(tried.first(), tried.last());
    }

    #[test]
    fn a_variant_that_works_is_used_for_ten_minutes_and_is_the_first_to_be_tried_after_them() {
        let (mut fallback, now) = (Fallback::default(), Instant::now());
        fails(&mut fallback, PATIENCE);
        let second = fails(&mut fallback, 1).unwrap();
        fallback.works(second, now);
        assert_eq!(fallback.in_use(now + IN_USE - Duration::from_secs(1)), Some(second));
        assert_eq!(fallback.in_use(now + IN_USE), None);
        assert_eq!(fails(&mut fallback, 1), Some(second), "one failure is enough now");
        fallback.works(second, now);
        fallback.variant_failed();
        assert_eq!(fallback.in_use(now), None);
        assert_ne!(fails(&mut fallback, 1), Some(second));
    }

    #[test]
    fn what_the_server_refused_before_is_no_variant() {
        let all = variants(ServerCapabilities { order: false, expand: false }, 1);
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all.iter().all(|variant| variant.capabilities == ServerCapabilities { order: false, expand: false }));
    }
}
