//! What the rules under test are compared with: nothing, other files, or what was decided live.

use std::path::{Path, PathBuf};

use cordon_policy::{Guards, PolicyFiles};
use cordon_records::Topic;
use cordon_runtime::kafka::KafkaSettings;
use cordon_settings::Problems;
use cordon_signing::AllowedSigners;

use crate::args::BacktestArgs;
use crate::error::BacktestError;
use crate::input::TopicRange;
use crate::manifest::ManifestInput;
use crate::origin::Origin;
use crate::recorded::{Policies, Recorded, Whose};
use crate::respond::Live;
use crate::side::Side;

/// What `--against` says where it means no files.
const RECORDED: &str = "recorded";

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
    /// Whether these guards are to hold, whatever is recorded.
    are_asked: bool,
}

/// The other side, once all of it is read.
#[derive(Debug, Default)]
pub struct Compared {
    /// The rules and guards; none where nothing is compared.
    pub side: Option<Side>,
    /// What the responder has reported live, where that is compared with.
    pub live: Option<Live>,
    /// What was read for it, for a manifest.
    pub inputs: Vec<ManifestInput>,
    /// What this side does not tell.
    pub limits: Vec<String>,
}

impl Against {
    /// Reads the files that are named; the guards of the configuration hold where the command line names none.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn read(args: &BacktestArgs, configured: Option<&PathBuf>) -> Result<Self, Problems> {
        let asked = args.against_guards.as_ref();
        match &args.against[..] {
            [] => Ok(Self::Nothing),
            [word] if word.as_path() == Path::new(RECORDED) => {
                let guards = asked.or(configured).cloned();
                let files = PolicyFiles { rules: Vec::new(), guards }.read();
                let (guards, signers) = (files.check_guards()?, files.check_signers()?);
                Ok(Self::Recorded(Box::new(Given { guards, signers, are_asked: asked.is_some() })))
            }
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

    /// The other side; what was decided is read from the broker.
    ///
    /// # Errors
    /// When what was decided is asked for and cannot be had.
    pub fn side(self, origin: &Origin, decisions: Option<&mut TopicRange>) -> Result<Compared, BacktestError> {
        match self {
            Self::Nothing => Ok(Compared::default()),
            Self::Files(side) => Ok(Compared { side: Some(*side), ..Compared::default() }),
            Self::Recorded(given) => {
                let (Some(kafka), Some(decisions)) = (origin.kafka(), decisions) else {
                    let why = "what was decided is on the broker: give --config, and no --input";
                    return Err(BacktestError::Usage(format!("--against {RECORDED}: {why}")));
                };
                recorded((origin, kafka), decisions, *given)
            }
        }
    }
}

fn recorded(
    (origin, kafka): (&Origin, &KafkaSettings),
    decisions: &mut TopicRange,
    given: Given,
) -> Result<Compared, BacktestError> {
    let mut actions = origin.since(kafka, Topic::Actions)?;
    let mut commands = origin.since(kafka, Topic::Commands)?;
    // A text never changes, so what is written there later makes no difference.
    let mut policies = TopicRange::open(kafka, Topic::Policies, (None, None))?;
    let policies = Policies::read(&mut policies, &mut actions)?;
    let recorded = Recorded::read(decisions, &kafka.topic(Topic::Enriched), &policies)?;
    let Given { guards, signers, are_asked } = given;
    let (guards, whose) = if are_asked { (guards, Whose::Asked) } else { policies.guards(guards) };
    let limits = limits(&recorded, whose);
    let side = Side::recorded(recorded, guards, signers);
    let side = side.ok_or_else(|| BacktestError::Broken("the newest rules are gone".to_owned()))?;
    let live = Live::read(&mut actions, &mut commands)?;
    let inputs = actions.inputs().into_iter().chain(commands.inputs()).collect();
    Ok(Compared { side: Some(side), live: Some(live), inputs, limits })
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
        Whose::Asked => "The guards of --against-guards hold for what was decided, whatever guards held then.",
    };
    several.into_iter().chain(gone).chain([guards.to_owned()]).collect()
}
