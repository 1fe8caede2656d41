//! What the stages need of topics and permissions, by their configuration, the rules and the guards. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cordon_act::{Act, ActSettings, Role};
use cordon_defender::DefenderSettings;
use cordon_defender::permissions::{self, Permissions};
use cordon_enrich::config::Lookup;
use cordon_enrich::{Enrich, EnrichSettings};
use cordon_ingest::{Ingest, IngestSettings};
use cordon_notify::Notify;
use cordon_notify::config::NotifySettings;
use cordon_policy::{Template, Warning};
use cordon_records::{Mode, Topic};
use cordon_runtime::kafka::Access;
use cordon_runtime::process::Stage as _;
use cordon_settings::Section;
use jiff::Timestamp;

use crate::args::StageName;

/// The settings of the stages that are looked at.
pub struct Wanted {
    pub ingest: Option<IngestSettings>,
    pub enrich: Option<EnrichSettings>,
    pub act: Option<ActSettings>,
    /// Whether decide is among them.
    pub decides: bool,
    /// Whether respond is among them, which alone acts.
    pub responds: bool,
    pub notify: Option<NotifySettings>,
}

impl Wanted {
    /// Reads the sections of this stage, or of all.
    pub fn read(root: &mut Section, stage: Option<StageName>) -> Option<Self> {
        let is = |names: &[StageName]| stage.is_none_or(|stage| names.contains(&stage));
        let acts = is(&[StageName::Act, StageName::Decide, StageName::Respond]);
        // Every section is read before any is missed, so that all mistakes are told at once.
        let ingest = is(&[StageName::Ingest]).then(|| Ingest::read(root));
        let enrich = is(&[StageName::Enrich]).then(|| Enrich::read(root));
        let act = acts.then(|| Act::read(root));
        let notify = is(&[StageName::Notify]).then(|| Notify::read(root));
        Some(Self {
            ingest: transposed(ingest)?,
            enrich: transposed(enrich)?,
            act: transposed(act)?,
            decides: is(&[StageName::Act, StageName::Decide]),
            responds: is(&[StageName::Act, StageName::Respond]),
            notify: transposed(notify)?,
        })
    }

    /// What they do on the broker.
    pub fn access(&self) -> Vec<Access> {
        let used: [(bool, &[Access]); 5] = [
            (self.ingest.is_some(), &[cordon_ingest::ACCESS]),
            (self.enrich.is_some(), &[cordon_enrich::ACCESS]),
            (self.decides, Role::Decide.access()),
            (self.responds, Role::Respond.access()),
            (self.notify.is_some(), &[cordon_notify::ACCESS]),
        ];
        used.iter().filter(|(used, _)| *used).flat_map(|(_, access)| access.iter().copied()).collect()
    }

    /// The topics that they use.
    pub fn topics(&self) -> Vec<Topic> {
        let mut topics = BTreeSet::from([Topic::Policies]);
        topics.extend(Access::checked(&self.access()));
        topics.into_iter().collect()
    }

    /// Whether any of them asks Defender.
    pub fn asks_defender(&self) -> bool {
        self.ingest.is_some() || self.enrich.as_ref().is_some_and(looks_up) || self.responds
    }

    /// As whom they ask Defender.
    pub fn identity(&self) -> Option<&DefenderSettings> {
        let ingest = self.ingest.as_ref().map(|settings| &settings.defender);
        let enrich = self.enrich.as_ref().map(|settings| &settings.defender);
        let act = self.act.as_ref().filter(|_| self.responds).and_then(|settings| settings.defender.as_ref());
        // respond's first: all four read the same section.
        if self.responds { act } else { ingest.or(enrich) }
    }

    /// The permissions at Defender that they need, each with who needs it for what.
    pub fn permissions(&self) -> BTreeMap<Permissions, Vec<String>> {
        let mut needs: BTreeMap<Permissions, Vec<String>> = BTreeMap::new();
        let mut need = |permissions, who: &str| needs.entry(permissions).or_default().push(who.to_owned());
        if self.ingest.is_some() {
            need(permissions::to_read_alerts(), "ingest");
        }
        if self.enrich.as_ref().is_some_and(looks_up) {
            need(permissions::to_read_machines(), "enrich");
        }
        if let Some(act) = self.act.as_ref().filter(|_| self.responds) {
            need(permissions::to_read_alerts(), "respond");
            need(permissions::to_read_machines(), "respond");
            for (permissions, kinds) in actions(act, |mode| mode.min(act.mode) != Mode::Shadow) {
                need(permissions, &format!("respond: {}", joined(&kinds)));
            }
        }
        needs
    }

