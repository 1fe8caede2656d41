//! The explanation for people.

use cordon_policy::{Judged as OfCondition, RuleExplanation};
use cordon_records::{Machine, Mode, Ruling, Verdict as Verdicts};

use super::Explained;
use super::guards::{Judged, Outcome, Verdict};
use crate::rules::step::{self, line};

/// The whole page.
pub fn page(explained: &Explained<'_>) -> String {
    let rules = explained.rules.iter().map(|rule| format!("{}\n", of_rule(rule)));
    let planned = explained.planned.iter().map(|judged| format!("\n{}", of_action(judged)));
    head(explained) + "\n" + &rules.collect::<String>() + &decision(explained) + &planned.collect::<String>()
}

fn head(explained: &Explained<'_>) -> String {
    let alert = &explained.decision.alert;
    let record = explained.record;
    let machine = record.machine.as_ref().and_then(|raw| raw.view::<Machine>().ok());
    let machine = match (machine, &explained.alert.machine_id) {
        (Some(machine), _) => {
            let os = machine.os_platform.as_deref().unwrap_or("platform not known").to_owned();
            format!("{}, {}", line(machine.summary().label()), line(&os))
        }
        (None, Some(id)) => {
            let why = record.missing.iter().find(|missing| missing.what == "machine").map(|missing| line(&missing.why));
            format!("{id}, absent: {}", why.unwrap_or_else(|| "no reason given".to_owned()))
        }
        (None, None) => "none: the alert names no machine".to_owned(),
    };
    let ceiling = explained.ceiling.map_or_else(
        || "as the rules say (the stage's own mode is the ceiling; give --config)".to_owned(),
        |ceiling| format!("at most {}, by the configuration", ceiling.as_str()),
    );
    format!(
        "alert    {} {:?}, {}, {}\nmachine  {machine}\nas of    {}\nmode     {ceiling}\n",
        alert.id,
        line(&alert.title),
        line(alert.severity.as_str()),
        line(alert.status.as_str()),
        record.enriched_at
    )
}

fn of_rule(explained: &RuleExplanation<'_>) -> String {
    let stand = match &explained.judged {
        OfCondition::True => "MATCHES".to_owned(),
        OfCondition::False => "does not match".to_owned(),
        OfCondition::Unknown(why) | OfCondition::Cut(why) => format!("CANNOT BE TOLD: {}", line(why)),
    };
    let rule = explained.rule;
    format!("rule {} ({}) {stand}\n{}", rule.id, rule.mode.as_str(), step::tree(&explained.condition, 2))
}

fn decision(explained: &Explained<'_>) -> String {
    let decision = &explained.decision;
    match decision.verdict {
        Verdicts::Nothing => format!("decision: nothing is done, because {}\n", line(&decision.reason)),
        Verdicts::NeedsHuman => format!("decision: A PERSON MUST LOOK, because {}\n", line(&decision.reason)),
        Verdicts::Act => {
            let count = decision.planned.len();
            format!("decision: {count} action{} planned\n", if count == 1 { "" } else { "s" })
        }
    }
}

fn of_action(judged: &Judged) -> String {
    let rules: Vec<&str> = judged.action.rules.iter().map(|rule| rule.as_str()).collect();
    let kind = judged.action.action.kind();
    let widest = judged.verdicts.iter().map(|verdict| verdict.guard.chars().count()).max().unwrap_or(0);
    let verdict = |verdict: &Verdict| {
        let ruling = verdict.ruling.map_or("unknown", ruling);
        format!("  {ruling:<7}  {:<widest$}  {}\n", verdict.guard, line(&verdict.why))
    };
    let verdicts: String = judged.verdicts.iter().map(verdict).collect();
    format!("{kind} by {}, mode {}\n{verdicts}  => {}\n", rules.join(", "), judged.mode.as_str(), outcome(judged))
}

fn outcome(judged: &Judged) -> String {
    let named = |verdict: &Verdict| format!("{}: {}", verdict.guard, line(&verdict.why));
    match judged.outcome() {
        Outcome::Refused(verdict) => format!("REFUSED by {}", named(verdict)),
        Outcome::Held(verdict) => format!("HELD for a person by {}", named(verdict)),
        Outcome::Free => {
            let shadow = if judged.mode == Mode::Shadow { "only reported as WOULD, by mode shadow; " } else { "" };
            let unknown: Vec<&str> = judged
                .verdicts
                .iter()
                .filter(|verdict| verdict.ruling.is_none())
                .map(|verdict| verdict.guard.as_str())
                .collect();
            format!("{shadow}passes every guard that can be asked here; only respond can ask {}", unknown.join(", "))
        }
    }
}

/// A ruling's name, as records spell it.
pub const fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Pass => "pass",
        Ruling::Covered => "covered",
        Ruling::Hold => "hold",
        Ruling::Refuse => "refuse",
    }
}
