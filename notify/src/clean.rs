//! Makes foreign text harmless before it reaches a subject, a mail body or a log line.
//!
//! Alert fields are written by whoever attacks: file names, command lines and titles of their choice. Here they
//! lose line breaks, control characters, characters that reorder or hide text (Unicode Technical Report 36,
//! section 3), excess length, and links that a mail program would make clickable.

use cordon_records::text::{self, cut, visible};

/// The longest subject, in characters.
pub const MAX_SUBJECT: usize = 150;
/// The longest single line taken over from a record, in characters.
pub const MAX_LINE: usize = 400;
/// The longest text over several lines taken over from a record, in characters.
pub const MAX_BLOCK: usize = 2_000;

/// Endings that look like a top-level domain but name a file; they stay readable.
const FILE_ENDINGS: &[&str] = &[
    "bat", "bin", "cmd", "csv", "dll", "dmp", "doc", "docm", "docx", "exe", "hta", "img", "iso", "jar", "js", "json",
    "lnk", "log", "msi", "pdf", "png", "ps1", "scr", "sys", "tmp", "txt", "vbe", "vbs", "wsf", "xls", "xlsm", "xlsx",
    "xml", "yaml", "yml",
];

/// What stands before the dot of a permission, which is no domain.
const PERMISSIONS: &[&str] = &["AdvancedQuery", "Alert", "Machine", "Mail", "SecurityAlert", "ThreatHunting", "Ti"];
/// Hexadecimal digits in a row, hyphens among them, that are an id and no word.
const ID: usize = 16;
/// What is left of it.
const ID_SHOWN: usize = 8;

/// Text of ours or of the operator's on one line of at most `max` characters: line breaks become spaces, control,
/// bidi and invisible characters go, schemes of URLs are defanged, and so is what a mail program would decode (`=[?]`).
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    cut(&without_schemes(&one_line(text)), max)
}

/// Foreign text on one line of at most `max` characters: as [`line`], and the dots of domain names and addresses
/// are put in brackets too (`hxxp://evil[.]example`), because mail programs link bare domains.
#[must_use]
pub fn foreign(text: &str, max: usize) -> String {
    cut(&without_domains(&without_schemes(&one_line(text))), max)
}

/// Text of the operator's over several lines, at most `max` characters: line breaks and indentation stay, the rest is as
/// [`line`].
#[must_use]
pub fn block(text: &str, max: usize) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .trim_start_matches(['\r', '\n'])
        .lines()
        .map(|raw| visible(raw).collect::<String>().trim_end().to_owned())
        .collect();
    cut(&without_schemes(&lines.join("\n")), max)
}

fn one_line(text: &str) -> String {
    without_encoded_words(&text::one_line(text))
}

/// `=?utf-8?b?…?=` → `=[?]utf-8?b?…?=`. In a header it would read as what it encodes (RFC 2047), also where it is encoded
/// once more: gateways decode, write anew and leave the rest to the mail program. Like this, nobody finds anything in it.
fn without_encoded_words(text: &str) -> String {
    text.replace("=?", "=[?]")
}

/// As [`line`], for a headline: ids are cut to their begin before the rest is cut to its length, so that no part of one is
/// left.
#[must_use]
pub fn short_line(text: &str, max: usize) -> String {
    cut(&short_ids(&line(text, usize::MAX)), max)
}

/// As [`foreign`], for a headline.
#[must_use]
pub fn short_foreign(text: &str, max: usize) -> String {
    cut(&short_ids(&foreign(text, usize::MAX)), max)
}

/// Text in which ids are cut to their begin: nobody reads a GUID in a subject.
#[must_use]
pub fn short_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_ascii_hexdigit() || c == '-' {
            run.push(c);
        } else {
            push_id(&mut out, &run);
            run.clear();
            out.push(c);
        }
    }
    push_id(&mut out, &run);
    out
}

fn push_id(out: &mut String, run: &str) {
    let digits = run.chars().filter(|c| *c != '-').count();
    if digits >= ID && run.contains(|c: char| c.is_ascii_digit()) {
        out.extend(run.chars().take(ID_SHOWN).chain(['…']));
    } else {
        out.push_str(run);
    }
}

/// `https://` → `hxxps://`, which stays as it is when it is cleaned once more; any other scheme loses its colon's effect.
fn without_schemes(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let scheme = out.chars().rev().take_while(char::is_ascii_alphanumeric).count();
        let start = out.len() - scheme;
        let rest = out.get(start..).unwrap_or_default().to_ascii_lowercase();
        match rest.strip_prefix("http") {
            Some(ending) => {
                out.truncate(start);
                out.push_str("hxxp");
                out.push_str(ending);
                out.push_str("://");
            }
            None if matches!(rest.as_str(), "hxxp" | "hxxps") => out.push_str("://"),
            None => out.push_str("[:]//"),
        }
        out.push_str(part);
    }
    out
}

