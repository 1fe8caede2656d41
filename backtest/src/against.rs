//! What the rules under test are compared with: nothing, other files, or what was decided live: by the rules in force, or by a
//! candidate beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cordon_policy::{Guards, PolicyFiles};
use cordon_records::Topic;
use cordon_runtime::beside::{Beside, RunName};
use cordon_runtime::kafka::KafkaSettings;
use cordon_runtime::time::Period;
use cordon_settings::{Problem, Problems};
use cordon_signing::AllowedSigners;

use crate::args::BacktestArgs;
use crate::document::Reproduced;
use crate::error::BacktestError;
use crate::input::TopicRange;
use crate::origin::Origin;
use crate::recorded::{Check, Policies, Recorded, Whose};
use crate::reported::Heard;
use crate::respond::{Live, Outcomes, Times, replay};
use crate::side::Side;

/// What `--against` says where it means no files.
const RECORDED: &str = "recorded";

/// With what it begins where it means a candidate.
const CANDIDATE: &str = "candidate:";

/// See the module.
#[derive(Debug)]
pub enum Against {
    /// There is no other side.
    Nothing,
    /// Other rules and guards.
    Files(Box<Side>),
    /// What was decided live.
    Recorded(Box<Given>),
}

/// The guards of the command line or the configuration, or the built-in ones.
#[derive(Debug)]
pub struct Given {
    guards: Guards,
    signers: AllowedSigners,
    /// The candidate that decided; without one it was the installation itself.
    by: Option<RunName>,
    /// Whether these guards are to hold, whatever is recorded.
    are_asked: bool,
}

/// The other side, once all of it is read.
#[derive(Debug)]
pub enum Compared {
    /// There is none.
    Nothing,
    /// Other rules and guards.
    Files(Box<Side>),
    /// What was decided live.
    Recorded(Box<Past>),
}

/// What was decided live, and what came of it.
#[derive(Debug)]
pub struct Past {
    side: Side,
    kafka: KafkaSettings,
    /// The topics of whoever decided.
    own: KafkaSettings,
    recorded: Arc<Recorded>,
    /// Compares the decisions while records are judged.
    pub check: Check,
    decisions: TopicRange,
    /// What came of it; nothing comes of what a candidate decides.
    live: Option<Live>,
    /// What people did, and what was read.
    pub heard: Heard,
    /// What this side does not tell.
    pub limits: Vec<String>,
}

impl Compared {
    /// The rules and guards, if there are any.
    #[must_use]
    pub const fn side(&self) -> Option<&Side> {
        match self {
            Self::Nothing => None,
            Self::Files(side) => Some(side),
            Self::Recorded(past) => Some(&past.side),
        }
    }

    /// What was decided live, if that is it.
    #[must_use]
    pub const fn past(&self) -> Option<&Past> {
        match self {
            Self::Nothing | Self::Files(_) => None,
            Self::Recorded(past) => Some(past),
        }
    }

    /// How exactly what was decided live comes out again, if that is it.
    ///
    /// # Errors
    /// When what differs cannot be read once more, or the responder does what it never may.
    pub fn reproduced(self, times: Times<'_>, period: Period) -> Result<Option<Reproduced>, BacktestError> {
        match self {
            Self::Nothing | Self::Files(_) => Ok(None),
            Self::Recorded(past) => past.reproduced(times, period).map(Some),
        }
    }
}

impl Past {
    /// How exactly it comes out again, once all records are judged: first the decisions, then what the responder made of them.
    ///
    /// # Errors
    /// When what differs cannot be read once more, or the responder does what it never may.
    fn reproduced(self, times: Times<'_>, period: Period) -> Result<Reproduced, BacktestError> {
        let Self { side, kafka, own, recorded, check, mut decisions, live, .. } = self;
        let reproduced = check.end(&kafka, &own)?;
        let outcomes = match live {
            Some(live) => replay(&side, &recorded, &mut decisions, live, (times, period))?,
            None => Outcomes::default(),
        };
        Ok(Reproduced {
            outcomes: outcomes.actions,
            outcomes_exact: outcomes.exact,
            outcome_differences: outcomes.differences,
            ..reproduced
        })
    }
}

