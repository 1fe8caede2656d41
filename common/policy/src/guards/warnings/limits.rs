//! Limits of rules that a cap makes idle: a rule may only tighten the guards.

use super::super::Asker;
use super::super::table::Guard;
use super::{Guards, Warning, covering, warning, written};
use crate::rules::Rule;

impl Guards {
    /// Limits of this rule that never stop anything, because a cap on all that it asks for stops earlier.
    #[must_use]
    pub fn idle_limits(&self, rule: &Rule) -> Vec<Warning> {
        let idle = rule.limits.iter().filter_map(|limit| {
            let stops = |guard: Guard, caps: &[super::Cap]| {
                let counts_all = rule.actions.iter().all(|action| guard.is_asked(action.kind(), Asker::Rules));
                covering(*limit, caps).filter(|_| counts_all && !rule.actions.is_empty())
            };
            let caps = &self.caps;
            let (by, cap) = [
                ("all_rules", stops(Guard::Caps, &caps.all_rules)),
                ("per_rule", stops(Guard::PerRule, &caps.per_rule)),
                ("gentle", stops(Guard::GentleCaps, &caps.gentle)),
            ]
            .into_iter()
            .find_map(|(by, cap)| Some((by, cap?)))?;
            let text = format!("{} is never reached: caps.{by} stops at {}", written(*limit), written(cap));
            Some(warning(format!("rule {}: limits", rule.id), text))
        });
        idle.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Guards, RuleSet};

    fn idle(limits: &str, action: &str) -> Vec<String> {
        let rule =
            format!("id: r\nmode: auto\nwhen: alert.severity == \"High\"\nactions: [{action}]\nlimits: {limits}\n");
        let rules = RuleSet::load(&[("r.yaml".to_owned(), rule)]).unwrap_or_else(|problems| panic!("{problems}"));
        let guards = Guards::load("guards.yaml", "caps: {all_rules: {10m: 10, 1h: 20}, gentle: {1h: 500}}").unwrap();
        rules.rules().iter().flat_map(|rule| guards.idle_limits(rule)).map(|warning| warning.text).collect()
    }

    const ISOLATE: &str = "{isolate: {type: Full, comment: c}}";
    const SCAN: &str = "{scan: {type: Quick, comment: c}}";

    #[test]
    fn a_limit_above_a_cap_on_the_same_actions_is_idle_and_one_below_is_not() {
        assert_eq!(idle("{1h: 50}", ISOLATE), ["50 in 1h is never reached: caps.all_rules stops at 20 in 1h"]);
        assert_eq!(idle("{30m: 50}", ISOLATE), ["50 in 30m is never reached: caps.all_rules stops at 20 in 1h"]);
        for tighter in ["{1h: 20}", "{1h: 15}", "{1d: 50}"] {
            assert_eq!(idle(tighter, ISOLATE), Vec::<String>::new(), "{tighter}");
        }
    }

    #[test]
    fn a_cap_that_does_not_count_what_the_rule_asks_for_makes_no_limit_idle() {
        assert_eq!(idle("{1h: 50}", SCAN), Vec::<String>::new());
        assert_eq!(idle("{1h: 600}", SCAN), ["600 in 1h is never reached: caps.gentle stops at 500 in 1h"]);
        assert_eq!(idle("{1h: 600}", &format!("{ISOLATE}, {SCAN}")), Vec::<String>::new());
    }
}