/// Brackets the dots of every run of letters, digits, dots and hyphens that reads as a domain or an IPv4 address.
fn without_domains(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '.' || c == '-' {
            run.push(c);
        } else {
            push_run(&mut out, &run);
            run.clear();
            out.push(c);
        }
    }
    push_run(&mut out, &run);
    out
}

fn push_run(out: &mut String, run: &str) {
    if is_linkable(run) { out.push_str(&run.replace('.', "[.]")) } else { out.push_str(run) }
}

fn is_linkable(run: &str) -> bool {
    let labels: Vec<&str> = run.split('.').filter(|label| !label.is_empty()).collect();
    let [first, .., last] = labels.as_slice() else { return false };
    if PERMISSIONS.contains(first) && last.starts_with(char::is_uppercase) {
        return false;
    }
    let domain = last.chars().count() >= 2
        && (last.chars().all(char::is_alphabetic) || last.to_ascii_lowercase().starts_with("xn--"))
        && !FILE_ENDINGS.contains(&last.to_lowercase().as_str());
    let address = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    domain || address || labels.first().is_some_and(|label| label.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_breaks_become_spaces_and_reordering_characters_go() {
        assert_eq!(line("a\r\nBcc: x\0y\u{202e}z\u{200b}", 99), "a Bcc: x yz");
    }

    #[test]
    fn links_are_defanged_and_file_names_stay_readable() {
        assert_eq!(foreign("get HTTPS://evil.example/a?b", 99), "get hxxps://evil[.]example/a?b");
        assert_eq!(foreign("ftp://10.0.0.5 and www.x.js", 99), "ftp[:]//10[.]0[.]0[.]5 and www[.]x[.]js");
        assert_eq!(foreign("mimikatz.exe ran. Version 1.2", 99), "mimikatz.exe ran. Version 1.2");
        assert_eq!(
            foreign("cap all_rules.10m, T1059.001, xn--e1a.xn--p1ai", 99),
            "cap all_rules.10m, T1059.001, xn--e1a[.]xn--p1ai"
        );
        assert_eq!(foreign("see evil.com.", 99), "see evil[.]com[.]");
        assert_eq!(foreign("grant Machine.Isolate, Ti.ReadWrite.All", 99), "grant Machine.Isolate, Ti.ReadWrite.All");
        assert_eq!(foreign("Machine.zip and machine.Isolate", 99), "Machine[.]zip and machine[.]Isolate");
        assert_eq!(line("https://a https://b", 99), "hxxps://a hxxps://b");
    }

    #[test]
    fn ids_are_cut_to_their_begin_and_words_numbers_and_times_are_not() {
        assert_eq!(short_ids("on 3fa85f64-5717-4562-b3fc-2c963f66afa6, now"), "on 3fa85f64…, now");
        assert_eq!(short_ids("da637472900382838869_1364969609"), "da637472…_1364969609");
        assert_eq!(short_ids("1e5bc9d7e413ddd7902c2932e418702b84d0cc07"), "1e5bc9d7…");
        for kept in ["DESKTOP-4F3A2B1", "2026-11-20 09:20", "facade-decade-facade", "10 attempts"] {
            assert_eq!(short_ids(kept), kept);
        }
    }

    #[test]
    fn a_block_keeps_its_lines() {
        assert_eq!(block("a &&\n  b\t\n", 99), "a &&\n  b");
        assert_eq!(block("\r\n    when: x\n          ^", 99), "    when: x\n          ^");
    }

    proptest! {
        #[test]
        fn nothing_foreign_stays_long_breaks_a_line_or_links(text in "\\PC{0,40}(https?://|\r\n|\u{202e})?\\PC{0,40}", max in 1_usize..60) {
            let clean = foreign(&text, max);
            prop_assert!(clean.chars().count() <= max);
            prop_assert!(!clean.chars().any(text::is_unsafe), "{clean:?}");
            prop_assert!(!clean.to_ascii_lowercase().contains("http://"), "{clean:?}");
        }

        #[test]
        fn nothing_is_left_of_a_text_in_which_nothing_can_be_seen(
            text in UNSEEN,
        ) {
            prop_assert_eq!((line(&text, 99), foreign(&text, 99)), (String::new(), String::new()));
            prop_assert!(block(&text, 99).chars().all(|c| c == '\n'), "{:?}", block(&text, 99));
        }

        #[test]
        fn nothing_is_left_that_a_mail_program_would_decode(text in "(=|\\?|\u{200b}|utf-8|b|ZXZpbA==| |https://){0,30}") {
            prop_assert!(!line(&text, 200).contains("=?"), "{text:?}");
            prop_assert!(!foreign(&text, 200).contains("=?"), "{text:?}");
            prop_assert_eq!(line(&line(&text, 200), 200), line(&text, 200));
        }
    }
}
