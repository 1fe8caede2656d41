//! The part of OData that Defender's lists understand: `$filter`, `$orderby`, `$top`, `$skip`, `$expand`.

mod filter;
mod query;

pub(crate) use filter::Kind;
pub(crate) use query::{Query, Selected};

/// Why a query is refused; the message of the `ODataError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);
