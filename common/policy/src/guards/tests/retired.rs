//! What Microsoft no longer takes is never sent, whoever planned it and whoever approved it.

use super::*;

#[test]
fn a_kind_that_microsoft_no_longer_takes_is_refused_also_where_people_approved_it_and_what_takes_its_place_is_named() {
    let yeses: [fn(&mut CaseFacts); 3] =
        [|_| {}, |f| f.approved = true, |f| (f.breaker, f.by_notice) = (latched(true), Some(at(-5)))];
    for yes in yeses {
        let mut facts = facts();
        facts.action = action(ActionKind::Investigate);
        yes(&mut facts);
        let judgement = facts.judge(&guards("hold: {kinds: []}"));
        assert_eq!(judgement.ruling, Ruling::Refuse, "{}", judgement.reason);
        let expected = "retired: Microsoft starts no automated investigation on request since 2026-09-01; a full scan takes its \
                        place: write `scan: {type: Full, comment: why}`";
        assert_eq!(judgement.reason, expected);
    }
}

#[test]
fn no_kind_that_a_rule_may_ask_for_is_asked_about_it() {
    for kind in ActionKind::TAKEN {
        let mut facts = facts();
        facts.action = action(*kind);
        let verdicts = facts.judge(&guards("hold: {kinds: []}")).verdicts;
        assert!(verdicts.iter().all(|verdict| verdict.guard != guard::RETIRED), "{kind}");
    }
}
