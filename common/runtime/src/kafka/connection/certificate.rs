//! What is wrong with a broker's certificate. librdkafka only says that it does not verify; so it is looked at here, on a
//! connection of its own over which nothing is sent.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cordon_records::text::is_unsafe;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::mistake::Mistake;

/// Longest wait for each step; the broker has just answered another connection.
const LONGEST: Duration = Duration::from_secs(1);

/// What the certificate at `broker` (`host:port`) lacks beside a known signature; `None` when nothing else is found.
pub(super) fn flaw(broker: &str, now: Timestamp) -> Option<Mistake> {
    let (host, _) = broker.rsplit_once(':')?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
    let certificate = shown(broker, name.clone())?;
    judged(&certificate, &name, now)
}

fn judged(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: Timestamp) -> Option<Mistake> {
    let validity = *Certificate::from_der(certificate).ok()?.tbs_certificate().validity();
    let (from, until) = (validity.not_before, validity.not_after);
    let now = std::time::SystemTime::from(now);
    if now < from.to_system_time() || now > until.to_system_time() {
        return Some(Mistake::OutOfDate { validity: format!("from {from} until {until}") });
    }
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    match verify_server_name(&parsed, name) {
        Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }))
            if !presented.is_empty() =>
        {
            Some(Mistake::WrongName { names: presented.iter().map(|name| plain(name)).collect() })
        }
        _ => None,
    }
}

/// webpki writes names as `DnsName("a")` and `IpAddress(127.0.0.1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').chars().filter(|c| !is_unsafe(*c)).collect()
}

/// The certificate that a server shows. The handshake ends with it.
fn shown(broker: &str, name: ServerName<'static>) -> Option<CertificateDer<'static>> {
    let look = Arc::new(Look::default());
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::<Look>::clone(&look)).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    let address = broker.to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&address, LONGEST).ok()?;
    socket.set_read_timeout(Some(LONGEST)).ok()?;
    socket.set_write_timeout(Some(LONGEST)).ok()?;
    // It fails, by our own word, once the certificate was seen.
    let _ = connection.complete_io(&mut socket);
    look.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Keeps the certificate and trusts nobody: no connection comes of it.
#[derive(Debug, Default)]
struct Look {
    seen: Mutex<Option<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        Err(refusal())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refusal())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refusal())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn refusal() -> Error {
    Error::General("only looked at".to_owned())
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_certificate_out_of_its_dates_is_told_with_them() {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("ann.pem")).unwrap();
        let name = ServerName::try_from("ann").unwrap();
        let Some(Mistake::OutOfDate { validity }) = judged(&certificate, &name, Timestamp::UNIX_EPOCH) else {
            panic!("it was made later");
        };
        assert!(validity.starts_with("from 20") && validity.contains("Z until 20"), "{validity}");
        assert_eq!(judged(&certificate, &name, "2030-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn names_are_shown_as_people_write_them() {
        let shown = [r#"DnsName("a.example.com")"#, "IpAddress(127.0.0.1)", "odd"].map(plain);
        assert_eq!(shown, ["a.example.com", "127.0.0.1", "odd"]);
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_a_name_in_which_nothing_can_be_seen(
            text in UNSEEN,
        ) {
            prop_assert_eq!(plain(&text), "");
        }
    }
}
