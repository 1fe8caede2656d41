//! `allowed_signers` files: what is read, and every mistake at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_signing::AllowedSigners;
use proptest::prelude::*;
use support::{Pen, approval, mpint, now, signers, string};

fn problems(text: &str) -> Vec<(usize, usize, String)> {
    let problems = AllowedSigners::parse("allowed_signers", text).unwrap_err();
    problems.0.into_iter().map(|problem| (problem.line, problem.column, problem.message)).collect()
}

#[test]
fn comments_empty_lines_quotes_tabs_and_line_ends_of_windows_are_read() {
    let (pen, other) = (Pen::ed25519(1), Pen::ed25519(2));
    let text = format!(
        "# people\r\n\r\n  \t# more\n \"ann@example.com\"\tnamespaces=\"a b,cordon\" \t{} ann's laptop, \"old\"\r\nbob {}\n",
        pen.line(),
        other.line()
    );
    let file = AllowedSigners::parse("f", &text).unwrap();
    assert_eq!(file.verify(&pen.signed(&approval()), now()).unwrap().principal, "ann@example.com");
    assert_eq!(file.verify(&other.signed(&approval()), now()).unwrap().principal, "bob");
}

#[test]
fn a_file_of_comments_allows_nobody() {
    assert!(AllowedSigners::parse("f", "# nobody yet\n").unwrap().is_empty());
    assert!(!signers(&[format!("ann {}", Pen::ed25519(1).line())]).is_empty());
}

#[test]
fn every_mistake_of_every_line_is_told_at_once() {
    let key = Pen::ed25519(1).line();
    let text = format!(
        "ann\n*@example.com {key}\nann cert-authority {key}\nann namespace=\"x\",valid-after=1 ssh-ed25519 AAAA\n\
         ann,,bob {key}\nann namespaces=\"cordon {key}\n\"ann {key}\nann {key}\n"
    );
    let found = problems(&text);
    let places: Vec<(usize, usize)> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
    let expected = [(1, 4), (2, 1), (3, 5), (4, 5), (4, 19), (4, 33), (5, 1), (6, 5)];
    assert_eq!(places[..8], expected, "{found:#?}");
    assert!(found.iter().all(|(line, ..)| *line < 8), "the last line is good");
}

#[test]
fn one_key_under_two_names_is_a_mistake_since_one_person_could_then_be_two() {
    let key = Pen::ed25519(1).line();
    let found = problems(&format!("ann {key}\nbob {key} same key\n"));
    assert_eq!((found.len(), found[0].0), (1, 2));
    assert!(found[0].2.contains("already ann's, on line 1"), "{found:?}");
    signers(&[format!("ann {key}"), format!("ann,ann@example.com {key}")]);
}

/// What `ssh-keygen` and `openssl genpkey` write, shortened; the letters are made up.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
                       QyNTUxOQAAACBsecretsecretsecretsecretsecretsecretsecretsecretsecret\n-----END OPENSSH PRIVATE KEY-----";
const PKCS8: &str = "MC4CAQAwBQYDK2VwBCIEIMsecretsecretsecretsecretsecretsecretsecret";

#[test]
fn a_private_key_is_refused_and_no_part_of_it_is_in_the_message() {
    let good = format!("ann {}", Pen::ed25519(1).line());
    for (pasted, whole) in [
        (OPENSSH.to_owned(), true),
        (OPENSSH.replace('\n', " "), true),
        (format!("ann@example.com {}", OPENSSH.replace('\n', " ")), true),
        (OPENSSH.lines().nth(1).unwrap().to_owned(), true),
        (format!("-----BEGIN PRIVATE KEY-----\n{PKCS8}\n-----END PRIVATE KEY-----"), true),
        (PKCS8.to_owned(), false),
        (format!("ann@example.com {PKCS8}"), false),
        (format!("ann@example.com ssh-ed25519 {PKCS8}"), false),
        (format!("ann@example.com ssh-{PKCS8} x"), false),
        (format!("ann@example.com ssh-ed25519 {}", OPENSSH.lines().nth(2).unwrap()), false),
    ] {
        let problems =
            AllowedSigners::parse("allowed_signers", &format!("{good}\n{pasted}\n*@x {good}\n")).unwrap_err();
        let said = format!("{problems} {problems:?}");
        assert!(!said.contains("secret") && !said.contains("c2gtZW"), "{pasted}: {said}");
        if whole {
            assert_eq!(problems.0.len(), 1, "{said}");
            assert!(
                said.contains("a private key begins on line 2") && said.contains("the text of the .pub file"),
                "{said}"
            );
        }
    }
}

fn rsa(bits: usize) -> String {
    let mut modulus = vec![0xff_u8; bits.div_ceil(8)];
    modulus[0] = 0xff >> ((8 - bits % 8) % 8);
    let data = [string(b"ssh-rsa"), mpint(&[1, 0, 1]), mpint(&modulus)].concat();
    format!("ssh-rsa {}", STANDARD.encode(data))
}

#[test]
fn weak_keys_and_kinds_that_cannot_be_checked_are_mistakes() {
    signers(&[format!("ann {}", rsa(2048)), format!("bob {}", rsa(8192))]);
    let p521 = [string(b"ecdsa-sha2-nistp521"), string(b"nistp521"), string(&[&[4_u8][..], &[1; 132]].concat())];
    let dsa = [string(b"ssh-dss"), mpint(&[3]), mpint(&[3]), mpint(&[3]), mpint(&[3])];
    let compressed = [string(b"ecdsa-sha2-nistp256"), string(b"nistp256"), string(&[&[2_u8][..], &[1; 32]].concat())];
    let line = |kind: &str, data: Vec<u8>| format!("{kind} {}", STANDARD.encode(data));
    let weak = [
        (rsa(2047), "2047 bits"),
        (rsa(1024), "1024 bits"),
        (rsa(8193), "8193 bits"),
        (line("ecdsa-sha2-nistp521", p521.concat()), "nistp521"),
        (line("ssh-dss", dsa.concat()), "ssh-dss"),
        (line("ecdsa-sha2-nistp256", compressed.concat()), "no good key"),
        (line("ssh-ed25519", Pen::sk_ed25519(1).public()), "the key itself \"sk-"),
    ];
    for (key, part) in weak {
        let found = problems(&format!("ann {key}"));
        assert!(found.len() == 1 && found[0].2.contains(part), "{part}: {found:?}");
    }
}

#[test]
fn a_problem_says_what_to_do() {
    let problems = AllowedSigners::parse("signers", "*@x cert-authority,valid-before=\"20270101\" ssh-ed25519 AAAA");
    insta::assert_snapshot!(problems.unwrap_err().to_string());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = AllowedSigners::parse("f", &text);
    }

    #[test]
    fn no_change_of_a_good_file_makes_the_reader_panic(
        place in any::<prop::sample::Index>(),
        put in "[\\PC\"\\\\,=! \t]{0,4}",
        cut in 0..4_usize,
    ) {
        let key = Pen::ed25519(1).line();
        let good = format!("\"ann,*\" namespaces=\"a\\\"b\",valid-after=\"20260101Z\" {key} \u{e4}\n");
        let characters: Vec<char> = good.chars().collect();
        let at = place.index(characters.len());
        let end = (at + cut).min(characters.len());
        let changed: String = characters[..at].iter().copied().chain(put.chars()).chain(characters[end..].iter().copied()).collect();
        let _ = AllowedSigners::parse("f", &changed);
    }
}
