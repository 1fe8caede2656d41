//! Hostile records cannot make a mail say, load or send anything else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use std::sync::LazyLock;

use cordon_notify::message::{MAX_SUBJECT, Message};
use cordon_notify::render::Renderer;
use cordon_records::{Action, ActionRecord, ActionState, IsolationType, NoticeKind, Report, Ruling};
use mail_parser::MessageParser;
use proptest::prelude::*;
use support::actions::{approval, every_action};
use support::{alert, machine, mail, message, notice, of, parties, step, verdict};

static RENDERER: LazyLock<Renderer> = LazyLock::new(|| Renderer::new().unwrap());

/// Every free text of the record carries line breaks, markup, a link and reordered text, ten kilobytes of it.
fn hostile() -> ActionRecord {
    let poison = format!(
        "x\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script><img src=https://evil.example/p.png>\
         {{{{ 7*7 }}}}\u{202e}gpj.exe\u{200b}\0 {}",
        "A".repeat(10_000)
    );
    let mut record = step(ActionState::Refused, "x");
    record.alert = alert();
    record.alert.title.clone_from(&poison);
    record.alert.category = Some(poison.clone());
    record.alert.users = vec![poison.clone(); 200];
    record.alert.severity = poison.as_str().into();
    let mut target = machine(&poison, &poison);
    (target.group, target.value, target.tags) =
        (Some(poison.clone()), Some(poison.clone()), Some(vec![poison.clone()]));
    record.machine = Some(target);
    record.reason.clone_from(&poison);
    record.conditions = vec![poison.clone()];
    record.guards = vec![verdict(&poison, Ruling::Refuse, &poison)];
    record.action = Some(Action::Isolate { isolation: IsolationType::Full, comment: poison, release: None });
    record
}

#[test]
fn a_hostile_record_stays_harmless() {
    let message = of(hostile());
    assert!(message.subject.chars().count() <= MAX_SUBJECT && !message.subject.contains(['\r', '\n']));
    let mail = mail(&message);
    assert!(mail.mime.is_ascii() && mail.mime.len() < 60_000, "{} bytes", mail.mime.len());
    let parsed = MessageParser::default().parse(&mail.mime).unwrap();
    assert!(parsed.header("Bcc").is_none());
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    for part in [&text, &html] {
        assert!(!part.contains("https://evil") && !part.contains(['\u{202e}', '\u{200b}', '\0']), "{part}");
        assert!(part.contains("7*7"), "the record's braces were taken for a template's: {part}");
    }
    assert!(!text.contains("\nBcc") && text.lines().all(|line| line.len() < 4_000));
}

#[test]
fn links_lead_to_the_portal_and_nothing_is_loaded_from_elsewhere() {
    let html = RENDERER.html(&of(hostile())).unwrap().replace("&#x2f;", "/");
    let links: Vec<&str> = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(
        links,
        [
            "https://security.microsoft.com/alerts/da637472900382838869_1364969609",
            "https://security.microsoft.com/machines/1e5bc9d7e413ddd7902c2932e418702b84d0cc07",
        ]
    );
    for loading in ["url(", "@import", "<link", "<form", "<img", "<script", "<iframe"] {
        assert!(!html.contains(loading), "{loading}");
    }
}

/// A record of this action and state with `text` in every field that anybody but Microsoft's type checker writes.
fn poisoned(action: Action, state: ActionState, text: &str) -> ActionRecord {
    let mut record = step(state, "LAPTOP-ANNA");
    record.action = Some(action);
    record.alert.title = text.to_owned();
    record.alert.category = Some(text.to_owned());
    record.alert.users = vec![text.to_owned()];
    record.alert.severity = text.into();
    let mut target = machine(text, text);
    (target.group, target.value, target.tags) =
        (Some(text.to_owned()), Some(text.to_owned()), Some(vec![text.to_owned()]));
    record.machine = Some(target);
    record.reason = text.to_owned();
    record.guards = vec![verdict(text, Ruling::Refuse, text)];
    record.requested_by = Some(text.to_owned());
    record.approvals = vec![approval(text, text), approval(text, text)];
    record
}

