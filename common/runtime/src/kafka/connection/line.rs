//! What keeps a client from its broker, read from librdkafka's words: it has no codes for most of it. Pure.
//!
//! The words are those of librdkafka 2.12 with OpenSSL 3 against Apache Kafka 4.3; a text that is not known here is passed on
//! as it is.

use std::time::Duration;

use super::mistake::Mistake;
use super::security::Security;

/// A connection that is closed so soon after it was made was refused by the other side.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How OpenSSL spells the alerts by which a server says that it wants or does not take a certificate (RFC 8446, 6.2). Java
/// brokers send the first for a certificate that is missing.
const ALERTS_ABOUT_CERTIFICATES: [&str; 8] = [
    "alert bad certificate",
    "alert unsupported certificate",
    "alert certificate revoked",
    "alert certificate expired",
    "alert certificate unknown",
    "alert unknown ca",
    "alert certificate required",
    "client SSL authentication might be required",
];

/// What librdkafka logs of a connection that failed, facility `FAIL`:
/// `[thrd:T]: BROKER: REASON (after 3ms in state SSL_HANDSHAKE, 1 identical error(s) suppressed)`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// `host:port`.
    pub(super) broker: &'a str,
    pub(super) reason: &'a str,
    state: &'a str,
    after: Option<Duration>,
}

impl<'a> Line<'a> {
    /// Reads a line; `None` for one of another form.
    pub(super) fn parse(message: &'a str) -> Option<Self> {
        let rest = message.split_once("]: ").map_or(message, |(_, rest)| rest);
        let (broker, rest) = rest.split_once(": ")?;
        let (reason, tail) = rest.rsplit_once(" (after ").unwrap_or((rest, ""));
        let (after, state) = tail.split_once("ms in state ").unwrap_or(("", ""));
        let state = state.split([',', ')']).next().unwrap_or("");
        let broker = broker.split_once("://").map_or(broker, |(_, rest)| rest);
        let broker = broker.split_once('/').map_or(broker, |(address, _)| address);
        Some(Self { broker, reason, state, after: after.parse().ok().map(Duration::from_millis) })
    }

    /// What is wrong. What a line says of a certificate is only that it does not do; `certificate.rs` finds out why.
    pub(super) fn mistake(&self, security: &Security) -> Mistake {
        let says = |words: &[&str]| words.iter().any(|words| self.reason.contains(words));
        let is_closed = says(&["Disconnected", "closed by peer"]);
        if says(&["certificate verify failed", "Failed to verify broker certificate"]) {
            return Mistake::UntrustedCertificate { authority: security.authority.clone() };
        }
        if says(&ALERTS_ABOUT_CERTIFICATES) {
            return if security.has_certificate {
                Mistake::ClientCertificateRefused
            } else {
                Mistake::NoClientCertificate
            };
        }
        if says(&["mechanism handshake failed"]) {
            let offered = self.reason.rsplit_once("supported mechanisms: ").map_or("others", |(_, offered)| offered);
            return Mistake::MechanismNotOffered { wanted: security.mechanism.clone(), offered: offered.to_owned() };
        }
        if says(&["SASL authentication error", "Authentication failed"]) {
            return Mistake::LoginRefused;
        }
        if says(&["PLAINTEXT broker listener", "wrong version number"]) || is_closed && self.is_in("SSL_HANDSHAKE") {
            return Mistake::TlsToPlaintext;
        }
        if !security.tls && (says(&["Invalid response size"]) || is_closed && self.is_in("APIVERSION_QUERY")) {
            return Mistake::PlaintextToTls;
        }
        if is_closed && !security.sasl && self.is_in("UP") && self.after.is_some_and(|after| after < AT_ONCE) {
            return Mistake::NoLogin;
        }
        match () {
            () if says(&["Connection refused"]) => Mistake::ConnectionRefused,
            () if says(&["Failed to resolve"]) => Mistake::UnknownHost,
            () if says(&["timed out", "No route to host", "Network is unreachable"]) => Mistake::Unreachable,
            () => Mistake::Other,
        }
    }

