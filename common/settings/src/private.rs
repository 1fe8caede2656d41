//! Private keys that were pasted into a file which is no place for them. Nothing of such a file is shown: messages go to
//! logs and mails.

use crate::problem::Problem;

/// So much base64 behind the marker of a key is its first line: that is never shorter than 44.
const BODY: usize = 32;
/// How every private key of OpenSSH begins: `openssh-key-v1` in base64.
const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";
/// How every private key of PuTTY begins, before its version.
const PUTTY: &str = "PuTTY-User-Key-File-";
/// Headers between the marker of a key and its body that hold no space, so that the body may follow on their line.
const WORDS: [&str; 2] = ["Proc-Type", "DEK-Info"];

/// The line, from 1, on which a private key begins. A text that looks for keys, as rules do, names how they begin and
/// holds none.
#[must_use]
pub fn private_key(text: &str) -> Option<usize> {
    let pem = behind(text, "PRIVATE KEY").find(|(_, rest)| is_followed_by_a_key(rest));
    let openssh = || behind(text, OPENSSH).find(|(_, rest)| run(rest).len() >= BODY);
    let putty = || behind(text, PUTTY).find(|(_, rest)| is_followed_by_lines_of_putty(rest));
    let (at, _) = pem.or_else(openssh).or_else(putty)?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}

/// What stands behind a mark, each time it is there, and at which byte.
fn behind<'t>(text: &'t str, mark: &'static str) -> impl Iterator<Item = (usize, &'t str)> {
    let ends = text.match_indices(mark).map(|(at, mark)| at + mark.len());
    ends.filter_map(|end| text.get(end..).map(|rest| (end, rest)))
}

/// Whether what stands behind the words is the end of the marker, then headers or none, and then a key.
fn is_followed_by_a_key(rest: &str) -> bool {
    let rest = rest.strip_prefix(" BLOCK").unwrap_or(rest).trim_start();
    let Some(mut rest) = rest.strip_prefix("----") else { return false };
    loop {
        let body = behind_breaks(rest);
        match behind_header(body) {
            Some(behind) => rest = behind,
            None => return begins_a_key(rest.get(..rest.len() - body.len()).unwrap_or_default(), body),
        }
    }
}

/// Whether a key begins here. Behind a quotation mark, hexadecimal digits alone are the next text of a list: a hash.
fn begins_a_key(between: &str, body: &str) -> bool {
    let run = run(body);
    let is_hash = between.contains(['"', '\'']) && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    run.strip_prefix(OPENSSH).unwrap_or(run).len() >= BODY && !is_hash
}