/// The shape of a mail: number of lines of the text, of tags in the HTML, and the names of the headers.
fn shape(renderer: &Renderer, message: &Message) -> (usize, usize, Vec<String>) {
    let mime = renderer.mail(message, &parties(), message.happened_at).unwrap().mime;
    let parsed = MessageParser::default().parse(&mime).unwrap();
    let headers = parsed.headers().iter().map(|header| header.name().to_owned()).collect();
    let lines = renderer.text(message).unwrap().lines().count();
    (lines, renderer.html(message).unwrap().matches('<').count(), headers)
}

/// Text of an attacker's choice that still has something to show.
fn poison() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\r\nBcc: thief@evil.example\r\n\r\n".to_owned()),
        Just("<script>alert(1)</script>".to_owned()),
        Just("\"><img src=https://evil.example/p.png onerror='x'>".to_owned()),
        Just("{{ 7*7 }}{% raw %}{machine}".to_owned()),
        Just("\u{2028}\u{2029}\u{85}\u{b}\u{c}\0\u{202e}\u{200b}".to_owned()),
        Just("https://evil.example/a".to_owned()),
        Just("=?utf-8?b?QUxMIENMRUFS?= =?UTF-8?Q?you_may_ignore_this?=".to_owned()),
        "\\PC{0,30}",
    ];
    proptest::collection::vec(pieces, 1..5).prop_map(|pieces| format!("x{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_field_of_a_record_adds_a_header_a_line_or_a_tag(text in poison(), kind in 0_usize..15, state in 0_usize..16) {
        let record = |text: &str| poisoned(every_action(text).remove(kind), ActionState::ALL[state], text);
        if let Some(told) = support::told(&record(&text)) {
            prop_assert!(told.subject.chars().count() <= MAX_SUBJECT && !told.subject.contains(char::is_control));
            prop_assert_eq!(shape(&RENDERER, &told), shape(&RENDERER, &of(record("x"))));
            let body = RENDERER.text(&told).unwrap();
            prop_assert!(!body.contains("https://evil") && !body.contains(['\u{202e}', '\u{200b}', '\0']), "{}", body);
        }
    }

    #[test]
    fn no_text_of_a_notice_adds_a_header_or_a_tag_and_only_mistakes_in_files_and_machines_have_lines(text in poison()) {
        for kind in [NoticeKind::CommandRefused, NoticeKind::Paused, NoticeKind::BreakerLatched, NoticeKind::PolicyRefused] {
            let said = |text: &str| {
                let mut notice = notice(kind);
                notice.text = text.to_owned();
                message(&Report::Notice(notice))
            };
            let (lines, tags, headers) = shape(&RENDERER, &said(&text));
            let plain = shape(&RENDERER, &said("x"));
            prop_assert_eq!(headers, plain.2);
            if !matches!(kind, NoticeKind::PolicyRefused | NoticeKind::BreakerLatched) {
                prop_assert_eq!((lines, tags), (plain.0, plain.1));
            }
            prop_assert!(!RENDERER.html(&said(&text)).unwrap().contains("<script"));
        }
    }

    #[test]
    fn a_link_that_is_shown_is_https_to_a_host_that_can_be_read_in_full(link in prop_oneof![
        "(https?|ftp|javascript|data)://?[a-z.@:0-9/\\[\\]]{1,60}",
        poison(),
        "https://[a-z]{1,20}\\.[a-z]{2,3}(/|\\?)\\PC{0,20}",
    ]) {
        let mut record = step(ActionState::Succeeded, "LAPTOP-ANNA");
        record.action = Some(Action::CollectPackage { comment: String::new() });
        record.link = Some(link);
        let message = of(record);
        let html = RENDERER.html(&message).unwrap().replace("&#x2f;", "/");
        prop_assert_eq!(html.matches("<a ").count(), html.matches("href=\"").count());
        if let Some(shown) = message.download.clone() {
            let url = url::Url::parse(&shown.address).unwrap();
            prop_assert!(shown.label.contains(url.host_str().unwrap()), "{:?}", shown);
            prop_assert!(url.username().is_empty() && shown.address.is_ascii() && !shown.address.contains(char::is_whitespace));
            let own = ["localhost", "[::1]"].contains(&url.host_str().unwrap()) || url.host_str().unwrap().starts_with("127.");
            prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && own), "{:?}", shown);
        }
    }
}

