//! What keeps a client from its broker, in words for people. Pure.

use std::fmt;

/// Why a client and a broker do not come together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// The broker's certificate is not signed by an authority that this client knows.
    UntrustedCertificate {
        /// `ssl.ca.location`, if it is set.
        authority: Option<String>,
    },
    /// The broker's certificate is for other names.
    WrongName {
        /// The names that it is for.
        names: Vec<String>,
    },
    /// The broker's certificate is not valid yet, or no more.
    OutOfDate {
        /// From when to when it is.
        validity: String,
    },
    /// The broker wants a certificate of this client, which has none.
    NoClientCertificate,
    /// The broker does not take the certificate of this client.
    ClientCertificateRefused,
    /// The broker does not take the user or the password.
    LoginRefused,
    /// The broker hangs up on a client that does not log in.
    NoLogin,
    /// The broker does not offer the SASL mechanism.
    MechanismNotOffered {
        /// The mechanism that was asked for.
        wanted: String,
        /// Those that the broker offers.
        offered: String,
    },
    /// The client does not speak TLS and the broker seems to.
    PlaintextToTls,
    /// The client speaks TLS and the broker does not.
    TlsToPlaintext,
    /// Nothing listens there.
    ConnectionRefused,
    /// The host has no address.
    UnknownHost,
    /// The host does not answer.
    Unreachable,
    /// Something else; librdkafka's words say what.
    Other,
}

impl Mistake {
    /// Whether the broker answers and does not take who this client is.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        match self {
            Self::NoClientCertificate | Self::ClientCertificateRefused | Self::LoginRefused | Self::NoLogin => true,
            Self::UntrustedCertificate { .. }
            | Self::WrongName { .. }
            | Self::OutOfDate { .. }
            | Self::MechanismNotOffered { .. }
            | Self::PlaintextToTls
            | Self::TlsToPlaintext
            | Self::ConnectionRefused
            | Self::UnknownHost
            | Self::Unreachable
            | Self::Other => false,
        }
    }

    /// What is wrong.
    pub(super) fn what(&self, broker: &str) -> String {
        match self {
            Self::UntrustedCertificate { authority: None } => {
                format!("the certificate of {broker} is signed by nobody whom this machine trusts")
            }
            Self::UntrustedCertificate { authority: Some(file) } => {
                format!("the certificate of {broker} is not signed by the authority in {file}")
            }
            Self::WrongName { names } => {
                format!("the certificate of {broker} is for {}, not for the name it was called by", names.join(", "))
            }
            Self::OutOfDate { validity } => format!("the certificate of {broker} is valid {validity}"),
            Self::NoClientCertificate => format!("{broker} wants a certificate of this client, which has none"),
            Self::ClientCertificateRefused => format!("{broker} does not take the certificate of this client"),
            Self::LoginRefused => format!("{broker} does not take the user or the password"),
            Self::NoLogin => format!("{broker} hangs up at once, perhaps because it wants a login"),
            Self::MechanismNotOffered { wanted, offered } => {
                format!("{broker} does not offer SASL {wanted}, but {offered}")
            }
            Self::PlaintextToTls => format!("{broker} hangs up at the first word, perhaps because it wants TLS"),
            Self::TlsToPlaintext => format!("{broker} does not speak TLS"),
            Self::ConnectionRefused => format!("nothing listens at {broker}"),
            Self::UnknownHost => format!("the host of {broker} has no address"),
            Self::Unreachable => format!("{broker} does not answer"),
            Self::Other => format!("the connection to {broker} fails"),
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::UntrustedCertificate { .. } => "give its authority's certificate as kafka.properties.ssl.ca.location",
            Self::WrongName { .. } => {
                "call it so in kafka.bootstrap_servers, and in the broker's own advertised.listeners"
            }
            Self::OutOfDate { .. } => "renew it, or set the clock of this machine",
            Self::NoClientCertificate => "give kafka.properties.ssl.certificate.location and ssl.key.location",
            Self::ClientCertificateRefused => {
                "look at whether it is out of date, and signed by an authority that the broker knows"
            }
            Self::LoginRefused => "look at kafka.properties.sasl.username and sasl.password",
            Self::NoLogin => {
                "look at kafka.properties.security.protocol, and give sasl.mechanism, sasl.username and sasl.password"
            }
            Self::MechanismNotOffered { .. } => "change kafka.properties.sasl.mechanism",
            Self::PlaintextToTls => "set kafka.properties.security.protocol to ssl or sasl_ssl",
            Self::TlsToPlaintext => "look at the port, and at kafka.properties.security.protocol",
            Self::ConnectionRefused => "look at whether the broker runs, and at the port",
            Self::UnknownHost => "look at kafka.bootstrap_servers, and at the broker's own advertised.listeners",
            Self::Unreachable => "look at the network and its firewalls between here and there",
            Self::Other => return None,
        })
    }

    /// Whether librdkafka's or the broker's own words say more than [`Mistake::what`].
    pub(super) fn wants_words(&self) -> bool {
        matches!(self, Self::LoginRefused | Self::ClientCertificateRefused | Self::Unreachable | Self::Other)
    }
}

/// Why a client has no connection: the broker, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionError {
    /// `host:port`.
    pub broker: String,
    /// What is wrong.
    pub mistake: Mistake,
    /// librdkafka's words, or the broker's.
    pub reason: String,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mistake.what(&self.broker))?;
        if let Some(remedy) = self.mistake.remedy() {
            write!(f, ": {remedy}")?;
        }
        if self.mistake.wants_words() { write!(f, " ({})", self.reason) } else { Ok(()) }
    }
}
