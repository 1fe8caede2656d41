//! The `telemetry` section.

use std::net::SocketAddr;

use cordon_settings::Section;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// One line of text, for people.
    Text,
}

/// Where metrics are served and what is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Address of the metrics and health listener; none by default, since it is open to whoever reaches it.
    pub listen: Option<SocketAddr>,
    /// A `tracing` filter; `info` by default.
    pub log: String,
    /// JSON or text; by default JSON unless stderr is a terminal.
    pub format: Option<LogFormat>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { listen: None, log: "info".to_owned(), format: None }
    }
}

impl TelemetrySettings {
    /// Reads the section: `listen`, `log`, `format`. Every key may be absent.
    pub fn read(section: &mut Section) -> Self {
        let listen = section.text("listen").convert(|text| {
            text.parse::<SocketAddr>().map_err(|_| "expected an address and a port, such as 127.0.0.1:9464".to_owned())
        });
        let log = section.text("log").check(|text| check_filter(text));
        let format = section.choice("format", &[("json", LogFormat::Json), ("text", LogFormat::Text)]);
        let read = Self { listen: listen.optional(), log: log.or(Self::default().log), format: format.optional() };
        section.clone().finish();
        read
    }
}

/// A bare word that is no level is a target to the filter, and would switch everything else off.
fn check_filter(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let unknown = text
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains(['=', '[']) && !LEVELS.iter().any(|level| part.eq_ignore_ascii_case(level)));
    if let Some(part) = unknown {
        return Err(format!("{part:?} is no log level; take one of {}", LEVELS.join(", ")));
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("not a log filter such as info or cordon_runtime=debug,info: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use cordon_settings::{Document, Reader};

    use super::*;

    fn read(text: &str) -> Result<TelemetrySettings, String> {
        let document = Document::parse("cordon.yaml", text).unwrap();
        let reader = Reader::new(&document);
        let settings = TelemetrySettings::read(&mut reader.root());
        reader.finish().map(|()| settings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn nothing_is_served_unless_asked_for() {
        assert_eq!(read("").unwrap(), TelemetrySettings::default());
        assert_eq!(read("listen: 127.0.0.1:0").unwrap().listen, Some("127.0.0.1:0".parse().unwrap()));
    }

    #[test]
    fn a_wrong_address_filter_or_format_is_a_problem() {
        for text in ["listen: 9464", "log: 'cordon=loud'", "format: xml", "lissten: 1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
