//! Private keys that were pasted into a file which is no place for them. Nothing of such a file is shown: messages go to
//! logs and mails.

use crate::problem::Problem;

/// So much base64 behind the first line of a key is a key, and no text that only speaks of keys.
const BODY: usize = 32;
/// How far behind its first line a key may begin: headers and indentation stand between.
const HEADERS: usize = 400;
/// How every private key of OpenSSH begins: `openssh-key-v1` in base64.
const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";

/// The line, from 1, on which a private key begins.
#[must_use]
pub fn private_key(text: &str) -> Option<usize> {
    let marked = text.match_indices("PRIVATE KEY").map(|(at, mark)| at + mark.len());
    let pem = marked.into_iter().find(|end| text.get(*end..).is_some_and(is_followed_by_a_key));
    let at = pem.or_else(|| text.find(OPENSSH)).or_else(|| text.find("PuTTY-User-Key-File-"))?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}

/// Whether what stands behind the words is the rest of their line and then a key.
fn is_followed_by_a_key(rest: &str) -> bool {
    if !rest.trim_start().starts_with("----") {
        return false;
    }
    let near: String = rest.chars().take(HEADERS).collect();
    near.split(|c: char| !is_of_key(c)).any(|run| run.len() >= BODY)
}

const fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// The mistake of a file that holds a private key; it shows nothing of the file.
pub(crate) fn problem(origin: &str, text: &str) -> Option<Problem> {
    let line = private_key(text)?;
    let help = "take it out, and make a new key: whoever may read this file may have this one. A key belongs into a file \
                of its own, which is named here";
    let message = format!("a private key begins on line {line}, so the file is not read");
    Some(Problem { help: Some(help.to_owned()), ..Problem::whole(origin, message) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Reader};

    const BASE64: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ";

    fn keys() -> [String; 5] {
        [
            format!("-----BEGIN PRIVATE KEY-----\n{BASE64}\n-----END PRIVATE KEY-----"),
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\n    Proc-Type: 4,ENCRYPTED\n    DEK-Info: AES-128-CBC,1\n\n    {BASE64}"
            ),
            format!("-----BEGIN OPENSSH PRIVATE KEY----- {OPENSSH}AAAAABG5vbmU"),
            format!("{OPENSSH}AAAAABG5vbmUAAAAEbm9uZQ"),
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAAIK".to_owned(),
        ]
    }

    #[test]
    fn a_private_key_in_a_file_is_found_with_its_line() {
        for key in keys() {
            assert_eq!(private_key(&format!("a: b\n\n{key}\n")), Some(3), "{key}");
        }
    }

    #[test]
    fn a_text_that_speaks_of_private_keys_holds_none() {
        for text in [
            "when: alert.evidence.exists(e, e.processCommandLine.contains('-----BEGIN RSA PRIVATE KEY-----'))\nactions: []",
            "# the PRIVATE KEY -- 0123456789abcdef0123456789abcdef -- is elsewhere, see ssl.key.location",
            "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
            "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        ] {
            assert_eq!(private_key(text), None, "{text}");
        }
    }

    #[test]
    fn no_message_about_a_file_with_a_private_key_shows_a_part_of_it() {
        for key in keys() {
            let block = key.lines().map(|line| format!("    {line}\n")).collect::<String>();
            for text in [
                format!("act:\n  mode: |\n{block}"),
                format!("act:\n  mode: \"{key}\"\n"),
                format!("act:\n  mode: {key}\n"),
                key.clone(),
            ] {
                let said = match Document::parse("cordon.yaml", &text) {
                    Err(problems) => problems,
                    Ok(document) => {
                        let reader = Reader::new(&document);
                        let mut root = reader.root();
                        let _ = root.section("act").choice("mode", &[("shadow", ())]).optional();
                        reader.finish().unwrap_err()
                    }
                };
                let said = format!("{said} {said:?}");
                assert!(said.contains("a private key begins on line"), "{said}");
                let shown = key.split_whitespace().filter(|word| word.len() > 9).find(|word| said.contains(word));
                assert_eq!(shown, None, "{said}");
            }
        }
    }
}
