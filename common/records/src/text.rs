//! Small tools for text, one of each: what others wrote made harmless, lengths of time, wildcards, hexadecimal digits.

mod clean;
mod unseen;

pub use clean::{cut, marked, one_line, push_escaped, visible};
pub use unseen::{is_hidden, is_unsafe};
