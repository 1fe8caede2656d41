use std::cell::Cell;
use std::hash::Hasher;
use std::rc::Rc;

use cordon_records::IndicatorAction;
use serde_json::{Value, json};

use super::*;
use crate::rules::IndicatorTerms;

fn alert(evidence: Value) -> Alert {
    serde_json::from_value(json!({"id": "a1", "evidence": evidence})).unwrap()
}

fn file(sha1: &str) -> Value {
    json!({"entityType": "File", "sha1": sha1})
}

fn stop_files() -> Template {
    Template::Evidence(FromEvidence::StopFile { comment: "c".to_owned() })
}

fn indicators(from: Source) -> Template {
    Template::Evidence(FromEvidence::Indicator {
        from,
        terms: IndicatorTerms {
            action: IndicatorAction::Block,
            title: "t".to_owned(),
            description: "d".to_owned(),
            severity: None,
            expires_after_s: None,
            generate_alert: false,
            groups: Vec::new(),
        },
    })
}

/// What tells the actions apart: files, values of indicators.
fn details(template: &Template, alert: &Alert) -> Vec<String> {
    expand(template, alert).actions.iter().map(|action| action.detail().unwrap().to_owned()).collect()
}

fn sha(digit: usize, length: usize) -> String {
    format!("{:0length$x}", digit + 0x1000)
}

#[test]
fn a_file_that_defender_has_stopped_itself_is_not_stopped_again_but_may_become_an_indicator() {
    let with = |digit: usize, status: Value| json!({"entityType": "File", "sha1": sha(digit, 40), "sha256": sha(digit, 64), "detectionStatus": status});
    let statuses =
        [json!("Detected"), json!("Prevented"), json!("blocked"), json!("Remediated"), json!(null), json!("New")];
    let alert = alert(Value::Array(statuses.iter().enumerate().map(|(n, status)| with(n, status.clone())).collect()));
    assert_eq!(details(&stop_files(), &alert), [0, 4, 5].map(|digit| sha(digit, 40)));
    assert_eq!(expand(&indicators(Source::Files), &alert).found, 6);
}

#[test]
fn each_file_is_stopped_once_and_a_process_never_is() {
    let alert = alert(json!([
        {"entityType": "Process", "sha1": sha(9, 40), "fileName": "rundll32.exe"},
        file(&sha(0xb, 40)),
        file(&sha(0xb, 40).to_uppercase()),
        file("111"),
        {"entityType": "file", "sha1": sha(2, 40)},
        {"entityType": "File", "sha1": null},
        {"sha1": sha(8, 40)},
    ]));
    assert_eq!(details(&stop_files(), &alert), [sha(0xb, 40), sha(2, 40)]);
}

#[test]
fn no_more_than_ten_come_of_one_entry_and_the_number_is_told() {
    let alert = alert((0..25).map(|n| file(&sha(n, 40))).collect());
    let expanded = expand(&stop_files(), &alert);
    assert_eq!((expanded.actions.len(), expanded.found), (MOST, 25));
    assert_eq!(details(&stop_files(), &alert)[0], sha(0, 40), "the first of the evidence");
}

#[test]
fn indicators_are_made_of_what_defender_takes() {
    let alert = alert(json!([
        {"entityType": "File", "sha1": sha(1, 40), "sha256": sha(1, 64)},
        file(&sha(2, 40)),
        {"entityType": "Ip", "ipAddress": "203.0.113.7"},
        {"entityType": "Ip", "ipAddress": "10.0.0.5"},
        {"entityType": "Ip", "ipAddress": "not an address"},
        {"entityType": "Url", "url": "https://Evil.Example/a"},
        {"entityType": "Url", "url": "evil.example"},
        {"entityType": "Url", "url": "http://203.0.113.8/x"},
    ]));
    assert_eq!(details(&indicators(Source::Files), &alert), [sha(1, 64), sha(2, 40)]);
    assert_eq!(details(&indicators(Source::Ips), &alert), ["203.0.113.7"]);
    assert_eq!(details(&indicators(Source::Domains), &alert), ["evil.example"]);
    let urls = ["https://Evil.Example/a", "http://203.0.113.8/x"];
    assert_eq!(details(&indicators(Source::Urls), &alert), urls);
}

