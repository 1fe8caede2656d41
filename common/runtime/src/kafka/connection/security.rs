//! What a client's own settings say about how it comes in and as whom, to read the broker's answers by.

use std::path::PathBuf;

use cordon_settings::Secret;
use secrecy::ExposeSecret as _;
use x509_cert::Certificate;
use x509_cert::der::DecodePem as _;

use crate::kafka::settings::{KafkaSettings, Property};

/// The part of the client's settings that is about security. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Security {
    pub(super) tls: bool,
    pub(super) sasl: bool,
    pub(super) mechanism: String,
    /// `ssl.ca.location`.
    pub(super) authority: Option<String>,
    /// The client has a certificate of its own.
    pub(super) has_certificate: bool,
    pub(super) who: Who,
}

/// Where the client's name comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Who {
    #[default]
    Nobody,
    User(String),
    Certificate(PathBuf),
    /// By a token, or a key store.
    Hidden(&'static str),
}

impl Security {
    pub(super) fn of(kafka: &KafkaSettings) -> Self {
        let plain = |key: &str| match kafka.properties.get(key) {
            Some(Property::Plain(value)) => Some(value.clone()),
            Some(Property::Secret(_)) | None => None,
        };
        let protocol = plain("security.protocol").unwrap_or_default().to_lowercase();
        let (tls, sasl) = (protocol.ends_with("ssl"), protocol.starts_with("sasl"));
        let mechanism =
            plain("sasl.mechanism").or_else(|| plain("sasl.mechanisms")).unwrap_or_else(|| "GSSAPI".to_owned());
        let is_given = |key: &str| kafka.properties.contains_key(key);
        let who = match (sasl, tls) {
            (true, _) if mechanism == "PLAIN" || mechanism.starts_with("SCRAM") => {
                named(kafka.properties.get("sasl.username"))
            }
            (true, _) => Who::Hidden("the user of its token"),
            (false, true) => match plain("ssl.certificate.location") {
                Some(path) => Who::Certificate(path.into()),
                None if is_given("ssl.certificate.pem") || is_given("ssl.keystore.location") => {
                    Who::Hidden("the subject of its certificate")
                }
                None => Who::Nobody,
            },
            (false, false) => Who::Nobody,
        };
        let has_certificate =
            ["ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location"].into_iter().any(is_given);
        Self { tls, sasl, mechanism, authority: plain("ssl.ca.location"), has_certificate, who }
    }

    /// What the broker calls this client, unless it has rules of its own for names (`ssl.principal.mapping.rules`).
    pub(super) fn principal(&self) -> String {
        match &self.who {
            Who::Nobody => "User:ANONYMOUS".to_owned(),
            Who::User(name) => format!("User:{name}"),
            Who::Hidden(what) => format!("this client ({what})"),
            Who::Certificate(path) => match subject(path) {
                Some(subject) => format!("User:{subject}"),
                None => format!("this client (the subject of {})", path.display()),
            },
        }
    }
}

fn named(user: Option<&Property>) -> Who {
    match user {
        Some(Property::Plain(name)) => Who::User(name.clone()),
        Some(Property::Secret(place)) => revealed(place),
        None => Who::Nobody,
    }
}

/// A user's name is no secret, wherever it is read from.
fn revealed(place: &Secret) -> Who {
    place.reveal().map_or(Who::Hidden("the user of sasl.username"), |name| Who::User(name.expose_secret().to_owned()))
}

/// The subject of the first certificate in a PEM file, as RFC 4514 writes it and Kafka has it.
fn subject(path: &std::path::Path) -> Option<String> {
    let text = std::fs::read(path).ok()?;
    let chain = Certificate::load_pem_chain(&text).ok()?;
    let first = chain.into_iter().next().or_else(|| Certificate::from_pem(&text).ok())?;
    Some(first.tbs_certificate().subject().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn principal(properties: &[(&str, &str)]) -> String {
        let plain = |(key, value): &(&str, &str)| ((*key).to_owned(), Property::Plain((*value).to_owned()));
        let properties: BTreeMap<String, Property> = properties.iter().map(plain).collect();
        Security::of(&KafkaSettings { properties, ..KafkaSettings::in_memory("a:1") }).principal()
    }

    #[test]
    fn a_client_is_called_by_its_user_or_by_the_subject_of_its_certificate() {
        assert_eq!(principal(&[]), "User:ANONYMOUS");
        let scram = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "ann")];
        assert_eq!(principal(&scram), "User:ann");
        let token = [("security.protocol", "sasl_ssl"), ("sasl.mechanisms", "OAUTHBEARER")];
        assert_eq!(principal(&token), "this client (the user of its token)");
        let gone = [("security.protocol", "ssl"), ("ssl.certificate.location", "/nowhere/ann.pem")];
        assert_eq!(principal(&gone), "this client (the subject of /nowhere/ann.pem)");
    }

    #[test]
    fn the_subject_is_written_as_kafka_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ann.pem");
        std::fs::write(&path, ANN).unwrap();
        let path = path.display().to_string();
        let found = principal(&[("security.protocol", "ssl"), ("ssl.certificate.location", &path)]);
        assert_eq!(found, "User:CN=ann,OU=Security,O=Cordon Test,C=DE");
    }

    const ANN: &str = include_str!("ann.pem");
}
