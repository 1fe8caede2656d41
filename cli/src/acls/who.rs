//! Who comes to the broker: the stages, which bring their own tables, and people by what they do.

use clap::ValueEnum;
use cordon_act::Role;
use cordon_act::respond::GROUP as RESPOND;
use cordon_records::Topic;
use cordon_runtime::kafka::Access;

use crate::dlq::READ_BY_STAGES;

/// A stage, a role of one, or what a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// Polls alerts
    Ingest,
    /// Looks up what they name
    Enrich,
    /// Both roles of cordon-act in one process
    Act,
    /// Judges by the rules
    Decide,
    /// Acts
    Respond,
    /// Sends mail
    Notify,
    /// A person who looks: status, isolated, approvals, dlq list, rules explain
    Look,
    /// A person who tries rules on what was recorded: backtest
    Backtest,
    /// A person who approves, denies, releases, pauses or resumes
    Command,
    /// A person who looks after dead letters: dlq list, redrive, seen
    Redrive,
    /// A person who sets up: topics apply, check
    SetUp,
}

/// See [`Who::Look`]. Where a stage stands is told by its group; what is open, held or standing by `summary`, and not by
/// all of the ledger.
const LOOK: Access = Access {
    reads: &[
        Topic::Alerts,
        Topic::Enriched,
        Topic::Decisions,
        Topic::Actions,
        Topic::Commands,
        Topic::DeadLetters,
        Topic::Summary,
        Topic::Cursors,
        Topic::Notified,
        Topic::Policies,
    ],
    watches: &[cordon_ingest::GROUP, cordon_enrich::GROUP, cordon_act::DECIDE_GROUP, RESPOND, cordon_notify::GROUP],
    ..Access::NONE
};

/// See [`Who::Command`]. What comes of a command is read from `actions` and `ledger`.
const COMMAND: Access = Access { reads: &[Topic::Ledger, Topic::Actions], writes: &[Topic::Commands], ..Access::NONE };

/// See [`Who::Redrive`]. What was seen is noted on `notified`; what is back already is read from where it went.
const REDRIVE: [Access; 2] = [
    Access { reads: &[Topic::DeadLetters, Topic::Notified], writes: &[Topic::Notified], ..Access::NONE },
    Access { reads: &READ_BY_STAGES, writes: &READ_BY_STAGES, ..Access::NONE },
];

/// See [`Who::SetUp`]. The broker's clock is read by two tombstones on `cursors`.
const SET_UP: Access =
    Access { checks: &Topic::ALL, makes: &Topic::ALL, writes: &[Topic::Cursors], watches: &[RESPOND], ..Access::NONE };

impl Who {
    /// Everybody, each once.
    pub const ALL: [Self; 9] = [
        Self::Ingest,
        Self::Enrich,
        Self::Act,
        Self::Notify,
        Self::Look,
        Self::Backtest,
        Self::Command,
        Self::Redrive,
        Self::SetUp,
    ];

    /// What it does on the broker.
    pub const fn access(self) -> &'static [Access] {
        match self {
            Self::Ingest => &[cordon_ingest::ACCESS],
            Self::Enrich => &[cordon_enrich::ACCESS],
            Self::Act => Role::Both.access(),
            Self::Decide => Role::Decide.access(),
            Self::Respond => Role::Respond.access(),
            Self::Notify => &[cordon_notify::ACCESS],
            Self::Look => &[LOOK],
            Self::Backtest => &[cordon_backtest::ACCESS],
            Self::Command => &[COMMAND],
            Self::Redrive => &REDRIVE,
            Self::SetUp => &[SET_UP],
        }
    }

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Enrich => "enrich",
            Self::Act => "act",
            Self::Decide => "decide",
            Self::Respond => "respond",
            Self::Notify => "notify",
            Self::Look => "look",
            Self::Backtest => "backtest",
            Self::Command => "command",
            Self::Redrive => "redrive",
            Self::SetUp => "set-up",
        }
    }
}
