//! What identifies nothing is never acted on, whoever planned it and whoever approved it.

use cordon_records::{Indicator, IndicatorType};

use super::*;

const EMPTY_SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn stop(sha1: &str) -> Action {
    Action::StopFile { sha1: Sha1::new(sha1).unwrap(), comment: "c".to_owned() }
}

fn indicator(kind: IndicatorType, value: &str) -> Action {
    let Action::Indicator(sample) = action(ActionKind::Indicator) else { panic!("no indicator") };
    Action::Indicator(Indicator { kind, value: value.to_owned(), ..sample })
}

/// The verdict of the guard, and what all of them come to, with every way of saying yes.
fn judged(action: &Action) -> Vec<(Option<Ruling>, Ruling)> {
    let yeses: [fn(&mut CaseFacts); 3] =
        [|_| {}, |f| f.approved = true, |f| (f.breaker, f.by_notice) = (latched(true), Some(at(-5)))];
    let judged = yeses.map(|yes| {
        let mut facts = facts();
        facts.action = action.clone();
        yes(&mut facts);
        let judgement = facts.judge(&guards("hold: {kinds: []}"));
        let own = judgement.verdicts.iter().find(|verdict| verdict.guard == guard::OBSERVABLE);
        (own.map(|verdict| verdict.ruling), judgement.ruling)
    });
    judged.to_vec()
}

#[test]
fn what_identifies_nothing_is_refused_also_where_people_approved_it() {
    for action in [
        stop(EMPTY_SHA1),
        stop(&"0".repeat(40)),
        stop(&"F".repeat(40)),
        indicator(IndicatorType::FileSha1, EMPTY_SHA1),
        indicator(IndicatorType::FileSha256, &"0".repeat(64)),
        indicator(IndicatorType::IpAddress, "0.0.0.0"),
        indicator(IndicatorType::IpAddress, "255.255.255.255"),
        indicator(IndicatorType::IpAddress, "::"),
        indicator(IndicatorType::IpAddress, "10.0.0.5"),
        indicator(IndicatorType::IpAddress, "0.0.0.0/0"),
        indicator(IndicatorType::DomainName, "localhost"),
        indicator(IndicatorType::DomainName, "com"),
        indicator(IndicatorType::Url, "http://127.0.0.1/"),
    ] {
        assert_eq!(judged(&action), [(Some(Ruling::Refuse), Ruling::Refuse); 3], "{action:?}");
    }
}

#[test]
fn what_identifies_something_passes_and_no_other_kind_is_asked() {
    for action in [
        stop(&"a1".repeat(20)),
        indicator(IndicatorType::IpAddress, "203.0.113.9"),
        indicator(IndicatorType::DomainName, "evil.example"),
        indicator(IndicatorType::Url, "https://evil.example/A"),
    ] {
        assert_eq!(judged(&action), [(Some(Ruling::Pass), Ruling::Pass); 3], "{action:?}");
    }
    for kind in ActionKind::ALL.iter().filter(|kind| !matches!(kind, ActionKind::StopFile | ActionKind::Indicator)) {
        assert!(judged(&action(*kind)).iter().all(|(own, _)| own.is_none()), "{kind}");
    }
}

#[test]
fn the_refusal_names_the_value_and_is_no_longer_than_a_line() {
    let mut facts = facts();
    facts.action = indicator(IndicatorType::Url, &format!("http://localhost/{}", "x".repeat(10_000)));
    let judgement = facts.judge(&guards("hold: {kinds: []}"));
    assert!(judgement.reason.starts_with("observable: http://localhost/xxx"), "{}", judgement.reason);
    assert!(
        judgement.reason.ends_with(": it identifies nothing") && judgement.reason.len() < 200,
        "{}",
        judgement.reason
    );
}
