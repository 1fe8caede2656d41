//! How one machine stands, and who wanted it so. Pure.

use cordon_defender::IsolationStep;
use cordon_records::{Action, ActionKey, ActionKind, AlertId, LedgerEntry, MachineActionId, MachineId, RuleId};
use cordon_response::LedgerState;
use cordon_response::ours::mark_in;
use jiff::Timestamp;

/// How a machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is cut off.
    Isolated,
    /// It is cut off, and its release is on its way.
    Releasing,
    /// Its isolation is on its way: it may be cut off at any moment.
    Isolating,
    /// Nobody knows whether it is cut off.
    Unknown,
    /// It was cut off, or was about to be, and is connected.
    LetBack,
}

impl State {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Releasing => "releasing",
            Self::Isolating => "isolating",
            Self::Unknown => "unknown",
            Self::LetBack => "let_back",
        }
    }
}

/// Who wanted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// Cordon, because these rules asked for it.
    Rules(Vec<RuleId>),
    /// Cordon, because the time was over that the rule had set.
    Timer,
    /// Cordon, because this person signed for it.
    Signed(String),
    /// Cordon, by its mark: the ledger does not say for whom.
    Cordon,
    /// A person in the portal.
    Person(String),
    /// A program.
    Program(String),
    /// Defender itself.
    Defender(String),
    /// Defender's list does not say what kind of name this is.
    Somebody(String),
}

impl Author {
    /// Who asked for an action of ours.
    pub fn of_entry(entry: &LedgerEntry) -> Self {
        match (&entry.requested_by, &entry.about, &entry.action) {
            (Some(person), _, _) => Self::Signed(person.clone()),
            (None, Some(_), Action::Release { .. }) => Self::Timer,
            (None, _, _) => Self::Rules(entry.rules.clone()),
        }
    }

    /// Who asked for what Defender lists.
    pub fn of_step(step: &IsolationStep, ledger: &LedgerState) -> Self {
        match ours(step, ledger) {
            Some(entry) => Self::of_entry(entry),
            None if marked(step).is_some() => Self::Cordon,
            None => Self::named(step.action.requestor.as_deref(), step.source.as_deref()),
        }
    }

    /// A name as Defender gives it. Microsoft documents none for what Defender does by itself: seen are sign-in names of
    /// people, and names and ids of programs with the source `PublicApi`.
    pub fn named(name: Option<&str>, source: Option<&str>) -> Self {
        let name = name.unwrap_or_default().trim();
        let lower = name.to_lowercase();
        let is_defender = ["system", "microsoft", "defender", "automat", "attack disruption"];
        match source {
            _ if name.contains('@') => Self::Person(name.to_owned()),
            Some("Portal") if !name.is_empty() => Self::Person(name.to_owned()),
            Some("PublicApi") => Self::Program(name.to_owned()),
            _ if name.is_empty() || is_defender.iter().any(|word| lower.contains(word)) => {
                Self::Defender(name.to_owned())
            }
            _ if is_guid(name) => Self::Program(name.to_owned()),
            Some(_) | None => Self::Somebody(name.to_owned()),
        }
    }

    /// The stable name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rules(_) | Self::Timer | Self::Signed(_) | Self::Cordon => "cordon",
            Self::Person(_) => "person",
            Self::Program(_) => "program",
            Self::Defender(_) => "defender",
            Self::Somebody(_) => "somebody",
        }
    }

    /// The person, program or service, as far as it has a name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Rules(_) | Self::Timer | Self::Cordon => None,
            Self::Signed(name)
            | Self::Person(name)
            | Self::Program(name)
            | Self::Defender(name)
            | Self::Somebody(name) => Some(name.as_str()).filter(|name| !name.is_empty()),
        }
    }

    /// The rules that asked.
    pub fn rules(&self) -> &[RuleId] {
        if let Self::Rules(rules) = self { rules } else { &[] }
    }
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rules(rules) if rules.is_empty() => f.write_str("Cordon"),
            Self::Rules(rules) => {
                let rules: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
                write!(f, "Cordon, rule {}", rules.join(" and "))
            }
            Self::Timer => f.write_str("Cordon by itself: its time was over"),
            Self::Signed(person) => write!(f, "Cordon, for {person}"),
            Self::Cordon => f.write_str("Cordon, by its mark; the ledger does not have it"),
            Self::Person(name) => f.write_str(name),
            Self::Program(name) if name.is_empty() => f.write_str("a program without a name"),
            Self::Program(name) => write!(f, "program {name}"),
            Self::Defender(name) if name.is_empty() => f.write_str("Defender itself: nobody is named"),
            Self::Defender(name) => write!(f, "Defender itself ({name})"),
            Self::Somebody(name) => write!(f, "{name} (whether person or program is not said)"),
        }
    }
}

fn is_guid(name: &str) -> bool {
    name.len() == 36 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// The action of ours that Defender lists here: by its id, else by the mark that no person in the portal would write.
pub fn ours<'a>(step: &IsolationStep, ledger: &'a LedgerState) -> Option<&'a LedgerEntry> {
    let machine = &step.machine;
    let by_id = |entry: &&LedgerEntry| entry.machine_action_id.as_ref() == Some(&step.action.id);
    let kind = |entry: &&LedgerEntry| matches!(entry.action.kind(), ActionKind::Isolate | ActionKind::Release);
    ledger.entries_on(machine).find(by_id).or_else(|| {
        let key = marked(step)?;
        ledger.entries_on(machine).filter(kind).find(|entry| entry.key == key)
    })
}

/// The key in the mark that every comment of ours ends in.
fn marked(step: &IsolationStep) -> Option<ActionKey> {
    mark_in(&step.action).map(|mark| mark.key)
}

/// When a machine is let back without anybody's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Open,
    /// At this time; `ask` says whether a person is asked first.
    At {
        /// When.
        at: Timestamp,
        /// Whether a person is asked first.
        ask: bool,
    },
    /// So many seconds after Defender says that it is isolated.
    After {
        /// How many.
        seconds: u64,
        /// Whether a person is asked first.
        ask: bool,
    },
}

impl Until {
    /// What the ledger has of this isolation of ours.
    pub fn of(entry: &LedgerEntry) -> Self {
        let Action::Isolate { release: Some(terms), .. } = &entry.action else { return Self::Open };
        match entry.release_at {
            Some(at) => Self::At { at, ask: terms.ask },
            None if entry.is_open() => Self::After { seconds: terms.after_s, ask: terms.ask },
            None => Self::Open,
        }
    }
}

/// How an isolation ended, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Who wanted it.
    pub by: Author,
    /// When it ended; while it has not, when the end was asked for.
    pub at: Option<Timestamp>,
    /// Whether the isolation was cancelled before it took effect.
    pub cancelled: bool,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The machine.
    pub machine: MachineId,
    /// Its name.
    pub name: Option<String>,
    /// How it stands.
    pub state: State,
    /// Who wanted it isolated.
    pub by: Author,
    /// Since when it is isolated; while it is on its way, since when it was asked for.
    pub since: Option<Timestamp>,
    /// `Full`, `Selective` …, where it is known.
    pub scope: Option<String>,
    /// Until when.
    pub until: Until,
    /// Defender's id of the isolation.
    pub action: Option<MachineActionId>,
    /// Our key of it.
    pub key: Option<ActionKey>,
    /// The alert behind it.
    pub alert: Option<AlertId>,
    /// Its end.
    pub end: Option<End>,
    /// What else is to be known.
    pub note: Option<String>,
}

impl Standing {
    /// The name, else the id.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.machine.as_str())
    }
}
