//! Flags of `cordon acls`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::who::Who;

/// Flags of `cordon acls`.
#[derive(Debug, clap::Args)]
pub struct AclsArgs {
    /// The configuration file; the prefix of topics and groups is in it
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Only this one; all but `decide` and `respond`, which together are `act`, unless given
    #[arg(long, value_enum, value_name = "NAME")]
    pub stage: Option<Who>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// What the broker calls a user, with `{}` for the name. With client certificates it is the subject:
    /// `User:CN=cordon-{},O=Example`
    #[arg(long, default_value = "User:cordon-{}", value_name = "TEMPLATE", value_parser = template)]
    pub principal: String,
    /// How users of Strimzi show who they are
    #[arg(long, value_enum, default_value_t)]
    pub authentication: Authentication,
}

/// How to print the rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// Commands of Kafka's own tool
    KafkaAcls,
    /// `KafkaUser`s of Strimzi
    Strimzi,
}

/// The kinds of login that Strimzi makes for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Authentication {
    /// A name and a password
    #[default]
    ScramSha512,
    /// A client certificate
    Tls,
}

/// Everybody with one name would have the rights of all.
fn template(text: &str) -> Result<String, String> {
    let has_type = text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
    match (has_type, text.contains("{}"), text.contains(|c: char| c.is_control() || c == '\'')) {
        (true, true, false) => Ok(text.to_owned()),
        (false, ..) => Err("give TYPE:NAME, as in User:cordon-{}".to_owned()),
        (_, false, _) => Err("give {} where the name of the stage or person goes".to_owned()),
        (.., true) => Err("leave out quotes and control characters".to_owned()),
    }
}