    /// The permissions that only come to be needed when the mode is raised.
    pub fn later(&self) -> Option<String> {
        let act = self.act.as_ref().filter(|act| self.responds && act.mode == Mode::Shadow)?;
        let needs = actions(act, |mode| mode != Mode::Shadow);
        let names: Vec<&str> = needs.keys().filter_map(|any| any.first().copied()).collect();
        (!names.is_empty()).then(|| {
            format!(
                "act.mode is shadow, so nothing is asked of Defender; in approve or auto the rules need {}",
                names.join(", ")
            )
        })
    }

    /// What is allowed and hardly meant.
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let Some(act) = &self.act else { return Vec::new() };
        let guards = &act.policy.guards;
        let mut warnings: Vec<Warning> =
            act.policy.rules.rules().iter().flat_map(|rule| guards.idle_limits(rule)).collect();
        warnings.extend(guards.warnings(now).into_iter().filter(|warning| warning.path != SIGNERS));
        warnings.extend(self.responds.then(|| unsigned(act)).flatten());
        warnings
    }
}

const SIGNERS: &str = "approvals.allowed_signers";

/// Actions that wait for an approval which nobody can give. What is in shadow is never done, and so waits for nobody.
fn unsigned(act: &ActSettings) -> Option<Warning> {
    let mode = |rule: &cordon_policy::Rule| rule.mode.min(act.mode);
    let rules = act.policy.rules.rules().iter().filter(|rule| mode(rule) != Mode::Shadow && !rule.actions.is_empty());
    let acting: Vec<&cordon_policy::Rule> = rules.collect();
    if !act.policy.signers.is_empty() || acting.is_empty() {
        return None;
    }
    let asking: Vec<&str> =
        acting.iter().filter(|rule| mode(rule) == Mode::Approve).map(|rule| rule.id.as_str()).collect();
    let text = match asking.as_slice() {
        [] => "no key is given, so nobody can approve what the guards hold: it waits until it expires".to_owned(),
        [first, others @ ..] => {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            format!(
                "rule {first}{more} waits for an approval (mode approve), and no key is given by which one could be signed: nothing is ever done"
            )
        }
    };
    Some(Warning { path: SIGNERS.to_owned(), text })
}

/// What the rules ask for under such modes: kinds of action by the permission that they need.
fn actions(act: &ActSettings, counts: impl Fn(Mode) -> bool) -> BTreeMap<Permissions, BTreeSet<&'static str>> {
    let mut needs: BTreeMap<Permissions, BTreeSet<&'static str>> = BTreeMap::new();
    for rule in act.policy.rules.rules().iter().filter(|rule| counts(rule.mode)) {
        for template in &rule.actions {
            let permissions = match template {
                Template::Action(action) => permissions::to_ask_for_action(action),
                Template::Evidence(_) => permissions::to_ask_for(template.kind()),
            };
            needs.entry(permissions).or_default().insert(template.kind().as_str());
        }
    }
    needs
}

fn joined(kinds: &BTreeSet<&'static str>) -> String {
    kinds.iter().copied().collect::<Vec<_>>().join(", ")
}

fn looks_up(settings: &EnrichSettings) -> bool {
    settings.lookups.contains(&Lookup::Machine)
}

