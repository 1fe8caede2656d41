//! The `telemetry` section.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cordon_settings::Section;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// One line of text, for people.
    Text,
}

/// Where metrics and health are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere: the listener is open to whoever reaches it.
    #[default]
    Nowhere,
    /// Every process that reads the file listens here: one stage on a host, or one in a container.
    Everywhere(SocketAddr),
    /// Each stage has an address of its own, since several of one host read the file.
    Each(BTreeMap<&'static str, SocketAddr>),
}

impl Listen {
    /// Where this stage listens.
    #[must_use]
    pub fn of(&self, stage: &str) -> Option<SocketAddr> {
        match self {
            Self::Nowhere => None,
            Self::Everywhere(address) => Some(*address),
            Self::Each(addresses) => addresses.get(stage).copied(),
        }
    }

    /// Where one process that runs all stages listens: it serves all of them at the first address.
    #[must_use]
    pub fn of_all(&self) -> Option<SocketAddr> {
        STAGES.into_iter().find_map(|stage| self.of(stage))
    }

    fn read(section: &mut Section) -> Self {
        let address = |text: String| {
            text.parse::<SocketAddr>().map_err(|_| "expected an address and a port, such as 127.0.0.1:9464".to_owned())
        };
        if !matches!(section.value("listen").optional(), Some(Value::Object(_))) {
            let one = section.text("listen").convert(address).optional();
            return one.map_or(Self::Nowhere, Self::Everywhere);
        }
        let mut each = section.section("listen");
        let mut addresses: BTreeMap<&'static str, SocketAddr> = BTreeMap::new();
        for stage in STAGES {
            let Some(own) = each.text(stage).convert(address).optional() else { continue };
            let other = addresses.iter().find(|(_, taken)| **taken == own && own.port() != 0);
            match other {
                Some((other, _)) => each.problem(stage, format!("{own} is {other}'s already: a port serves one stage")),
                None => drop(addresses.insert(stage, own)),
            }
        }
        each.finish();
        Self::Each(addresses)
    }
}

/// The stages, in the order of the pipeline.
const STAGES: [&str; 4] = ["ingest", "enrich", "act", "notify"];

/// Where metrics are served and what is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Address of the metrics and health listener, for all stages or for each.
    pub listen: Listen,
    /// A `tracing` filter; `info` by default.
    pub log: String,
    /// JSON or text; by default JSON unless stderr is a terminal.
    pub format: Option<LogFormat>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { listen: Listen::Nowhere, log: "info".to_owned(), format: None }
    }
}

impl TelemetrySettings {
    /// Reads the section: `listen`, `log`, `format`. Every key may be absent.
    pub fn read(section: &mut Section) -> Self {
        let listen = Listen::read(section);
        let log = section.text("log").check(|text| check_filter(text));
        let format = section.choice("format", &[("json", LogFormat::Json), ("text", LogFormat::Text)]);
        let read = Self { listen, log: log.or(Self::default().log), format: format.optional() };
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
        let everywhere = read("listen: 127.0.0.1:0").unwrap().listen;
        let address = "127.0.0.1:0".parse().ok();
        assert_eq!([everywhere.of("ingest"), everywhere.of("act"), everywhere.of_all()], [address; 3]);
    }

    #[test]
    fn four_stages_of_one_file_and_host_have_a_port_each() {
        let each =
            read("listen: {ingest: 127.0.0.1:9600, enrich: 127.0.0.1:9601, notify: '[::1]:9600'}").unwrap().listen;
        let port = |stage| each.of(stage).map(|address| address.port());
        assert_eq!(["ingest", "enrich", "act", "notify"].map(port), [Some(9600), Some(9601), None, Some(9600)]);
        assert_eq!(each.of_all(), each.of("ingest"));
        let twice = read("listen: {enrich: 127.0.0.1:9601, act: 127.0.0.1:9601}").unwrap_err();
        assert!(twice.contains("127.0.0.1:9601 is enrich's already"), "{twice}");
        assert!(read("listen: {enrich: 127.0.0.1:0, act: 127.0.0.1:0}").is_ok());
        let misspelt = read("listen: {enrihc: 127.0.0.1:9601}").unwrap_err();
        assert!(misspelt.contains("did you mean \"enrich\"?"), "{misspelt}");
    }

    #[test]
    fn a_wrong_address_filter_or_format_is_a_problem() {
        for text in ["listen: 9464", "log: 'cordon=loud'", "format: xml", "lissten: 1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
