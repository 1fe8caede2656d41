//! The command lines of what people decide.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use cordon_records::{ActionKey, RuleId};
use cordon_settings::parse_duration;
use jiff::Timestamp;

use crate::output::Output;

/// respond takes no command that is good for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What people decide.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// Look at what waits for a person
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Let what is held be done; signed with your SSH key
    ///
    /// Shows what is held and asks for the machine's name. The approval is good for exactly that and for a short time;
    /// guards and fresh facts are asked once more before anything is done.
    #[command(after_help = "Examples:\n  cordon approve acee6df23fcd80b6 --why \"seen with Ann, it is malware\"\n  \
                      cordon approve acee6df23fcd80b6 --why \"INC-42\" --key ~/.ssh/id_ed25519_sk --yes\n  \
                      cordon approve --notice breaker_latched@2026-11-22T18:00:00Z --why \"an attack\"\n\n\
                      Exit code 0 taken, 1 refused, 2 not confirmed by --yes and no terminal, 69 nobody answered.")]
    Approve(ApproveArgs),
    /// Forbid what is held; anybody may
    #[command(after_help = "Examples:\n  cordon deny acee6df23fcd80b6 --why \"a test by the red team\"\n\n\
                      Exit code 0 taken, 1 refused, 69 nobody answered.")]
    Deny(DenyArgs),
    /// Let a machine back, also while its isolation is on its way; signed with your SSH key
    ///
    /// With --rule and --since, or with --notice, it takes back many isolations at once: it shows the list, which is signed
    /// once, and each release is an action of its own. What was let back already, or isolated anew by somebody else, is
    /// left alone.
    #[command(after_help = "Examples:\n  cordon release LAPTOP-ANNA --why \"cleaned and checked\"\n  \
                      cordon release 0000000000000000000000000000000000c04d00 --why \"INC-42 closed\" --wait 5m\n  \
                      cordon release --rule isolate-high --since 2h --why \"the rule matched too much\"\n  \
                      cordon release --notice breaker_latched@2026-11-22T18:00:00Z --why \"a false alarm\"\n\n\
                      Exit code 0 taken, 1 refused or no such machine, 2 not confirmed by --yes and no terminal, 69 \
                      nobody answered.")]
    Release(ReleaseArgs),
    /// Ask once more for what failed because a permission was missing; signed with your SSH key
    ///
    /// Fresh facts and all guards are asked anew; what they hold then waits for an approval.
    #[command(
        after_help = "Examples:\n  cordon retry acee6df23fcd80b6 --why \"Machine.Isolate is consented to now\"\n\n\
                      Exit code 0 taken, 1 refused, 69 nobody answered."
    )]
    Retry(RetryArgs),
    /// Cancel an action that has not ended; signed with your SSH key
    #[command(after_help = "Examples:\n  cordon cancel acee6df23fcd80b6 --why \"wrong machine\"\n\n\
                      Exit code 0 taken, 1 refused, 69 nobody answered.")]
    Cancel(CancelArgs),
    /// Lift the breaker or the pause that a notice told of; signed with your SSH key
    #[command(
        after_help = "Examples:\n  cordon resume breaker_latched@2026-11-22T18:00:00Z --why \"the rule is corrected\"\n\n\
                      Exit code 0 taken, 1 refused or nothing to lift, 69 nobody answered."
    )]
    Resume(ResumeArgs),
}

/// What can be seen of what is held.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List what is held: which machine, what for, why, and for how long
    #[command(after_help = "Examples:\n  cordon approvals list --config cordon.yaml\n  \
                      cordon approvals list --config cordon.yaml -o json | jq -r '.held[].key'")]
    List(ListArgs),
    /// Show all that a person needs to decide on one action
    #[command(after_help = "Examples:\n  cordon approvals show --config cordon.yaml acee6df23fcd80b6")]
    Show(ShowArgs),
}

/// Flags of `cordon approvals list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon approvals show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The action's key, as `cordon approvals list` and the mails have it
    #[arg(value_name = "KEY", value_parser = key)]
    pub action: ActionKey,
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Page,
}

/// How to print one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// Flags of `cordon approve`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which_action").required(true).args(["action", "notice"]))]
pub struct ApproveArgs {
    /// The action's key, as `cordon approvals list` and the mails have it
    #[arg(value_name = "KEY", value_parser = key)]
    pub action: Option<ActionKey>,
    /// All that the breaker of this notice holds, as many as the caps leave; above ten it takes two people
    #[arg(long, value_name = "NOTICE")]
    pub notice: Option<String>,
    /// With --notice: at most so many, the longest waiting first
    #[arg(long, requires = "notice", value_name = "NUMBER")]
    pub at_most: Option<usize>,
    /// Do not ask for the machine's name, or the number of actions
    #[arg(long)]
    pub yes: bool,
    /// What is said
    #[command(flatten)]
    pub say: Say,
    /// With which key
    #[command(flatten)]
    pub sign: Sign,
}

/// Flags of `cordon deny`.
#[derive(Debug, Args)]
pub struct DenyArgs {
    /// The action's key, as `cordon approvals list` and the mails have it
    #[arg(value_name = "KEY", value_parser = key)]
    pub action: ActionKey,
    /// What is said
    #[command(flatten)]
    pub say: Say,
}

