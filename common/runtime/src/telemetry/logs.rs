//! Log lines on stderr, one event a line: JSON for collectors, text for people, without colours.
//!
//! Alerts hold text that an attacker chose. What is obeyed or hidden is escaped in both formats, so that a file name
//! cannot forge a second log line, steer a terminal or look like another.

use std::io::{self, IsTerminal, Write};

use cordon_records::text::escaped;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::TelemetryError;
use super::settings::{LogFormat, TelemetrySettings};

/// Sets up logging for the whole process; once.
///
/// # Errors
/// The filter cannot be read, or logging is set up already.
pub fn install(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| TelemetryError::Filter(error.to_string()))?;
    let default = if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    // A line that cannot be written (a closed pipe, a full disk) is dropped. By default the subscriber would complain about
    // it with `eprintln!`, which panics because that cannot be written either.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Escaped(io::stderr))
        .log_internal_errors(false);
    match settings.format.unwrap_or(default) {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    }
    .map_err(|error| TelemetryError::Logging(error.to_string()))
}

/// A writer that escapes what is obeyed or hidden of each event.
#[derive(Debug, Clone)]
struct Escaped<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Escaped<M> {
    type Writer = Escaping<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

/// Takes one whole event a call, as the subscriber's formatter hands it over.
#[derive(Debug)]
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = escaped(text.trim_end_matches('\n'), |_| false);
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(json: bool, hostile: &str) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(Escaped(move || writer.clone()));
        let log = || tracing::info!(file = %hostile, "seen {hostile}");
        if json {
            tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_hostile_text_can_neither_forge_a_line_nor_steer_a_terminal() {
        for json in [true, false] {
            let text = logged(json, "a\n2026 INFO forged\r\u{1b}[2J\u{9b}31m\u{7f}");
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
            assert!(text.contains("forged"), "{text:?}");
        }
    }

    #[test]
    fn a_json_line_keeps_the_text_when_it_is_read_back() {
        let hostile = "a\u{1b}\u{85}\u{7f}b";
        let value: serde_json::Value = serde_json::from_str(&logged(true, hostile)).unwrap();
        assert!(value["message"].as_str().unwrap().starts_with("seen a"), "{value}");
        assert_eq!(value["level"], "INFO");
    }

    proptest! {
        #[test]
        fn of_a_text_in_which_nothing_can_be_seen_every_character_is_written_out(
            text in UNSEEN,
        ) {
            let line = escaped(&text, |_| false);
            prop_assert!(line.chars().all(|c| matches!(c, ' '..='~')), "{line:?}");
        }
    }
}