const EMPTY_SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn what_identifies_nothing_is_refused_and_told() {
    let alert = alert(json!([
        {"entityType": "File", "sha1": EMPTY_SHA1, "sha256": EMPTY_SHA256},
        {"entityType": "File", "sha1": "0".repeat(40), "sha256": "0".repeat(64)},
        {"entityType": "File", "sha1": sha(3, 40), "sha256": "0".repeat(64)},
        {"entityType": "File", "sha1": "F".repeat(40), "sha256": sha(4, 64)},
        {"entityType": "File", "sha1": EMPTY_SHA1, "detectionStatus": "Prevented"},
        {"entityType": "Ip", "ipAddress": "0.0.0.0"},
        {"entityType": "Ip", "ipAddress": "255.255.255.255"},
        {"entityType": "Ip", "ipAddress": "::"},
        {"entityType": "Ip", "ipAddress": "10.0.0.5"},
        {"entityType": "Ip", "ipAddress": "10.0.0.5"},
        {"entityType": "Ip", "ipAddress": ""},
        {"entityType": "Url", "url": "http://localhost:8080/x"},
        {"entityType": "Url", "url": "http://0.0.0.0/"},
        {"entityType": "Url", "url": " "},
    ]));
    for (template, taken, refused) in [
        (stop_files(), vec![sha(3, 40)], vec![EMPTY_SHA1, "0", "F"]),
        (indicators(Source::Files), vec![sha(3, 40), sha(4, 64)], vec![EMPTY_SHA256, "0", EMPTY_SHA1]),
        (
            indicators(Source::Ips),
            vec![],
            vec!["0.0.0.0 is an unspecified", "255.255.255.255 is the broad", ":: is", "10.0.0.5 is"],
        ),
        (indicators(Source::Domains), vec![], vec!["http://localhost:8080/x is a name of the machine itself"]),
        (indicators(Source::Urls), vec![], vec!["http://localhost:8080/x is", "http://0.0.0.0/ is an unspecified"]),
    ] {
        let expanded = expand(&template, &alert);
        assert_eq!(details(&template, &alert), taken);
        let told = expanded.refused.first.unwrap_or_default();
        assert_eq!((expanded.found, expanded.refused.count), (taken.len(), refused.len()), "{told}");
        assert!(told.starts_with(refused[0]) && told.ends_with(": it identifies nothing"), "{told}");
    }
}

/// A word that counts how often it is compared.
#[derive(Debug, Clone)]
struct Compared(String, Rc<Cell<usize>>);

impl PartialEq for Compared {
    fn eq(&self, other: &Self) -> bool {
        self.1.set(self.1.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Compared {}

impl Hash for Compared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<Compared> for String {
    fn from(word: Compared) -> Self {
        word.0
    }
}

#[test]
fn thousands_of_things_are_read_once_each_and_compared_a_few_times() {
    const ITEMS: usize = 15_000;
    let urls = (0..ITEMS).map(|n| json!({"entityType": "Url", "url": format!("http://{}.local", n / 2)})).collect();
    let alert = alert(urls);
    let (reads, compared) = (Cell::new(0), Rc::new(Cell::new(0)));
    let read = |item: &Evidence| {
        reads.set(reads.get() + 1);
        Some(Err::<String, _>(Compared(item.url.clone()?, Rc::clone(&compared))))
    };
    let (found, refused) = distinct(&alert, "Url", read);
    assert_eq!((found.len(), refused.count, reads.get()), (0, ITEMS / 2, ITEMS));
    assert!(compared.get() < 2 * ITEMS, "{} comparisons", compared.get());
    let refused = expand(&indicators(Source::Urls), &alert).refused;
    assert!(refused.first.unwrap().starts_with("http://0.local is "));
    assert_eq!(refused.count, ITEMS / 2);
}
