//! I7: processes stay small. I8: nobody has to be started again who was not told to end. I9: no secret is told.

use super::Breach;
use super::evidence::{Evidence, Expectation};

/// How a token of Entra begins: the base64 of `{"`. A second one after a dot tells it from an ordinary word.
const TOKEN: &str = "eyJ";

/// I7.
pub fn processes_stay_small(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let large = evidence.usage.iter().filter(|(_, usage)| !usage.is_within(expectation.limits));
    large.map(|(name, usage)| Breach::new(7, format!("{usage}, allowed {}", expectation.limits), [name])).collect()
}

/// I8.
pub fn nobody_ended_uncalled(evidence: &Evidence) -> Vec<Breach> {
    evidence.ended.iter().map(|(name, how)| Breach::new(8, how.clone(), [name])).collect()
}

/// I9: logs, metrics, every topic and every mail.
pub fn no_secret_is_told(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut look = |place: &dyn Fn() -> String, text: &str| {
        if let Some(secret) = expectation.secrets.iter().find(|secret| text.contains(secret.as_str())) {
            breaches.push(Breach::new(9, format!("a secret of {} characters is told", secret.len()), [place()]));
        } else if has_token(text) {
            breaches.push(Breach::new(9, "a bearer token is told", [place()]));
        }
    };
    for (name, text) in &evidence.texts {
        look(&|| name.clone(), text);
    }
    for seen in evidence.records.values().flatten() {
        look(&|| seen.place(), &seen.text());
    }
    for mail in &evidence.mails {
        look(
            &|| format!("mail {}", mail.header("Message-ID").unwrap_or_default()),
            &String::from_utf8_lossy(&mail.raw),
        );
    }
    breaches
}

/// Whether something of the shape of a JWT stands in the text.
fn has_token(text: &str) -> bool {
    text.match_indices(TOKEN).any(|(at, _)| {
        let word = text[at..].split(|it: char| !it.is_ascii_alphanumeric() && !"-_.".contains(it)).next();
        word.and_then(|word| word.split_once('.')).is_some_and(|(_, rest)| rest.starts_with(TOKEN))
    })
}
