//! The words of mails about dead letters.

use super::{Tone, Wording};
use crate::digest::tally;
use crate::letters::DeadLetter;

/// The words for a mail about these.
#[must_use]
pub fn of_dead_letters(letters: &[DeadLetter]) -> Wording {
    let causes: Vec<String> = letters.iter().map(DeadLetter::cause).collect();
    let causes = tally(causes.iter().map(String::as_str));
    let (headline, summary) = match letters {
        [letter] => (
            format!("A record is a dead letter: {} gave it up ({})", letter.stage, letter.reason),
            "A stage could not handle this record and put it aside whole. Whatever it asks for, an isolation perhaps, is not \
             done until somebody looks and sends it back."
                .to_owned(),
        ),
        many => (
            format!("{} records are dead letters: {causes}", many.len()),
            "Stages could not handle these records and put them aside whole. Whatever they ask for, isolations perhaps, is not \
             done until somebody looks and sends them back."
                .to_owned(),
        ),
    };
    let words = Wording::new(Tone::Alarm, "Dead letters", headline, summary)
        .run("See which there are, and why:", "cordon dlq list".to_owned())
        .run(
            "When the cause is mended, send them back. This says what it would do, and with --yes does it:",
            "cordon dlq redrive".to_owned(),
        );
    let undelivered = letters.iter().any(|letter| letter.stage == "notify" && letter.origin.is_none());
    let words = if undelivered {
        words.next(
            "What notify gave up are mails that some recipients did not get: tell them, and see to their mailboxes.",
        )
    } else {
        words
    };
    words.run("Until you say that you have seen them, cordon status ends with 1:", "cordon dlq seen --all".to_owned())
}