#[test]
fn links_that_could_lead_elsewhere_than_they_seem_are_not_shown() {
    let shown = |link: &str| {
        let mut record = step(ActionState::Succeeded, "LAPTOP-ANNA");
        record.action = Some(Action::CollectPackage { comment: String::new() });
        record.link = Some(link.to_owned());
        of(record).download
    };
    let good =
        shown("https://userrequests-us.securitycenter.windows.com:443/safedownload/pkg.zip?token=a%2Bb&x=1").unwrap();
    assert_eq!(good.label, "Download from userrequests-us.securitycenter.windows.com");
    assert_eq!(good.address, "https://userrequests-us.securitycenter.windows.com/safedownload/pkg.zip?token=a%2Bb&x=1");
    assert_eq!(shown("http://127.0.0.1:4010/packages/7.zip").unwrap().label, "Download from 127.0.0.1:4010");
    for bad in [
        "http://evil.example/p.zip",
        "https://microsoft.com@evil.example/p.zip",
        "https://10.1.2.3/p.zip",
        "https://[2001:db8::1]/p.zip",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/p.zip",
        "file:///etc/passwd",
        "",
    ] {
        assert_eq!(shown(bad), None, "{bad}");
    }
    assert_eq!(shown(&format!("https://{}.example/p", "a.".repeat(60))), None, "a host too long to be read");
    assert_eq!(shown(&format!("https://a.example/{}", "p".repeat(2_000))), None, "longer than any link of Defender's");
    assert!(
        shown("https://xn--e1awd7f.example/").unwrap().label.contains("xn--"),
        "a name in other letters stays encoded"
    );
}

/// What a mail program shows of a header, where it stands as it is and where another program wrote it anew before.
fn shown(value: &str) -> [String; 2] {
    let decode = |value: &str| {
        let mail = format!("Subject: {value}\r\n\r\n");
        let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
        parsed.subject().unwrap_or_default().to_owned()
    };
    let once = decode(value);
    let twice = decode(&once);
    [once, twice]
}

/// The raw value of a header.
fn raw(mime: &[u8], name: &str) -> String {
    let parsed = MessageParser::default().parse(mime).unwrap();
    parsed.header_raw(name).unwrap().trim().to_owned()
}

#[test]
fn a_name_that_looks_encoded_is_shown_as_it_is_written_however_often_a_header_is_decoded() {
    let name = "=?utf-8?b?QUxMIENMRUFS?=";
    let mut record = step(ActionState::Held, name);
    record.alert.title = format!("{name} =?utf-8?q?resolved?=");
    let message = of(record);
    let literal = "=[?]utf-8?b?QUxMIENMRUFS?=";
    assert_eq!(message.subject, format!("High · {literal} =[?]utf-8?q?resolved?= on {literal}: you decide"));
    let mime = mail(&message).mime;
    assert_eq!(shown(&raw(&mime, "Subject")), [message.subject.clone(), message.subject]);
}

#[test]
fn display_names_that_look_encoded_are_shown_as_they_are_written() {
    let mut parties = parties();
    parties.from.name = Some("=?utf-8?b?QUxMIENMRUFS?= Würth".into());
    parties.to[0].name = Some("=?utf-8?b?QUxMIENMRUFS?=".into());
    let message = of(step(ActionState::Held, "LAPTOP-ANNA"));
    let mime = RENDERER.mail(&message, &parties, message.happened_at).unwrap().mime;
    for name in ["From", "To"] {
        let [once, twice] = shown(&raw(&mime, name));
        assert!(once.contains("=[?]utf-8?b?QUxMIENMRUFS?="), "{once}");
        assert_eq!(once, twice);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_subject_says_the_same_however_often_it_is_decoded(
        title in "(=|\\?|=\\?utf-8\\?[bBqQ]\\?[A-Za-z_=]{0,12}\\?=| |ä|\u{200b}|\\PC){0,12}",
        name in "(=|\\?|=\\?utf-8\\?b\\?QUxMIENMRUFS\\?=|-|ü|[a-z]){1,6}",
    ) {
        let mut record = step(ActionState::Failed, &name);
        record.alert.title = title;
        let message = of(record);
        prop_assert!(!message.subject.contains("=?"), "{}", message.subject);
        let mime = mail(&message).mime;
        prop_assert_eq!(shown(&raw(&mime, "Subject")), [message.subject.clone(), message.subject]);
    }
}
