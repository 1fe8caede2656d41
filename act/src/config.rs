//! The section `act` of the configuration: mode, rules, guards and times.

use cordon_response::{Waits, not_too_often};
use std::time::Duration;

use cordon_defender::DefenderSettings;
use cordon_policy::{Guards, MODES, Policy, PolicyFiles};
use cordon_records::{Mode, TenantId};
use cordon_settings::Section;

/// What act must know.
#[derive(Debug, Clone)]
pub struct ActSettings {
    /// The only tenant whose records are judged and acted on.
    pub tenant: TenantId,
    /// The only identity that may act; absent where just the decide role runs, which needs none.
    pub defender: Option<DefenderSettings>,
    /// The ceiling over the rules' modes; `shadow` unless the file says otherwise.
    pub mode: Mode,
    /// The operator's rules and guards, checked.
    pub policy: Policy,
    /// Where they are written: what changes there is taken over while the stage runs.
    pub files: PolicyFiles,
    /// The fingerprint of the files that were read.
    pub written: String,
    /// How often the files are looked at.
    pub reload_every: Duration,
    /// How long an action waits for what.
    pub waits: Waits,
    /// How long an action in doubt rests before the list is believed.
    pub settle: Duration,
}

impl ActSettings {
    /// Reads `defender` and `act`, and the files that `act` names.
    #[must_use]
    pub fn read(root: &mut Section) -> Option<Self> {
        let (tenant, defender) = read_identity(root.section("defender"));
        Self::read_act(root, tenant, defender)
    }

    /// The same for who only decides, and is told of no identity even where the file has one.
    #[must_use]
    pub fn read_without_identity(root: &mut Section) -> Option<Self> {
        let tenant = read_tenant(&mut root.section("defender"));
        Self::read_act(root, tenant, Some(None))
    }

    fn read_act(
        root: &mut Section,
        tenant: Option<TenantId>,
        defender: Option<Option<DefenderSettings>>,
    ) -> Option<Self> {
        let mut act = root.section("act");
        let mode = act.choice("mode", MODES).or(Mode::Shadow);
        let policy = read_policy(&mut act);
        let reload_every = act.duration("reload_every").check(not_too_often).or(Duration::from_secs(5));
        let waits = Waits::read(&mut act);
        let settle = act.duration("settle").check(long_enough).or(Duration::from_secs(120));
        act.finish();
        let (files, written, policy) = policy?;
        Some(Self { tenant: tenant?, defender: defender?, mode, policy, files, written, reload_every, waits, settle })
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
    (read_tenant(&mut section), Some(None))
}

fn read_tenant(section: &mut Section) -> Option<TenantId> {
    let tenant = section.text("tenant_id");
    tenant.convert(|text| TenantId::new(text).map_err(|error| error.to_string())).required()
}

/// Below lease (30 s), HTTP timeout (20 s) and the list's lag (60 s) together, a lost answer could be taken for
/// "not done" and done again.
fn long_enough(settle: &Duration) -> Result<(), String> {
    if *settle >= Duration::from_secs(110) {
        return Ok(());
    }
    Err("must be at least 110s: lease 30 s + call 20 s + lag of Defender's list 60 s".into())
}

/// Where rules and guards are written, and what they say now.
fn read_policy(act: &mut Section) -> Option<(PolicyFiles, String, Policy)> {
    let rules = act.paths("rules").required();
    let guards = act.path("guards").optional();
    let files = PolicyFiles { rules: rules?, guards };
    let written = files.read();
    let policy = written.check().map_err(|problems| act.adopt(problems)).ok()?;
    Some((files, written.fingerprint(), policy))
}

/// The guards that `act` names, or the built-in ones. `None` only after their mistakes were recorded.
#[must_use]
pub fn read_guards(act: &mut Section) -> Option<Guards> {
    let files = PolicyFiles { rules: Vec::new(), guards: act.path("guards").optional() };
    files.read().check_guards().map_err(|problems| act.adopt(problems)).ok()
}