/// Not wanted, wanted and read, or wanted and wrong.
#[expect(clippy::option_option, reason = "that is what this takes apart")]
fn transposed<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use cordon_runtime::process;

    use super::*;

    const HEAD: &str = "defender: {tenant_id: t, client_id: c, client_secret: 'env:NOT_SET'}\n";

    fn wanted(act: &str, rules: &[&str], stage: Option<StageName>) -> Wanted {
        let folder = tempfile::tempdir().unwrap();
        for (number, rule) in rules.iter().enumerate() {
            let rule = format!("id: r{number}\nwhen: alert.severity == \"High\"\n{rule}\n");
            std::fs::write(folder.path().join(format!("r{number}.yaml")), rule).unwrap();
        }
        let rules = folder.path().display();
        let mail = "notify: {smtp: {url: 'smtp://localhost', from: a@example.com, to: [b@example.com]}}";
        let text = format!("{HEAD}act: {{{act}, rules: ['{rules}']}}\n{mail}\n");
        let document = cordon_settings::Document::parse("cordon.yaml", &text).unwrap();
        process::read_root(&document, |root| Wanted::read(root, stage)).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn names(wanted: &Wanted) -> Vec<(&'static str, String)> {
        wanted.permissions().into_iter().map(|(any, who)| (any[0], who.join("; "))).collect()
    }

    const ISOLATE: &str = "mode: auto\nactions: [{isolate: {type: Full, comment: c}}]";
    const SCAN: &str = "mode: shadow\nactions: [{scan: {type: Quick, comment: c}}]";
    const TAG: &str = "mode: approve\nactions: [{tag: {add: x}}, {cancel: {what: collect_package, comment: c}}]";

    #[test]
    fn permissions_follow_from_what_the_rules_ask_for_above_shadow() {
        let needed = names(&wanted("mode: auto", &[ISOLATE, SCAN, TAG], None));
        let expected = [
            ("Alert.Read.All", "ingest; respond"),
            ("Machine.CollectForensics", "respond: cancel"),
            ("Machine.Isolate", "respond: isolate"),
            ("Machine.Read.All", "enrich; respond"),
            ("Machine.ReadWrite.All", "respond: tag"),
        ];
        assert_eq!(needed, expected.map(|(name, who)| (name, who.to_owned())));
    }

    #[test]
    fn in_shadow_mode_no_permission_to_act_is_needed_and_those_to_come_are_named() {
        let wanted = wanted("mode: shadow", &[ISOLATE, SCAN], Some(StageName::Respond));
        let needed = names(&wanted).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(needed, ["Alert.Read.All", "Machine.Read.All"]);
        assert!(wanted.later().unwrap().ends_with("the rules need Machine.Isolate"));
    }

    #[test]
    fn a_stage_needs_its_own_permissions_and_topics_and_no_others() {
        let needs = |stage| {
            let wanted = wanted("mode: auto", &[ISOLATE], Some(stage));
            let topics: Vec<&str> = wanted.topics().into_iter().map(Topic::suffix).collect();
            (names(&wanted).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), topics)
        };
        assert_eq!(
            needs(StageName::Ingest),
            (vec!["Alert.Read.All"], vec!["alerts", "dead-letters", "cursors", "policies"])
        );
        assert_eq!(needs(StageName::Enrich).0, ["Machine.Read.All"]);
        assert_eq!(needs(StageName::Decide).0, Vec::<&str>::new());
        assert_eq!(needs(StageName::Notify).0, Vec::<&str>::new());
    }

    #[test]
    fn a_missing_key_is_no_doubt_where_the_rules_can_do_nothing_that_would_wait_for_one() {
        let approve = "mode: approve\nactions: [{isolate: {type: Full, comment: c}}]";
        let unsigned = |act: &str, rules: &[&str], stage| {
            let warnings = wanted(act, rules, stage).warnings(Timestamp::UNIX_EPOCH);
            warnings.into_iter().find(|warning| warning.path == SIGNERS).map(|warning| warning.text)
        };
        assert_eq!(unsigned("mode: shadow", &[approve, ISOLATE], None), None, "act.mode is the ceiling");
        assert_eq!(unsigned("mode: auto", &[SCAN], None), None, "every rule is in shadow itself");
        assert_eq!(unsigned("mode: approve", &["mode: auto\nactions: []"], None), None, "no rule asks for anything");
        assert_eq!(unsigned("mode: approve", &[approve], Some(StageName::Decide)), None, "decide asks for no approval");
        let held = unsigned("mode: auto", &[ISOLATE, SCAN], None).unwrap();
        assert!(held.contains("nobody can approve what the guards hold"), "{held}");
        let waits = unsigned("mode: approve", &[SCAN, ISOLATE], None).unwrap();
        assert!(waits.contains("rule r1 waits for an approval"), "{waits}");
        assert!(
            unsigned("mode: auto", &[ISOLATE, approve], Some(StageName::Respond)).unwrap().contains("rule r1 waits")
        );
    }

    #[test]
    fn approvals_that_nobody_can_sign_and_limits_above_a_cap_are_warned_of() {
        let idle = "mode: approve\nactions: [{isolate: {type: Full, comment: c}}]\nlimits: {1h: 50}";
        let warnings = wanted("mode: approve", &[idle], None).warnings(Timestamp::UNIX_EPOCH);
        let told: Vec<String> =
            warnings.into_iter().map(|warning| format!("{}: {}", warning.path, warning.text)).collect();
        assert!(told.iter().any(|it| it.starts_with("rule r0: limits: 50 in 1h is never reached")), "{told:?}");
        assert!(told.iter().any(|it| it.contains("rule r0 waits for an approval (mode approve)")), "{told:?}");
    }
}
