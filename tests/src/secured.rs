//! A broker as production has it: TLS with certificates that are made here, SCRAM logins, client certificates, and access
//! lists. Its ordinary listener stays: whoever comes by it may do everything, which is for the test itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cordon_runtime::kafka::{KafkaSettings, Property};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;

use crate::broker::skipped;
use crate::cluster::Cluster;

/// Where the broker finds its users: among those that its storage was formatted with.
const JAAS: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

/// Who may do what on the listeners with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody may do everything.
    Open,
    /// Only what [`SecuredKafka::acls`] allows.
    Listed,
}

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// `SASL_SSL` with SCRAM-SHA-512. The principal is `User:NAME`.
    Scram,
    /// `SSL` with a certificate. The principal is `User:CN=NAME,O=Cordon Test`.
    Certificate,
}

/// A running broker. It ends when this is dropped.
#[derive(Debug)]
pub struct SecuredKafka {
    cluster: Cluster,
    folder: TempDir,
}

impl SecuredKafka {
    /// Starts one node for these users, who can come in by either [`Login`]. `None` as for
    /// [`crate::broker::RealKafka::obtain`].
    ///
    /// # Panics
    /// When it cannot be started although `CORDON_REQUIRE_KAFKA=1` asks for it, or certificates cannot be made.
    #[must_use]
    pub fn start(users: &[&str], access: Access) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("cordon-tls-").tempdir().expect("a folder");
        make_certificates(folder.path(), users);
        let keys = |name: &str| folder.path().join(name).display().to_string();
        let mut settings = vec![
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={}", keys("broker.pem")),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={}", keys("ca.pem")),
            "listener.name.mtls.ssl.client.auth=required".to_owned(),
            "sasl.enabled.mechanisms=SCRAM-SHA-512".to_owned(),
            format!("listener.name.scram.scram-sha-512.sasl.jaas.config={JAAS}"),
        ];
        if access == Access::Listed {
            settings.push("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned());
            // Who comes by the ordinary listener has no name: the broker itself, and the test.
            settings.push("super.users=User:ANONYMOUS".to_owned());
        }
        let mut arguments =
            vec!["--listener".to_owned(), "SCRAM".to_owned(), "--listener".to_owned(), "MTLS".to_owned()];
        arguments.extend(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
        arguments.extend(users.iter().flat_map(|user| ["--scram".to_owned(), format!("{user}={}", password(user))]));
        match Cluster::start_with(arguments.iter().map(String::as_str)) {
            Ok(cluster) => Some(Self { cluster, folder }),
            Err(why) => skipped("CORDON_REQUIRE_KAFKA", "a broker with TLS", &why),
        }
    }

    /// The broker itself. Its ordinary address is for the test: no access list binds it.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The address of the listener for a kind of login, `127.0.0.1:PORT`. The broker's certificate is for 127.0.0.1 and for
    /// no name.
    #[must_use]
    pub fn address(&self, login: Login) -> String {
        self.cluster.listener(match login {
            Login::Scram => "SCRAM",
            Login::Certificate => "MTLS",
        })
    }

    /// `kafka.properties` of a client.
    #[must_use]
    pub fn properties(&self, login: Login, user: &str) -> BTreeMap<String, String> {
        let file = |name: String| self.file(&name).display().to_string();
        let pairs = match login {
            Login::Scram => vec![
                ("security.protocol", "sasl_ssl".to_owned()),
                ("ssl.ca.location", file("ca.pem".to_owned())),
                ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
                ("sasl.username", user.to_owned()),
                ("sasl.password", format!("file:{}", file(format!("{user}.password")))),
            ],
            Login::Certificate => vec![
                ("security.protocol", "ssl".to_owned()),
                ("ssl.ca.location", file("ca.pem".to_owned())),
                ("ssl.certificate.location", file(format!("{user}.pem"))),
                ("ssl.key.location", file(format!("{user}.key"))),
            ],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The section `kafka` of a client's configuration, in one line of YAML.
    #[must_use]
    pub fn yaml(&self, login: Login, user: &str, prefix: &str) -> String {
        let properties = serde_json::to_string(&self.properties(login, user)).expect("texts are JSON");
        let address = self.address(login);
        format!("kafka: {{bootstrap_servers: '{address}', topic_prefix: '{prefix}', properties: {properties}}}\n")
    }

    /// The same for clients in this process.
    #[must_use]
    pub fn settings(&self, login: Login, user: &str, prefix: &str) -> KafkaSettings {
        let secret = |key: &str| {
            cordon_settings::Secret::from_literal(if key == "sasl.password" { password(user) } else { String::new() })
        };
        let properties = self.properties(login, user).into_iter().map(|(key, value)| {
            let property =
                if value.starts_with("file:") { Property::Secret(secret(&key)) } else { Property::Plain(value) };
            (key, property)
        });
        KafkaSettings { properties: properties.collect(), ..crate::broker::settings(&self.address(login), prefix) }
    }

    /// Runs `kafka-acls` with each of these lists of arguments, such as `--add --allow-principal User:ann --operation Read
    /// --topic x`.
    ///
    /// # Panics
    /// When one fails.
    pub fn acls(&self, commands: &[Vec<String>]) {
        self.cluster.acls(commands);
    }

    /// A file of the authority or of a user: `ca.pem`, `other-ca.pem` (of somebody else), `NAME.pem`, `NAME.key`,
    /// `NAME.password`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What the broker calls a user.
#[must_use]
pub fn principal(login: Login, user: &str) -> String {
    match login {
        Login::Scram => format!("User:{user}"),
        Login::Certificate => format!("User:CN={user},O=Cordon Test"),
    }
}

fn password(user: &str) -> String {
    format!("{user}-has-a-password")
}

/// An authority, another one that nobody trusts, the broker's certificate, one for each user, and their passwords.
fn make_certificates(folder: &Path, users: &[&str]) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the file is written");
    let (ca, pem) = authority("Cordon Test CA");
    write("ca.pem", &pem);
    write("other-ca.pem", &authority("Another CA").1);
    let mut broker = CertificateParams::default();
    broker.distinguished_name = named("broker");
    broker.subject_alt_names = vec![SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into())];
    let (certificate, key) = signed(&broker, &ca);
    write("broker.pem", &(key + &certificate));
    for user in users {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(user);
        let (certificate, key) = signed(&params, &ca);
        write(&format!("{user}.pem"), &certificate);
        write(&format!("{user}.key"), &key);
        write(&format!("{user}.password"), &password(user));
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::OrganizationName, "Cordon Test");
    full.push(DnType::CommonName, name);
    full
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    (Issuer::new(params, key), certificate.pem())
}

fn signed(params: &CertificateParams, ca: &Issuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, ca).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}
