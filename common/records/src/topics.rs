//! The closed list of topics, with what each must look like on a broker.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A stream of the pipeline. Its name on the broker is the configured prefix plus [`Topic::suffix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Alerts as seen, new or updated, keyed by alert id.
    Alerts,
    /// Alerts with what they name, keyed by machine id.
    Enriched,
    /// What the rules say of one enriched alert, keyed by machine id.
    Decisions,
    /// Steps of actions, keyed by machine id.
    Actions,
    /// What people said: pause, approve …
    Commands,
    /// Records that no stage could handle, with the reason in the headers.
    DeadLetters,
    /// respond's memory: one compacted record per action key, and the writer's claim.
    Ledger,
    /// What people look at: of `ledger` what is open, held or standing, and the switches. Compacted; its size follows what
    /// is open, not what ever was.
    Summary,
    /// The poll watermark, compacted; its one partition elects the poller.
    Cursors,
    /// What has been mailed, compacted.
    Notified,
    /// Texts of rule sets and guards by hash, and the fleet's size, compacted: by them a recorded decision can be judged
    /// again. Each process says here, too, that it lives and whether it can work.
    Policies,
}

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records older than this go.
    Delete(Duration),
    /// The newest record of each key stays for ever.
    Compact,
}

/// What a topic must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSpec {
    /// Number of partitions; it bounds the replicas that can share the work.
    pub partitions: i32,
    /// How the topic forgets.
    pub cleanup: Cleanup,
}

impl Topic {
    /// Every topic, in the order of an alert's way.
    pub const ALL: [Self; 11] = [
        Self::Alerts,
        Self::Enriched,
        Self::Decisions,
        Self::Actions,
        Self::Commands,
        Self::DeadLetters,
        Self::Ledger,
        Self::Summary,
        Self::Cursors,
        Self::Notified,
        Self::Policies,
    ];

    /// The name without the prefix.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Enriched => "enriched",
            Self::Decisions => "decisions",
            Self::Actions => "actions",
            Self::Commands => "commands",
            Self::DeadLetters => "dead-letters",
            Self::Ledger => "ledger",
            Self::Summary => "summary",
            Self::Cursors => "cursors",
            Self::Notified => "notified",
            Self::Policies => "policies",
        }
    }

    /// The name on the broker.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{}", self.suffix())
    }

    /// Partitions and cleanup, as agreed in the design. Whatever elects one owner has one partition.
    #[must_use]
    pub const fn spec(self) -> TopicSpec {
        match self {
            Self::Alerts | Self::Enriched => {
                TopicSpec { partitions: 12, cleanup: Cleanup::Delete(DAY.saturating_mul(90)) }
            }
            Self::Decisions | Self::Actions | Self::Commands => {
                TopicSpec { partitions: 1, cleanup: Cleanup::Delete(DAY.saturating_mul(400)) }
            }
            Self::DeadLetters => TopicSpec { partitions: 3, cleanup: Cleanup::Delete(DAY.saturating_mul(90)) },
            Self::Ledger | Self::Summary | Self::Cursors | Self::Notified | Self::Policies => {
                TopicSpec { partitions: 1, cleanup: Cleanup::Compact }
            }
        }
    }
}