    fn is_in(&self, state: &str) -> bool {
        self.state == state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "[thrd:sasl_ssl://h:1/bootstrap]: sasl_ssl://h:1/bootstrap: SSL handshake failed: \
        error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that \
        ssl.ca.location is correctly configured or root CA certificates are installed (install ca-certificates package) \
        (after 12ms in state SSL_HANDSHAKE)";
    const PASSWORD: &str = "[thrd:sasl_ssl://h:1/bootstrap]: sasl_ssl://h:1/bootstrap: SASL authentication error: \
        Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after \
        321ms in state AUTH_REQ, 1 identical error(s) suppressed)";
    const MECHANISM: &str = "[thrd:sasl_ssl://h:1/bootstrap]: sasl_ssl://h:1/bootstrap: SASL PLAIN mechanism handshake \
        failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512 (after 1ms in state \
        AUTH_HANDSHAKE)";
    const NO_CERTIFICATE: &str = "[thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL \
        routines::sslv3 alert bad certificate: SSL alert number 42 (after 3ms in state APIVERSION_QUERY)";
    const HUNG_UP: &str = "[thrd:h:1/bootstrap]: h:1/bootstrap: Disconnected: connection closed by peer: receive 0 after \
        POLLIN (after 1ms in state APIVERSION_QUERY)";
    const NO_LOGIN: &str = "[thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: Disconnected: SSL connection closed by peer \
        (after 1ms in state UP)";
    const NO_TLS: &str = "[thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: SSL handshake failed: Disconnected: SSL \
        connection closed by peer: connecting to a PLAINTEXT broker listener? (after 6ms in state SSL_HANDSHAKE)";
    const NO_TLS_AGAIN: &str = "[thrd:ssl://h:1/1]: ssl://h:1/1: Disconnected: SSL connection closed by peer (after 1ms in \
        state SSL_HANDSHAKE)";
    const REFUSED: &str = "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused \
        (after 0ms in state CONNECT)";
    const NO_HOST: &str = "[thrd:h:1/bootstrap]: h:1/bootstrap: Failed to resolve 'h:1': Name or service not known (after \
        5ms in state CONNECT)";

    fn security(tls: bool, sasl: bool, has_certificate: bool) -> Security {
        Security { tls, sasl, has_certificate, mechanism: "PLAIN".to_owned(), ..Security::default() }
    }

    fn read(text: &str, security: &Security) -> Mistake {
        Line::parse(text).unwrap().mistake(security)
    }

    #[test]
    fn each_mistake_is_read_from_what_librdkafka_says_of_it() {
        let (plain, tls, sasl) =
            (security(false, false, false), security(true, false, false), security(true, true, false));
        assert_eq!(read(CERTIFICATE, &sasl), Mistake::UntrustedCertificate { authority: None });
        assert_eq!(read(PASSWORD, &sasl), Mistake::LoginRefused);
        let (wanted, offered) = ("PLAIN".to_owned(), "SCRAM-SHA-512".to_owned());
        assert_eq!(read(MECHANISM, &sasl), Mistake::MechanismNotOffered { wanted, offered });
        assert_eq!(read(NO_CERTIFICATE, &tls), Mistake::NoClientCertificate);
        assert_eq!(read(NO_CERTIFICATE, &security(true, false, true)), Mistake::ClientCertificateRefused);
        assert_eq!(read(HUNG_UP, &plain), Mistake::PlaintextToTls);
        assert_eq!(read(NO_LOGIN, &tls), Mistake::NoLogin);
        assert_eq!(read(NO_TLS, &tls), Mistake::TlsToPlaintext);
        assert_eq!(read(NO_TLS_AGAIN, &tls), Mistake::TlsToPlaintext);
        assert_eq!(read(REFUSED, &plain), Mistake::ConnectionRefused);
        assert_eq!(read(NO_HOST, &plain), Mistake::UnknownHost);
    }

    #[test]
    fn a_connection_that_ends_after_it_worked_is_no_mistake_of_the_configuration() {
        let text = "[thrd:h:1/1]: h:1/1: Disconnected: connection closed by peer (after 600000ms in state UP)";
        assert_eq!(read(text, &security(true, false, false)), Mistake::Other);
        let text =
            "[thrd:h:1/1]: h:1/1: 1 request(s) timed out: disconnect (average rtt 1.2ms) (after 9ms in state UP)";
        assert_eq!(read(text, &security(false, false, false)), Mistake::Unreachable);
    }

    #[test]
    fn a_line_gives_the_address_without_scheme_and_number() {
        let line = Line::parse(PASSWORD).unwrap();
        assert_eq!((line.broker, line.state, line.after), ("h:1", "AUTH_REQ", Some(Duration::from_millis(321))));
        assert_eq!(
            Line::parse("ssl://[::1]:9093/2: gone").map(|line| (line.broker, line.reason)),
            Some(("[::1]:9093", "gone"))
        );
        assert_eq!(Line::parse("no colon in it"), None);
    }
}
