//! Where the records of one backtest are, and what else is recorded beside them: files, a time on the broker's topics, or what
//! a manifest names.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cordon_records::Topic;
use cordon_runtime::kafka::KafkaSettings;
use cordon_runtime::time::Period;
use jiff::Timestamp;

use crate::args::BacktestArgs;
use crate::error::BacktestError;
use crate::fleet::TOO_OLD;
use crate::input::{Files, Source, TopicRange};
use crate::manifest::{Manifest, ManifestInput};

/// See the module.
#[derive(Debug)]
pub struct Origin {
    /// Records that were made then are judged.
    pub period: Period,
    place: Place,
    /// What an earlier backtest has read.
    then: Option<Vec<ManifestInput>>,
}

/// The records to judge, not read yet.
#[derive(Debug)]
pub enum Records {
    /// In files.
    Files(Files),
    /// On the broker.
    Topic(Box<TopicRange>),
}

impl Records {
    /// To be read from their beginning.
    pub fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Files(files) => files,
            Self::Topic(range) => range.as_mut(),
        }
    }
}

#[derive(Debug)]
enum Place {
    Files(Vec<PathBuf>),
    Broker(KafkaSettings),
}

impl Origin {
    /// What the command line asks for. `now` is what `-90d` counts from.
    ///
    /// # Errors
    /// When a manifest names a topic, and no configuration says where the broker is; when a file is named twice.
    pub fn of(
        args: &BacktestArgs,
        kafka: Option<KafkaSettings>,
        then: Option<&Manifest>,
        now: Timestamp,
    ) -> Result<Self, BacktestError> {
        let period = match then {
            Some(then) => Period { from: then.from, to: then.to },
            None => Period::asked(args.from, args.to, now),
        };
        let place = match (kafka, then) {
            (Some(kafka), _) => Place::Broker(kafka),
            (None, Some(then)) if args.input.is_empty() => Place::Files(files(then)?),
            (None, _) => Place::Files(args.input.clone()),
        };
        if let Place::Files(paths) = &place
            && let Some((one, other)) = twice(paths)
        {
            let [one, other] = [one, other].map(|path| path.display());
            let why = format!("--input: {one} and {other} are one file, whose records would count twice; name it once");
            return Err(BacktestError::Usage(why));
        }
        Ok(Self { period, place, then: then.map(|then| then.inputs.clone()) })
    }

    /// The records to judge.
    ///
    /// # Errors
    /// When the broker cannot be had, or does not hold the range.
    pub fn records(&self) -> Result<Records, BacktestError> {
        match &self.place {
            Place::Files(paths) => Ok(Records::Files(Files::new(paths.clone()))),
            Place::Broker(kafka) => Ok(Records::Topic(Box::new(self.range(kafka, Topic::Enriched, self.period)?))),
        }
    }

    fn range(&self, kafka: &KafkaSettings, topic: Topic, period: Period) -> Result<TopicRange, BacktestError> {
        match &self.then {
            Some(inputs) => TopicRange::again(kafka, topic, inputs, period.from),
            None => TopicRange::open(kafka, topic, period),
        }
    }

    /// Where the broker is; none for files.
    #[must_use]
    pub const fn kafka(&self) -> Option<&KafkaSettings> {
        match &self.place {
            Place::Broker(kafka) => Some(kafka),
            Place::Files(_) => None,
        }
    }

    /// The decisions of that time, and those made later where they are compared with; none for files.
    ///
    /// # Errors
    /// When the broker cannot be had, or does not hold the range.
    pub fn decisions(&self, and_later: bool) -> Result<Option<TopicRange>, BacktestError> {
        self.kafka().map(|kafka| self.decisions_of(kafka, and_later)).transpose()
    }

    /// The same of whoever has these topics.
    ///
    /// # Errors
    /// As [`Self::decisions`].
    pub fn decisions_of(&self, kafka: &KafkaSettings, and_later: bool) -> Result<TopicRange, BacktestError> {
        let from = self.period.from.map(|from| from.checked_sub(TOO_OLD).unwrap_or(Timestamp::MIN));
        let period = Period { from, to: self.period.to.filter(|_| !and_later) };
        self.range(kafka, Topic::Decisions, period)
    }

    /// What was reported, or what people said, since then.
    ///
    /// # Errors
    /// When the broker cannot be had, or does not hold the range.
    pub fn since(&self, kafka: &KafkaSettings, topic: Topic) -> Result<TopicRange, BacktestError> {
        self.range(kafka, topic, Period { to: None, ..self.period })
    }

    /// Refuses files that are not what they were.
    ///
    /// # Errors
    /// When what was read is something else than what the manifest names.
    pub fn check(&self, read: &[ManifestInput]) -> Result<(), BacktestError> {
        let Some(then) = &self.then else { return Ok(()) };
        let content = |input: &ManifestInput| match input {
            ManifestInput::File { blake3, .. } => Some(blake3.clone()),
            // By offset, which are never given twice.
            ManifestInput::Partition { .. } => None,
        };
        let (then, now): (Vec<_>, Vec<_>) = (then.iter().map(content).collect(), read.iter().map(content).collect());
        if then == now {
            return Ok(());
        }
        let why = "the files are not those of the manifest; run without --manifest over what is there";
        Err(BacktestError::Input { what: "the range again".to_owned(), why: why.to_owned() })
    }
}

/// The first two of these that are one file, whatever they are called.
fn twice(paths: &[PathBuf]) -> Option<(&Path, &Path)> {
    let mut known: BTreeMap<(u64, u64), &Path> = BTreeMap::new();
    for path in paths.iter().filter(|path| path.as_path() != Path::new("-")) {
        // What cannot be looked at is told when it is read.
        let Some(it) = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file) else { continue };
        if let Some(one) = known.insert((it.dev(), it.ino()), path) {
            return Some((one, path));
        }
    }
    None
}

/// The files that a manifest names.
fn files(then: &Manifest) -> Result<Vec<PathBuf>, BacktestError> {
    let file = |input: &ManifestInput| match input {
        ManifestInput::File { name, .. } => Some(PathBuf::from(name)),
        ManifestInput::Partition { .. } => None,
    };
    let files: Option<Vec<PathBuf>> = then.inputs.iter().map(file).collect();
    files.ok_or_else(|| {
        BacktestError::Usage("the manifest names a topic; say with --config where the broker is".to_owned())
    })
}
