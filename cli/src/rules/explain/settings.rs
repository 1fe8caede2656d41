//! What an alert is judged by: rules, guards and the stage's mode, from flags or from the configuration.

use std::path::{Path, PathBuf};

use cordon_policy::{Guards, MODES, RuleSet};
use cordon_records::Mode;
use cordon_settings::{Problem, Problems, read_text};

use crate::rules::Misconfigured;
use crate::rules::args::ExplainArgs;
use crate::rules::files::Sources;
use crate::stages;

/// Rules, guards and the ceiling over the rules' modes.
pub struct Settings {
    pub rules: RuleSet,
    pub guards: Guards,
    /// `None` without a configuration.
    pub ceiling: Option<Mode>,
}

/// What the section `act` says of these.
struct Act {
    mode: Mode,
    rules: Vec<PathBuf>,
    guards: Option<PathBuf>,
}

impl Settings {
    /// Flags win over the configuration.
    pub fn read(args: &ExplainArgs) -> anyhow::Result<Self> {
        let act = args.config.as_deref().map(act).transpose().map_err(Misconfigured)?;
        let named = act.as_ref().filter(|_| args.rules.is_empty());
        let rules = named.map_or(&args.rules, |act| &act.rules);
        if let (true, Some(config)) = (rules.is_empty(), &args.config) {
            let problem = Problem::whole(config.display().to_string(), "act.rules names no rules; give --rules");
            return Err(Misconfigured(Problems::from(problem).into()).into());
        }
        let guards = args.guards.as_ref().or(act.as_ref().and_then(|act| act.guards.as_ref()));
        Ok(Self {
            rules: RuleSet::load(&Sources::read(rules)?.rules)?,
            guards: guards.map_or_else(|| Ok(Guards::built_in()), |path| load(path)).map_err(misconfigured)?,
            ceiling: act.map(|act| act.mode),
        })
    }
}

fn misconfigured(problems: Problems) -> Misconfigured {
    Misconfigured(problems.into())
}

fn act(config: &Path) -> anyhow::Result<Act> {
    let folder = config.parent().unwrap_or(Path::new(""));
    stages::read(config, |root| {
        let mut act = root.section("act");
        let mode = act.choice("mode", MODES).or(Mode::Shadow);
        let rules = act.texts("rules").or(Vec::new()).iter().map(|path| folder.join(path)).collect();
        let guards = act.text("guards").optional().map(|path| folder.join(path));
        Some(Act { mode, rules, guards })
    })
}

fn load(path: &Path) -> Result<Guards, Problems> {
    let origin = path.display().to_string();
    let text =
        read_text(path).map_err(|error| Problem::whole(&origin, format!("the guards file cannot be read: {error}")))?;
    Guards::load(&origin, &text)
}
