//! Every output, of the same documents: what it looks like, and that nothing in it is obeyed.

mod sample;

use std::sync::LazyLock;

use cordon_records::text::is_unsafe;
use proptest::prelude::*;

use super::{html, text};
use crate::args::Output;
use crate::document::Document;

/// Texts as attackers write them.
const HOSTILE: [&str; 12] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>",
    "</template></table></details><h1>all is well",
    "{{ 7*7 }}{% include 'x' %}",
    "a|b|c\\| `code` ``two`` ](https://evil.example) ![x](https://evil.example/x.png)",
    "@everyone #1 https://evil.example www.evil.example a@b.example <b>x</b>",
    "]]><![CDATA[x]]>&amp;<!-- -->",
    "\u{1b}[2J\u{1b}]0;title\u{7}\r\n- new line\n## heading",
    "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{e0041}",
    "\u{2028}\u{2029}\u{85}\0",
    "```\n<details>\n",
    "$$x$$ ~~x~~ :tada: **x** __x__ <!--",
];

fn every_text(document: &Document) -> [String; 6] {
    let of = |output| text(document, output, Some(80)).unwrap();
    [
        of(Output::Table),
        of(Output::Json),
        of(Output::Jsonl),
        of(Output::Markdown),
        of(Output::Junit),
        html(document).unwrap(),
    ]
}

#[test]
fn each_output_tells_what_changed_why_and_what_it_does_not_tell() {
    for (name, document) in [("rich", sample::rich()), ("same", sample::same()), ("alone", sample::alone())] {
        let [table, _, jsonl, markdown, junit, html] = every_text(&document);
        insta::assert_snapshot!(format!("table_{name}"), table);
        insta::assert_snapshot!(format!("jsonl_{name}"), jsonl);
        insta::assert_snapshot!(format!("markdown_{name}"), markdown);
        insta::assert_snapshot!(format!("junit_{name}"), junit);
        // Style and script are files of their own.
        let body = html.split("<body>").nth(1).unwrap().split("<script>").next().unwrap();
        insta::assert_snapshot!(format!("html_{name}"), body);
    }
}

/// The comment as GitHub reads it, without its code spans: what is left could be markup, a link or a mention.
fn outside_of_code(markdown: &str) -> String {
    let mut left = String::new();
    let mut rest = markdown;
    while let Some(start) = rest.find('`') {
        // Our own sentences escape a backtick.
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        left.push_str(&rest[..start]);
        rest = &rest[start + fence..];
        let mut from = 0;
        loop {
            let found = from + rest[from..].find('`').expect("a code span ends");
            let run = rest[found..].chars().take_while(|c| *c == '`').count();
            from = found + run;
            if run == fence {
                break;
            }
        }
        rest = &rest[from..];
    }
    left + rest
}

/// What no output may hold whatever a text of others says.
fn check(document: &Document, foreign: &str) -> Result<(), TestCaseError> {
    static CALM: LazyLock<[String; 6]> = LazyLock::new(|| every_text(&sample::hostile("x")));
    let calm = &*CALM;
    let texts = every_text(document);
    for text in &texts {
        let seen = text.chars().find(|c| is_unsafe(*c) && *c != '\n');
        prop_assert_eq!(seen, None, "{}", foreign);
    }
    let [table, json, jsonl, markdown, junit, html] = texts;
    for (now, calm) in [(&html, &calm[5]), (&junit, &calm[4])] {
        for mark in ['<', '>'] {
            prop_assert_eq!(now.matches(mark).count(), calm.matches(mark).count(), "{} of {}", mark, foreign);
        }
    }
    prop_assert_eq!(html.matches('"').count(), calm[5].matches('"').count(), "a quote of {}", foreign);
    let (left, calm_left) = (outside_of_code(&markdown), outside_of_code(&calm[3]));
    prop_assert_eq!(left, calm_left, "{}", foreign);
    prop_assert!(markdown.chars().count() <= 65_536);
    prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), serde_json::to_value(document).unwrap());
    prop_assert_eq!(jsonl.lines().count(), 7);
    prop_assert!(table.lines().all(|line| line.chars().count() <= 80), "{}", table);
    Ok(())
}

#[test]
fn no_text_of_an_attacker_is_markup_in_any_output() {
    for foreign in HOSTILE {
        check(&sample::hostile(foreign), foreign).unwrap();
    }
}

#[test]
fn a_huge_text_is_cut_and_the_page_stays_small() {
    let huge = "💥 |`<".repeat(10_000);
    let document = sample::hostile(&huge);
    check(&document, "huge").unwrap();
    assert!(html(&document).unwrap().len() < 200_000);
}

#[test]
fn ten_thousand_changes_fit_into_a_comment_and_into_a_page_that_says_what_it_leaves_out() {
    let document = sample::many(10_000);
    let markdown = text(&document, Output::Markdown, None).unwrap();
    assert!(markdown.chars().count() <= 65_536, "{}", markdown.len());
    assert!(markdown.contains("<details><summary>9,980 more</summary>") && markdown.contains(" more: `-o json`"));
    assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
    let page = html(&document).unwrap();
    assert!(page.len() < 15 << 20, "{}", page.len());
    let seen = page.split("<template id=\"more\">").next().unwrap();
    assert_eq!(seen.matches("<tr class=\"added\">").count(), 100);
    assert!(text(&document, Output::Table, None).unwrap().contains("and 9,980 more: -o json"));
}

#[test]
fn the_page_runs_its_own_script_and_nothing_else_and_fetches_nothing() {
    let page = html(&sample::rich()).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split("\">").next().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src &#x27;sha256-") || policy.contains("sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for part in [" src=", "href=\"http", "url(", "@import", "style=\"", "onclick", "innerHTML", "eval("] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_at_all_is_markup_in_any_output(foreign in prop_oneof![
        any::<String>(),
        "[<>&\"'`|\\\\@#\\[\\]()!*_~{}%/ a-c\n\r\u{1b}\u{202e}-]{0,60}",
    ]) {
        // What is left empty has no code span.
        prop_assume!(foreign.chars().any(char::is_alphanumeric));
        check(&sample::hostile(&foreign), &foreign)?;
    }
}
