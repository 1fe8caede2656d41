//! Settings: YAML to typed values, with every mistake reported at once and at its place.
//!
//! A [`Document`] is the file plus the `CORDON_` variables of the environment. A [`Reader`] hands out [`Section`]s; a
//! stage asks a section for its keys ([`Field`]) and gets values, defaults or recorded [`Problem`]s. Keys that nobody
//! asked for are mistakes, with a suggestion. Nothing here starts a runtime or opens a connection.
//!
//! ```
//! # use cordon_settings::{Document, Reader};
//! let document = Document::parse("cordon.yaml", "act: {mode: shadow, settle: 2m}")?;
//! let reader = Reader::new(&document);
//! let mut root = reader.root();
//! let mut act = root.section("act");
//! let mode = act.text("mode").or("shadow".to_owned());
//! let settle = act.duration("settle").required();
//! act.finish();
//! root.finish();
//! reader.finish()?;
//! assert_eq!((mode.as_str(), settle), ("shadow", Some(std::time::Duration::from_secs(120))));
//! # Ok::<(), cordon_settings::Problems>(())
//! ```

mod document;
mod endpoint;
mod environment;
mod field;
mod ledger;
mod node;
mod overlay;
mod private;
mod problem;
mod reader;
mod secret;
mod section;
mod suggest;
mod text;
mod units;

pub use cordon_records::text::format_duration;
pub use document::Document;
pub use endpoint::{is_loopback, require_https};
pub use environment::{environment, variable};
pub use field::Field;
pub use private::private_key;
pub use problem::{Place, Problem, Problems};
pub use reader::Reader;
pub use secret::{Secret, SecretError};
pub use section::Section;
pub use suggest::closest;
pub use text::{decode_text, read_text};
pub use units::{parse_duration, parse_size};
