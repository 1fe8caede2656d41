//! The words of notices about the whole responder.

use cordon_records::{Notice, NoticeKind, RefusalCause};

use super::{Step, Tone, Wording};
use crate::clean;

/// The longest piece of a notice's text in a headline, in characters.
const SAID: usize = 200;

/// The words for a notice.
#[must_use]
pub fn of_notice(notice: &Notice) -> Wording {
    match notice.kind {
        NoticeKind::BreakerLatched => breaker_latched(notice),
        NoticeKind::Paused => paused(notice),
        NoticeKind::Resumed => Wording::new(
            Tone::Done,
            "Done",
            "Cordon acts again".to_owned(),
            "A person resumed Cordon. It acts again as rules and guards allow. What was held meanwhile stays held."
                .to_owned(),
        )
        .run("Look through what was held meanwhile, and approve or deny it:", "cordon approvals list".to_owned()),
        NoticeKind::CommandRefused => command_refused(notice),
        NoticeKind::PolicyReloaded => Wording::new(
            Tone::Done,
            "For your information",
            "Changed rules or guards are in force".to_owned(),
            "The files were checked and taken over without a restart.".to_owned(),
        )
        .next("Nothing, if you know of the change. If nobody does, find out who changed the files."),
        NoticeKind::PolicyRefused => Wording::new(
            Tone::Alarm,
            "Action needed",
            "Changed rules or guards are wrong; the old ones stay in force".to_owned(),
            "The changed files hold mistakes and were not taken over. Cordon goes on with the rules and guards that it \
             had."
            .to_owned(),
        )
        .next("Correct the files; cordon check names every mistake with its place.")
        .next("Until then do not count on the change."),
    }
}

fn breaker_latched(notice: &Notice) -> Wording {
    Wording::new(
        Tone::Alarm,
        "Action needed",
        format!("Cordon stopped acting: {}", first_sentence(notice)),
        "A cap was reached, so Cordon begins nothing more until a person resumes it; only releases and the like go on. \
         Every further action is held and written to the topic of actions; those that only the cap holds have no mail of \
         their own: digests count them."
            .to_owned(),
    )
    .next("Find out whether this is an attack on many machines or a rule that matches too much.")
    .next("Handle open alerts by hand meanwhile: Cordon does not isolate.")
    .then(many(notice))
    .then(resume("When the cause is understood, resume", notice))
}

/// What people may do about all machines of a breaker at once.
fn many(notice: &Notice) -> [Step; 2] {
    let id = clean::line(&notice.id, 100);
    [
        Step {
            text: "If it is an attack: let those that wait be done, as many as the caps leave; the breaker stays on:"
                .to_owned(),
            command: format!("cordon approve --notice {id} --why \"…\""),
        },
        Step {
            text: "If it is a mistake: let back all that filled the cap:".to_owned(),
            command: format!("cordon release --notice {id} --why \"…\""),
        },
    ]
}

fn paused(notice: &Notice) -> Wording {
    Wording::new(
        Tone::Alarm,
        "Action needed",
        "Cordon is paused".to_owned(),
        "A person paused Cordon. It does nothing that rules ask for until a person resumes it; all of that is held, \
         without a mail for each. What a person asks to be released is released."
            .to_owned(),
    )
    .next("Handle open alerts by hand meanwhile: Cordon does not isolate.")
    .then(resume("To resume", notice))
}

fn command_refused(notice: &Notice) -> Wording {
    let headline = format!("Cordon refused a command: {}", first_sentence(notice));
    match notice.cause {
        None => not_genuine(
            headline,
            "Somebody who can write to the topic of commands gave a command that is not what it claims to be, comes too \
             late or was given before. Cordon did nothing.",
        ),
        Some(RefusalCause::NotGenuine) => not_genuine(
            headline,
            "Somebody who can write to the topic of commands gave a command that is not what it claims to be, or one that \
             was given before. Cordon did nothing.",
        ),
        Some(RefusalCause::Configuration) => Wording::new(
            Tone::Alarm,
            "Action needed",
            headline,
            "A setting or a clock keeps the command from counting. That is a gap in the configuration, no sign of an \
             attack. Cordon did nothing."
                .to_owned(),
        )
        .next(
            "Correct what is named above: approvals.allowed_signers (whose keys count) or approvals.valid_for in the \
             guards of cordon-act, or the clock.",
        )
        .next("Then the person who gave the command gives it anew."),
        Some(RefusalCause::TooLate) => calm(
            headline,
            "The command came when its time was over. Cordon did nothing.",
            "Nothing, if it is not wanted any more. Otherwise the person who gave it gives it anew.",
        ),
        Some(RefusalCause::NothingToDo) => calm(
            headline,
            "What the command asks for is so already, or what it is about has ended. Cordon did nothing more.",
            "Nothing.",
        ),
        Some(RefusalCause::NotPossible) => Wording::new(
            Tone::Alarm,
            "Action needed",
            headline,
            "As things stand, what the command asks for cannot be done. Cordon did nothing: do not count on it."
                .to_owned(),
        )
        .next("The person who gave it looks at how things stand by now, and gives a command that fits them."),
    }
}

fn not_genuine(headline: String, summary: &str) -> Wording {
    Wording::new(Tone::Alarm, "Action needed", headline, summary.to_owned())
        .next("Ask the person whom it names whether they gave it. If they did, they give it anew.")
        .next(
            "If they did not, somebody uses their name: find out who can write to the topic, and treat it as an attack.",
        )
}

fn calm(headline: String, summary: &str, next: &str) -> Wording {
    Wording::new(Tone::Calm, "Nothing to do", headline, summary.to_owned()).next(next)
}

/// The first sentence says what happened; the rest is in the body.
fn first_sentence(notice: &Notice) -> String {
    let first = notice.text.split(". ").next().unwrap_or_default();
    clean::short_foreign(first, SAID).trim_end_matches('.').to_owned()
}

/// How a switch is lifted: by the id of its notice, so that the same words said again lift nothing new.
fn resume(when: &str, notice: &Notice) -> [Step; 2] {
    let id = clean::line(&notice.id, 100);
    [
        Step { text: format!("{when}:"), command: format!("cordon resume {id} --why \"…\"") },
        Step {
            text: "Where commands cannot be signed, restart cordon-act with:".to_owned(),
            command: format!("--resume {id}"),
        },
    ]
}
