//! From a file to a stage's settings.

use std::path::Path;

use cordon_settings::{Document, Problem, Problems, Reader, Section, environment, read_text};

use super::Stage;
use crate::kafka::KafkaSettings;
use crate::telemetry::TelemetrySettings;

/// The top-level sections that exist. A stage reads its own and passes over the others, so that one file can serve
/// all stages; anything else at the top is a mistake.
pub const SECTIONS: [&str; 8] = ["kafka", "defender", "graph", "ingest", "enrich", "act", "notify", "telemetry"];

const VARIABLE_PREFIX: &str = "CORDON_";

/// Everything one stage process is configured with.
#[derive(Debug)]
pub struct Configuration<S: Stage> {
    /// The broker.
    pub kafka: KafkaSettings,
    /// Logs and probes.
    pub telemetry: TelemetrySettings,
    /// The stage's own.
    pub settings: S::Settings,
}

/// Reads a configuration file and lays the `CORDON_` variables of the environment over it.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn load(path: &Path) -> Result<Document, Problems> {
    let origin = path.display().to_string();
    let text = read_text(path)
        .map_err(|error| Problem::whole(&origin, format!("cannot read the configuration file: {error}")))?;
    let mut document = Document::parse(&origin, &text)?.of_file(path);
    document.overlay(VARIABLE_PREFIX, environment());
    Ok(document)
}

impl<S: Stage> Configuration<S> {
    /// Reads the sections of a stage process.
    ///
    /// # Errors
    /// Every mistake in the sections read, and unknown keys at the top.
    pub fn read(document: &Document) -> Result<Self, Problems> {
        read_root(document, Self::sections)
    }

    /// The same, looking also whether every secret that they name can be had.
    ///
    /// # Errors
    /// Every mistake in the sections read, unknown keys at the top, and secrets that cannot be read.
    pub fn check(document: &Document) -> Result<Self, Problems> {
        check_root(document, Self::sections)
    }

    fn sections(root: &mut Section) -> Option<Self> {
        let kafka = KafkaSettings::read(&mut root.section("kafka"));
        let telemetry = TelemetrySettings::read(&mut root.section("telemetry"));
        let settings = S::read(root);
        Some(Self { kafka: kafka?, telemetry, settings: settings? })
    }
}

/// Reads only the stage's own sections: for a process that brings its own broker.
///
/// # Errors
/// Every mistake in the sections read, and unknown keys at the top.
pub fn read_stage<S: Stage>(document: &Document) -> Result<S::Settings, Problems> {
    read_root(document, S::read)
}

/// Reads whatever sections `read` asks for, out of a file that may hold all of them.
///
/// # Errors
/// Every mistake in the sections read, and unknown keys at the top.
pub fn read_root<T>(document: &Document, read: impl FnOnce(&mut Section) -> Option<T>) -> Result<T, Problems> {
    read_and(document, read, Reader::finish)
}

/// The same, looking also whether every secret that these sections name can be had.
///
/// # Errors
/// Every mistake in the sections read, unknown keys at the top, and secrets that cannot be read.
pub fn check_root<T>(document: &Document, read: impl FnOnce(&mut Section) -> Option<T>) -> Result<T, Problems> {
    read_and(document, read, Reader::finish_with_secrets)
}

fn read_and<T>(
    document: &Document,
    read: impl FnOnce(&mut Section) -> Option<T>,
    finish: impl FnOnce(Reader) -> Result<(), Problems>,
) -> Result<T, Problems> {
    let reader = Reader::new(document);
    let mut root = reader.root();
    for section in SECTIONS {
        root.known(section);
    }
    let value = read(&mut root);
    let origin = root.place("").origin;
    root.finish();
    finish(reader)?;
    value.ok_or_else(|| {
        Problem::whole(origin, "a section was refused without a reason; this is a fault of cordon").into()
    })
}

/// Warns of every `allow_http: true`. To be called at every start, so that a switch meant for a test does not live on
/// unnoticed.
pub fn warn_allow_http(document: &Document) {
    for (path, place) in document.switched_on("allow_http") {
        tracing::warn!(
            setting = path,
            file = place.origin,
            line = place.line,
            "INSECURE: {path} is true, tokens and device data may cross the network unencrypted; never use this with \
             a real tenant"
        );
    }
}
