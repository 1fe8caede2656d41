//! The section `act` of the configuration: mode, rules, guards and times.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_defender::DefenderSettings;
use cordon_policy::{Guards, RuleSet, run_tests};
use cordon_records::{Mode, TenantId};
use cordon_settings::{Problem, Problems, Section};

/// The names of the modes in the file.
const MODES: [(&str, Mode); 3] = [("shadow", Mode::Shadow), ("approve", Mode::Approve), ("auto", Mode::Auto)];

/// What act must know.
#[derive(Debug, Clone)]
pub struct ActSettings {
    /// The only tenant whose records are judged and acted on.
    pub tenant: TenantId,
    /// The only identity that may act; absent where just the decide role runs, which needs none.
    pub defender: Option<DefenderSettings>,
    /// The ceiling over the rules' modes; `shadow` unless the file says otherwise.
    pub mode: Mode,
    /// The operator's rules, checked.
    pub rules: RuleSet,
    /// The guards, checked.
    pub guards: Guards,
    /// First distance of the follow-up.
    pub follow_up: Duration,
    /// How long a held action waits for a person.
    pub hold_for: Duration,
    /// How long an action in doubt rests before the list is believed.
    pub settle: Duration,
}

impl ActSettings {
    /// Reads `defender` and `act`, and the files that `act` names.
    #[must_use]
    pub fn read(root: &mut Section) -> Option<Self> {
        let (tenant, defender) = read_identity(root.section("defender"));
        let mut act = root.section("act");
        let mode = act.choice("mode", &MODES).or(Mode::Shadow);
        let rules = read_rules(&mut act);
        let guards = read_guards(&mut act);
        let follow_up = act.duration("follow_up").or(Duration::from_secs(5));
        let hold_for = act.duration("hold_for").or(Duration::from_secs(24 * 60 * 60));
        let settle = act.duration("settle").check(long_enough).or(Duration::from_secs(120));
        act.finish();
        Some(Self {
            tenant: tenant?,
            defender: defender?,
            mode,
            rules: rules?,
            guards: guards?,
            follow_up,
            hold_for,
            settle,
        })
    }
}

/// The tenant, and the identity unless the file gives none at all: half an identity is a mistake, none is a process
/// that only decides.
fn read_identity(mut section: Section) -> (Option<TenantId>, Option<Option<DefenderSettings>>) {
    let given = ["client_id", "client_secret"].into_iter().any(|key| section.is_present(key));
    if given {
        let defender = DefenderSettings::read(&mut section);
        section.finish();
        return (defender.as_ref().map(|defender| defender.tenant_id.clone()), defender.map(Some));
    }
    let tenant = section.text("tenant_id").convert(|text| TenantId::new(text).map_err(|error| error.to_string()));
    (tenant.required(), Some(None))
}

/// Below lease (30 s), HTTP timeout (20 s) and the list's lag (60 s) together, a lost answer could be taken for
/// "not done" and done again.
fn long_enough(settle: &Duration) -> Result<(), String> {
    if *settle >= Duration::from_secs(110) {
        return Ok(());
    }
    Err("must be at least 110s: lease 30 s + call 20 s + lag of Defender's list 60 s".into())
}

fn read_rules(act: &mut Section) -> Option<RuleSet> {
    let places = act.texts("rules").required()?;
    let mut files = Vec::new();
    let mut complete = true;
    for place in places {
        match rule_files(&resolve(act, "rules", &place)) {
            Ok(found) => files.extend(found),
            Err(why) => {
                complete = false;
                act.problem_with_help("rules", why, "name rule files, or folders that hold *.yaml rule files");
            }
        }
    }
    if !complete {
        return None;
    }
    if files.is_empty() {
        act.problem("rules", "no rule is named, so nothing would ever be done");
        return None;
    }
    let rules = RuleSet::load(&files).map_err(|problems| act.adopt(problems)).ok()?;
    let failed = run_tests(&rules);
    for failure in &failed {
        let (rule, test) = (&failure.rule, &failure.test);
        let text = format!("rule {rule} fails its own test {test:?}: {}", failure.reason);
        act.problem_with_help("rules", text, "correct the rule or its test; a rule that fails its test is not run");
    }
    failed.is_empty().then_some(rules)
}

fn rule_files(path: &Path) -> Result<Vec<(String, String)>, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut paths = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_yaml(path)).collect();
        paths.sort();
        if paths.is_empty() {
            return Err(format!("{} holds no *.yaml rule file", path.display()));
        }
    }
    paths
        .into_iter()
        .map(|path| match std::fs::read_to_string(&path) {
            Ok(text) => Ok((path.display().to_string(), text)),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        })
        .collect()
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn read_guards(act: &mut Section) -> Option<Guards> {
    let Some(place) = act.text("guards").optional() else { return Some(Guards::built_in()) };
    let path = resolve(act, "guards", &place);
    let origin = path.display().to_string();
    let loaded = match std::fs::read_to_string(&path) {
        Ok(text) => Guards::load(&origin, &text),
        Err(error) => Err(Problems(vec![Problem::whole(origin, format!("the guard file cannot be read: {error}"))])),
    };
    loaded.map_err(|problems| act.adopt(problems)).ok()
}

/// A relative path counts from the folder of the file that names it.
fn resolve(act: &Section, key: &str, path: &str) -> PathBuf {
    let origin = PathBuf::from(act.place(key).origin);
    match origin.parent() {
        Some(folder) if origin.is_file() => folder.join(path),
        Some(_) | None => PathBuf::from(path),
    }
}
