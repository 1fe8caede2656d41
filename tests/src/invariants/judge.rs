//! All invariants over one piece of evidence, each where its name says.

use super::evidence::{Evidence, Expectation};
use super::{Breach, delivery, effects, mail, resources, settled};

/// What comes true only in time: I1, I3, I10. Nothing here means that the pipeline is at rest.
pub fn at_rest(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut breaches = delivery::every_served_alert_is_decided(evidence, expectation);
    breaches.extend(settled::everything_read_is_settled(evidence));
    breaches.extend(delivery::every_decision_has_its_end(evidence));
    breaches.extend(mail::every_result_is_mailed(evidence));
    breaches
}

/// What holds at every instant: I2, I4, I5, I6, I7, I9.
pub fn at_any_time(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut breaches = effects::one_effect_for_each_attempt(evidence);
    breaches.extend(effects::caps_hold(evidence, expectation));
    breaches.extend(effects::the_never_list_holds(evidence, expectation));
    breaches.extend(delivery::machines_are_decided_in_order(evidence));
    breaches.extend(settled::nothing_unsettled_lies_below_a_committed_offset(evidence));
    breaches.extend(delivery::dead_letters_say_why(evidence));
    breaches.extend(resources::processes_stay_small(evidence, expectation));
    breaches.extend(resources::no_secret_is_told(evidence, expectation));
    breaches
}

/// What is judged once: I8, and the copies of mails of I10.
pub fn in_the_end(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut breaches = resources::nobody_ended_uncalled(evidence);
    breaches.extend(mail::mails_are_repeated_by_interruptions_only(evidence, expectation));
    breaches
}