/// Flags of `cordon release`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["machine", "rule", "notice"]))]
pub struct ReleaseArgs {
    /// The machine's id, or the name of one that Cordon has acted on
    pub machine: Option<String>,
    /// Every machine that this rule had isolated since --since
    #[arg(long, requires = "since", value_parser = rule)]
    pub rule: Option<RuleId>,
    /// Since when: an instant, or how long ago
    #[arg(long, requires = "rule", conflicts_with = "notice", value_name = "TIME|DURATION", value_parser = since)]
    pub since: Option<Since>,
    /// Every machine whose isolation used up the cap of this notice of the breaker
    #[arg(long, value_name = "NOTICE")]
    pub notice: Option<String>,
    /// Do not ask for the number of machines
    #[arg(long)]
    pub yes: bool,
    /// What is said
    #[command(flatten)]
    pub say: Say,
    /// With which key
    #[command(flatten)]
    pub sign: Sign,
}

/// Flags of `cordon cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The action's key, as the mails have it
    #[arg(value_name = "KEY", value_parser = key)]
    pub action: ActionKey,
    /// What is said
    #[command(flatten)]
    pub say: Say,
    /// With which key
    #[command(flatten)]
    pub sign: Sign,
}

/// Flags of `cordon retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The action's key, as the mails have it
    #[arg(value_name = "KEY", value_parser = key)]
    pub action: ActionKey,
    /// What is said
    #[command(flatten)]
    pub say: Say,
    /// With which key
    #[command(flatten)]
    pub sign: Sign,
}

/// Flags of `cordon resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The id of the notice that told of it
    pub notice: String,
    /// What is said
    #[command(flatten)]
    pub say: Say,
    /// With which key
    #[command(flatten)]
    pub sign: Sign,
}

/// What every command of a person has.
#[derive(Debug, Args)]
pub struct Say {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Why, for the record
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub why: String,
    /// Who asks; who it really was, the signature says
    #[arg(long, env = "USER", default_value = "somebody")]
    pub by: String,
    /// How long to wait for what comes of it; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = wait)]
    pub wait: Duration,
}

/// What every signed command has besides.
#[derive(Debug, Args)]
pub struct Sign {
    /// The SSH key to sign with, as git's user.signingkey: a key file, the .pub file of a key that the SSH agent or a
    /// FIDO token holds, or the public key itself
    // A key that is given by mistake begins with a hyphen, and must reach us rather than clap's message.
    #[arg(long, env = "CORDON_SSH_KEY", value_name = "FILE", allow_hyphen_values = true, hide_env_values = true)]
    pub key: Option<String>,
    /// How long it may take until it is read; after that it does nothing
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = valid_for)]
    pub valid_for: Duration,
}

impl PeopleCommand {
    /// What the command is signed with; nothing for what needs no signature.
    pub const fn sign(&self) -> Option<&Sign> {
        match self {
            Self::Approve(args) => Some(&args.sign),
            Self::Release(args) => Some(&args.sign),
            Self::Retry(args) => Some(&args.sign),
            Self::Cancel(args) => Some(&args.sign),
            Self::Resume(args) => Some(&args.sign),
            Self::Approvals(_) | Self::Deny(_) => None,
        }
    }
}

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// This instant.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl Since {
    /// The instant.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.saturating_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    match (text.parse::<Timestamp>(), parse_duration(text)) {
        (Ok(at), _) => Ok(Since::At(at)),
        (Err(_), Ok(ago)) => Ok(Since::Ago(ago)),
        (Err(_), Err(_)) => {
            Err("expected an instant such as 2026-11-22T18:00:00Z, or how long ago, such as 2h".to_owned())
        }
    }
}

fn rule(text: &str) -> Result<RuleId, String> {
    RuleId::new(text).map_err(|error| error.to_string())
}

fn key(text: &str) -> Result<ActionKey, String> {
    ActionKey::new(text).map_err(|error| error.to_string())
}

fn wait(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { parse_duration(text) }
}

fn valid_for(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it would be over before anybody could read it".to_owned()),
        valid if valid > LONGEST => {
            Err("at most 24h: whoever finds a command later must not be able to use it".to_owned())
        }
        valid => Ok(valid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_instant_or_how_long_ago() {
        let now = "2026-11-22T18:00:00Z".parse().unwrap();
        let read = |text| since(text).map(|since| since.instant(now).to_string());
        assert_eq!(read("2h").unwrap(), "2026-11-22T16:00:00Z");
        assert_eq!(read("2026-11-22T17:30:00+01:00").unwrap(), "2026-11-22T16:30:00Z");
        for wrong in ["", "yesterday", "2026-11-22", "18:00"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_command_is_good_for_a_day_at_most_and_waiting_can_be_left_out() {
        assert_eq!(valid_for("24h"), Ok(LONGEST));
        assert!(valid_for("25h").is_err() && valid_for("0s").is_err() && valid_for("15").is_err());
        assert_eq!((wait("0"), wait("5m")), (Ok(Duration::ZERO), Ok(Duration::from_secs(300))));
    }
}
