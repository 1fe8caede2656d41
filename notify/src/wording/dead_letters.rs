//! The words of mails about dead letters. What is true of a record that was put aside is not of records that were deleted
//! unread, nor of a mail that somebody did not get.

use super::{Tone, Wording};
use crate::letters::{DeadLetter, Sort, causes, count};

const ONE: &str = "A stage could not handle this record and put it aside whole. Whatever it asks for, an isolation perhaps, \
    is not done until somebody looks and sends it back.";
const MANY: &str = "Stages could not handle these records and put them aside whole. Whatever they ask for, isolations \
    perhaps, is not done until somebody looks and sends them back.";
const LOST: &str = "What was deleted before a stage read it, by the topic's retention or by a person, is lost: nothing of it \
    is kept, nothing can be sent back, and whatever it asked for or told of was not dealt with.";
const UNDELIVERED: &str = "That a mail was not delivered changes nothing about what it tells of: the action itself may well \
    be done.";

/// The words for a mail about these.
#[must_use]
pub fn of_dead_letters(letters: &[&DeadLetter]) -> Wording {
    let [records, lost, mails] = [Sort::Record, Sort::Lost, Sort::Mail].map(|sort| count(letters, sort));
    let put_aside = if letters.len() == 1 { ONE } else { MANY };
    let said = [(records, put_aside), (lost, LOST), (mails, UNDELIVERED)];
    let summary: Vec<&str> = said.into_iter().filter(|(count, _)| *count > 0).map(|(_, said)| said).collect();
    let words = Wording::new(Tone::Alarm, "Action needed", headline(letters), summary.join(" "))
        .run("See which there are, and why:", "cordon dlq list".to_owned());
    let goes_back = |letter: &&DeadLetter| match letter.sort {
        Sort::Record => true,
        Sort::Lost => false,
        Sort::Mail => letter.origin.is_some(),
    };
    let words = if letters.iter().any(goes_back) {
        let text = "When the cause is fixed, send them back. This says what it would do, and with --yes does it:";
        words.run(text, "cordon dlq redrive".to_owned())
    } else {
        words
    };
    let words = if lost > 0 {
        words.next(
            "Look in Defender's portal for what came in that time. Then see why the stage did not keep up, and give the topic \
             a longer retention.",
        )
    } else {
        words
    };
    let words = if mails > 0 {
        words.next(
            "What notify gave up are mails that some recipients did not get: tell them, and see to their mailboxes.",
        )
    } else {
        words
    };
    words.run("Until you say that you have seen them, cordon status ends with 1:", "cordon dlq seen --all".to_owned())
}

fn headline(letters: &[&DeadLetter]) -> String {
    if let [letter] = letters {
        return headline_of_one(letter);
    }
    let number = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many_of => Some(format!("{many_of} {many}")),
    };
    let parts = [
        number(count(letters, Sort::Record), "record is a dead letter", "records are dead letters"),
        number(count(letters, Sort::Lost), "record was deleted unread", "records were deleted unread"),
        number(count(letters, Sort::Mail), "mail was not delivered", "mails were not delivered"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.as_slice() {
        [one] => format!("{one}: {}", causes(letters)),
        several => several.join(", "),
    }
}

fn headline_of_one(letter: &DeadLetter) -> String {
    let (stage, reason) = (&letter.stage, &letter.reason);
    match letter.sort {
        Sort::Record => format!("A record is a dead letter: {stage} gave it up ({reason})"),
        Sort::Lost => {
            let topic = letter.origin.as_ref().and_then(|origin| origin.split('/').next()).unwrap_or("a topic");
            match letter.records {
                1 => format!("1 record of {topic} was deleted before {stage} read it"),
                records => format!("{records} records of {topic} were deleted before {stage} read them"),
            }
        }
        Sort::Mail => format!("A mail was not delivered: notify gave it up ({reason})"),
    }
}