/// The base64 with which a text begins.
fn run(text: &str) -> &str {
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    text.find(|c| !is_of_key(c)).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The text behind line breaks, as they are or written `\n`, and behind what lists, comments and quotation put before a
/// line.
fn behind_breaks(text: &str) -> &str {
    let is_between = |c: char| c.is_whitespace() || matches!(c, '-' | '#' | '>' | '*' | '"' | '\'' | ',');
    let mut rest = text;
    loop {
        let next = rest.trim_start_matches(is_between);
        let Some(escape) = next.strip_prefix('\\') else { return next };
        rest = escape.strip_prefix(['n', 'r', 't']).unwrap_or(escape);
    }
}

/// The text behind a header, such as `Comment: a key`, if one begins here: it ends with its line, or with its word.
fn behind_header(text: &str) -> Option<&str> {
    let (name, behind) = text.split_at_checked(text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?)?;
    let value = behind.strip_prefix(':').filter(|_| name.starts_with(|c: char| c.is_ascii_uppercase()))?;
    let value = value.trim_start_matches(' ');
    let ends = |c: char| matches!(c, '\n' | '\\') || WORDS.contains(&name) && c.is_whitespace();
    Some(value.find(ends).and_then(|end| value.get(end..)).unwrap_or_default())
}

/// Whether the rest of the first line of a key of PuTTY and its second line stand here.
fn is_followed_by_lines_of_putty(rest: &str) -> bool {
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let Some(kind) = digits.strip_prefix(':').filter(|_| digits.len() < rest.len()) else { return false };
    let kind = kind.trim_start_matches(' ');
    let behind = kind.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    behind.len() < kind.len() && behind_breaks(behind).starts_with("Encryption:")
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
            format!("-----BEGIN OPENSSH PRIVATE KEY----- {OPENSSH}AAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"),
            format!("{OPENSSH}AAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"),
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
    fn a_private_key_is_found_in_every_way_of_pasting_it() {
        let marker = "-----BEGIN RSA PRIVATE KEY-----";
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF";
        for text in [
            format!("key: |\n    {marker}\n    {BASE64}"),
            format!("key: {marker}\n  {BASE64}"),
            format!("key: {marker} {BASE64} -----END RSA PRIVATE KEY-----"),
            format!("key: {marker}{BASE64}"),
            format!("key: \"{marker}\\n{BASE64}\\n\""),
            format!("key: \"{marker}\\r\\n{BASE64}\\r\\n\""),
            format!("key: '{{\"pem\": \"{marker}\\\\n{BASE64}\"}}'"),
            format!("key: \"{marker}\\n\\\n    {BASE64}\\n\\\n\""),
            format!("# {marker}\n# {BASE64}"),
            format!("key:\n  - {marker}\n  - {BASE64}"),
            format!("key:\n  - \"{marker}\"\n  - \"{BASE64}\""),
            format!("key: ['{marker}', '{BASE64}']"),
            format!("{marker}\n{headers}\n\n{BASE64}"),
            format!("{marker} {} {BASE64}", headers.replace('\n', " ")),
            format!("key: \"{marker}\\n{}\\n\\n{BASE64}\"", headers.replace('\n', "\\n")),
            format!("{marker}\r\n{BASE64}\r\n"),
            format!("{marker}\n{}", "A".repeat(64)),
            format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"rsa key of ann\"\n{BASE64}"),
            format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{BASE64}"),
            format!("when: e.contains('{marker}')\nkey: |\n  {marker}\n  {BASE64}"),
            format!("when: e.contains('{PUTTY}')\nkey: |\n  {PUTTY}2: ssh-rsa\n  Encryption: none"),
            format!("key: \"{PUTTY}2: ssh-rsa\\r\\nEncryption: aes256-cbc\\r\\n\""),
        ] {
            assert!(private_key(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_rule_that_looks_for_private_keys_holds_none() {
        let hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let marker = "-----BEGIN RSA PRIVATE KEY-----";
        for when in [
            "e.processCommandLine.contains('PuTTY-User-Key-File-')".to_owned(),
            "e.processCommandLine.matches('PuTTY-User-Key-File-[23]: ssh-rsa') && x.contains('Encryption: none')"
                .to_owned(),
            "x.contains('PuTTY-User-Key-File-3: ssh-ed25519') || x.contains('Encryption: none')".to_owned(),
            "e.processCommandLine.contains('b3BlbnNzaC1rZXktdjE')".to_owned(),
            "e.processCommandLine.contains('b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ')".to_owned(),
            format!("e.processCommandLine.contains('b3BlbnNzaC1rZXktdjE') && e.sha1 == '{hash}'"),
            "e.processCommandLine.contains('-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU')"
                .to_owned(),
            format!("['{marker}', 'b3BlbnNzaC1rZXktdjE', '{PUTTY}'].exists(t, e.processCommandLine.contains(t))"),
            format!("e.processCommandLine.contains('{marker}') && e.sha1 == '{hash}'"),
            format!("e.processCommandLine.contains(\"{marker}\\n\") &&\n    e.sha1 == '{hash}'"),
            format!("['{marker}', '{hash}'].exists(t, e.processCommandLine.contains(t))"),
            format!("e.processCommandLine.contains('{marker}\\nMII') && e.sha256 == '{hash}'"),
        ] {
            for text in [format!("when: {when}\nactions: []"), format!("when: |\n  {when}\nactions: []")] {
                assert_eq!(private_key(&text), None, "{text}");
            }
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
