//! Whether librdkafka can make a client of what the operator set.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use secrecy::ExposeSecret as _;

use super::Property;
use crate::kafka::error::words;

/// A client that is only tried says nothing.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ConsumerContext for Silent {}

/// Whether a client can be made with what these properties say of TLS and logins: files are parsed, keys must fit their
/// certificates, a mechanism must have what it needs. Nothing is connected. A secret that cannot be had now is not
/// missed here: whoever makes a client says so.
///
/// # Errors
/// The property that is to blame, if librdkafka names one, and why.
pub(super) fn usable(properties: &BTreeMap<String, Property>) -> Result<(), (Option<String>, String)> {
    let mut config = ClientConfig::new();
    for (key, property) in properties.iter().filter(|(key, _)| is_about_security(key)) {
        match property {
            Property::Plain(value) => config.set(key, value),
            Property::Secret(place) => match place.reveal() {
                Ok(value) => config.set(key, value.expose_secret()),
                Err(_) => return Ok(()),
            },
        };
    }
    let made: Result<BaseConsumer<Silent>, KafkaError> = config.create_with_context(Silent);
    let Err(error) = made else { return Ok(()) };
    let why = words(&error);
    let key = properties.keys().filter(|key| why.contains(key.as_str())).max_by_key(|key| key.len());
    let place = match key.and_then(|key| properties.get(key)) {
        Some(Property::Plain(path)) => format!("{path} cannot be used: "),
        Some(Property::Secret(_)) | None => "this cannot be used: ".to_owned(),
    };
    Err((key.cloned(), format!("{place}{why}")))
}

fn is_about_security(key: &str) -> bool {
    ["security.", "ssl.", "sasl.", "https."].iter().any(|start| key.starts_with(start))
}
