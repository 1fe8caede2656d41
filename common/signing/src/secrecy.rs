//! What of an `allowed_signers` file may be shown. A private key that was pasted into it must reach no log and no mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_settings::{Problem, private_key};

use crate::key;

/// So many characters of base64 in one piece may be a part of a key.
const PART_OF_A_KEY: usize = 24;

/// The mistake of a file that holds a private key, wherever in it.
pub fn private_key_in(origin: &str, text: &str) -> Option<Problem> {
    let marked =
        |line: &str| line.contains("PRIVATE KEY") && line.contains("--") && !line.trim_start().starts_with('#');
    let line = private_key(text).or_else(|| text.lines().position(marked).map(|index| index + 1))?;
    let help = "take it out, and make a new pair: whoever may read this file may have the key. What belongs here is the text \
                of the .pub file";
    let message = format!("a private key begins on line {line}, so the file is not read");
    Some(Problem { help: Some(help.to_owned()), ..Problem::whole(origin, message) })
}

/// A text with an ellipsis for every character of what may be a part of a secret key: long base64 that is no public key.
/// No character moves, so that carets stay true.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_key) {
        let (before, from) = rest.split_at(start);
        let (run, behind) = from.split_at(from.find(|c| !is_of_key(c)).unwrap_or(from.len()));
        shown.push_str(before);
        if run.len() < PART_OF_A_KEY || is_public(run) {
            shown.push_str(run);
        } else {
            shown.extend(run.chars().map(|_| '…'));
        }
        rest = behind;
    }
    shown + rest
}

const fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Whether it begins as public keys do: with the name of their kind.
fn is_public(run: &str) -> bool {
    let whole = run.get(..run.len() / 4 * 4).unwrap_or_default();
    STANDARD.decode(whole).is_ok_and(|blob| key::kind(&blob).is_some_and(key::begins_a_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys_names_and_options_are_shown_and_other_base64_is_not() {
        let public = "ann@example.com namespaces=\"cordon\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann";
        assert_eq!(masked(public), public);
        let secret = "ann MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw x";
        assert_eq!(masked(secret), format!("ann {} x", "…".repeat(36)));
        assert_eq!(masked("ä AAAAB3NzaC1yc2E= é"), "ä AAAAB3NzaC1yc2E= é");
    }
}