impl Against {
    /// Reads the files that are named; the guards of the configuration hold where the command line names none.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn read(args: &BacktestArgs, configured: Option<&PathBuf>) -> Result<Self, Problems> {
        let asked = args.against_guards.as_ref();
        if let [word] = &args.against[..]
            && let Some(by) = decider(word)?
        {
            let guards = asked.or(configured).cloned();
            let files = PolicyFiles { rules: Vec::new(), guards }.read();
            let (guards, signers) = (files.check_guards()?, files.check_signers()?);
            return Ok(Self::Recorded(Box::new(Given { guards, signers, by, are_asked: asked.is_some() })));
        }
        match &args.against[..] {
            [] => Ok(Self::Nothing),
            paths => {
                let guards = asked.or(args.guards.as_ref()).or(configured);
                Ok(Self::Files(Box::new(Side::read(paths, guards)?)))
            }
        }
    }

    /// Whether it is what was decided live.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded(_))
    }

    /// The other side, with all that belongs to it; what was decided is read from the broker.
    ///
    /// # Errors
    /// When what was decided is asked for and cannot be had.
    pub fn read_all(self, origin: &Origin, decisions: Option<TopicRange>) -> Result<Compared, BacktestError> {
        match self {
            Self::Nothing => Ok(Compared::Nothing),
            Self::Files(side) => Ok(Compared::Files(side)),
            Self::Recorded(given) => {
                let (Some(kafka), Some(decisions)) = (origin.kafka(), decisions) else {
                    let why = "what was decided is on the broker: give --config, and no --input";
                    return Err(BacktestError::Usage(format!("--against {}: {why}", given.name())));
                };
                Ok(Compared::Recorded(Box::new(past((origin, kafka), decisions, *given)?)))
            }
        }
    }
}

impl Given {
    /// As it is written on the command line.
    fn name(&self) -> String {
        match &self.by {
            Some(name) => format!("{CANDIDATE}{name}"),
            None => RECORDED.to_owned(),
        }
    }
}

/// Whose decisions a word means: nobody's where it is a path, else those of the installation or of a candidate.
fn decider(word: &Path) -> Result<Option<Option<RunName>>, Problems> {
    let Some(word) = word.to_str() else { return Ok(None) };
    match word.strip_prefix(CANDIDATE) {
        Some(name) => {
            let name = name.parse().map_err(|why| Problem::whole("--against", format!("{word}: {why}")))?;
            Ok(Some(Some(name)))
        }
        None => Ok((word == RECORDED).then_some(None)),
    }
}

fn past((origin, kafka): (&Origin, &KafkaSettings), live: TopicRange, given: Given) -> Result<Past, BacktestError> {
    let name = given.name();
    let Given { guards, signers, by, are_asked } = given;
    let own = match &by {
        Some(name) => kafka.beside(&Beside::Candidate(name.clone())),
        None => kafka.clone(),
    };
    let mut decisions = if by.is_some() { origin.decisions_of(&own, true)? } else { live };
    let mut actions = origin.since(kafka, Topic::Actions)?;
    let mut commands = origin.since(kafka, Topic::Commands)?;
    // A text never changes, so what is written there later makes no difference.
    let mut policies = TopicRange::open(&own, Topic::Policies, Period::default())?;
    let policies = Policies::read(&mut policies, &mut actions)?;
    let (recorded, mut unread) = Recorded::read(&mut decisions, &kafka.topic(Topic::Enriched), &policies)?;
    let recorded = Arc::new(recorded);
    let (guards, whose) = match by {
        _ if are_asked => (guards, Whose::Asked),
        Some(_) => (guards, Whose::Nobodys),
        None => policies.guards(guards),
    };
    let limits = limits(&recorded, whose);
    let side = Side::recorded(Arc::clone(&recorded), guards, signers);
    let side = side.ok_or_else(|| BacktestError::Broken("the newest rules are gone".to_owned()))?;
    let side = Side { name, ..side };
    let (live, people, unreported) = Live::read(&mut actions, &mut commands)?;
    unread.merge(unreported);
    // Those of the installation are noted with what is known of the fleet.
    let decided = if by.is_some() { decisions.inputs() } else { Vec::new() };
    let inputs = actions.inputs().into_iter().chain(commands.inputs()).chain(decided).collect();
    let (kafka, check) = (kafka.clone(), Check::new(Arc::clone(&recorded)));
    let heard = Heard { people, unread, inputs };
    let live = by.is_none().then_some(live);
    Ok(Past { side, kafka, own, recorded, check, decisions, live, heard, limits })
}

fn limits(recorded: &Recorded, whose: Whose) -> Vec<String> {
    let sets: Vec<_> = recorded.sets().collect();
    let several = (sets.len() > 1).then(|| {
        format!(
            "{} rule sets have decided in this time. Each record is judged by its own; the rules are counted, and told \
             apart, by the newest.",
            sets.len()
        )
    });
    let mut gone: Vec<String> =
        sets.iter().filter_map(|(hash, why)| why.map(|why| format!("Rules {hash} decided, and {why}."))).collect();
    gone.sort();
    let guards = match whose {
        Whose::Recorded => "The guards of the newest report hold for all of what was decided.",
        Whose::Given => {
            "No report names guards whose text is on the topic policies, so those of the configuration hold, or the \
             built-in ones."
        }
        Whose::Nobodys => {
            "A candidate asks no guards, so those of the configuration hold for what it decided, or the built-in ones."
        }
        Whose::Asked => "The guards of --against-guards hold for what was decided, whatever guards held then.",
    };
    several.into_iter().chain(gone).chain([guards.to_owned()]).collect()
}
