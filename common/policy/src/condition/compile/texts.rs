//! Tests of texts. A constant pattern is compiled and a constant network is parsed once, here.

use super::super::functions::{self, TextTest};
use super::super::network::Network;
use super::super::tree::Typed;
use super::super::value::Fault;
use super::read::Read;
use super::{Test, boxed_test};

pub fn text_test(test: TextTest, [subject, with]: [Typed; 2]) -> Test {
    let constant = with.literal().map(str::to_owned);
    let (subject, with) = (Read::of(subject), Read::of(with));
    let prepared = constant.and_then(|constant| Prepared::of(test, constant));
    boxed_test(move |frame| match &prepared {
        Some(prepared) => subject.with(frame, |text| prepared.test(text))?,
        None => subject.with(frame, |text| with.with(frame, |with| functions::test(test, text, with)))??,
    })
}

/// A test whose second text is known.
enum Prepared {
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Matches(regex::Regex),
    Within(Network),
}

impl Prepared {
    /// `None` for a pattern or a network that is none; the checker lets no such one through.
    fn of(test: TextTest, constant: String) -> Option<Self> {
        match test {
            TextTest::StartsWith => Some(Self::StartsWith(constant)),
            TextTest::EndsWith => Some(Self::EndsWith(constant)),
            TextTest::Contains => Some(Self::Contains(constant)),
            TextTest::Matches => regex::Regex::new(&constant).ok().map(Self::Matches),
            TextTest::Within => Network::parse(&constant).map(Self::Within),
        }
    }

    fn test(&self, text: &str) -> Result<bool, Fault> {
        match self {
            Self::StartsWith(with) => Ok(text.starts_with(with.as_str())),
            Self::EndsWith(with) => Ok(text.ends_with(with.as_str())),
            Self::Contains(with) => Ok(text.contains(with.as_str())),
            Self::Matches(pattern) => Ok(pattern.is_match(text)),
            Self::Within(network) => functions::within(text, network),
        }
    }
}
