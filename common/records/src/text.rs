//! Small tools for text, one of each: what others wrote made harmless, lengths of time, wildcards, hexadecimal digits.

mod clean;
mod duration;
mod hex;
mod unseen;
mod wildcard;

pub use clean::{cut, escaped, marked, one_line, visible};
pub use duration::{exact_span, format_duration, millis_of_unit, rough_span};
pub use hex::{digest, hex, is_hex};
#[cfg(any(test, feature = "testing"))]
pub use unseen::UNSEEN;
pub use unseen::{is_hidden, is_unsafe};
pub use wildcard::fits;
