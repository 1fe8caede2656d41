use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::corpus::Records;

fn pseudonyms(key: &[u8]) -> Pseudonyms {
    Pseudonyms(hmac::Key::new(hmac::HMAC_SHA256, key))
}

fn ours() -> Pseudonyms {
    pseudonyms(&[7; 32])
}

/// The record with its names taken out.
fn taken(record: &Value) -> Value {
    ours().record(record.to_string().as_bytes()).unwrap()
}

/// A record in whose texts its own names stand.
fn record() -> Value {
    json!({
        "schema_version": 1, "id": "da12_1@2026-09-01T08:00:00Z", "alert_id": "da12_1", "tenant": "5a17c0de-0000-4000-8000-00000000c0de",
        "source": "mde", "change": "new", "seen_at": "2026-09-01T08:00:00Z", "enriched_at": "2026-09-01T08:00:01Z",
        "unheardOf": {"laptop-anna": ["Anna Smith", 17, true]},
        "alert": {
            "id": "da12_1", "severity": "High", "category": "Malware", "machineId": "0123456789abcdef0123456789abcdef01234567",
            "computerDnsName": "LAPTOP-ANNA.corp.example.com", "rbacGroupName": "Sales", "incidentId": 7587,
            "title": "anna.smith logged on to laptop-anna, LAPTOP-ANNA.CORP.EXAMPLE.COM and srv-02.corp.example.com from 10.1.2.3:443",
            "relatedUser": {"userName": "anna.smith", "domainName": "CORP"},
            "lastUpdateTime": "2026-09-01T08:00:00Z",
            "evidence": [
                {"entityType": "User", "accountName": "anna.smith", "userPrincipalName": "Anna.Smith@corp.example.com",
                 "userSid": "S-1-5-21-11-22-33-1104", "aadUserId": "17e10bbc-3a68-474a-8aad-faef14d43952"},
                {"entityType": "Process", "fileName": "powershell.exe", "accountName": "SYSTEM", "domainName": "NT AUTHORITY",
                 "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                 "processCommandLine": "powershell.exe -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBi C:\\Users\\asmith\\run.ps1 \\\\filer07\\c$ http://bob:pw@filer07.corp.example.com:8080/x?m=eve@corp.example.com"},
                {"entityType": "Ip", "ipAddress": "10.1.2.3"}, {"entityType": "Url", "url": "https://evil-host.example.com/a?b=anna.smith"},
            ],
        },
        "machine": {
            "id": "0123456789abcdef0123456789abcdef01234567", "computerDnsName": "laptop-anna.corp.example.com", "osBuild": 22631,
            "osPlatform": "Windows11", "machineTags": ["cordon-never", "annas own"], "lastIpAddress": "10.1.2.3", "rbacGroupId": 0,
            "ipAddresses": [{"ipAddress": "fe80::1234", "macAddress": "8CEC4B897E73", "operationalStatus": "Up"}],
        },
    })
}

#[test]
fn each_name_becomes_another_of_its_shape() {
    let ours = ours();
    for (text, shape) in [
        ("192.168.7.9", "192.168."),
        ("10.1.2.3", "10."),
        ("fe80::1", "fe80:"),
        ("::ffff:10.1.2.3", "::ffff:10."),
        ("S-1-5-21-11-22-33-1104", "S-1-5-21-"),
    ] {
        let made = ours.by_shape(text);
        assert!(made.starts_with(shape) && made != text, "{text} {made}");
    }
    for text in ["203.0.113.9", "8.8.8.8"] {
        let made: std::net::Ipv4Addr = ours.by_shape(text).parse().unwrap();
        assert!(!made.is_private() && !made.is_loopback() && !made.is_multicast(), "{made}");
    }
    let digits = |text: &str| text.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect::<String>();
    for text in
        ["17e10bbc-3a68-474a-8aad-faef14d43952", "8C:EC:4B:89:7E:73", "0123456789abcdef0123456789abcdef01234567"]
    {
        let made = ours.by_shape(text);
        assert!(digits(&made) == digits(text) && made != text, "{text} {made}");
    }
    for text in
        ["", " ", "SYSTEM", "NT AUTHORITY", "127.0.0.1", "::1", "S-1-5-18", "Automation", "2026-09-01T08:00:00Z"]
    {
        assert_eq!(ours.by_shape(text), text, "it names nobody");
    }
    assert!(
        shape::is_domain(&ours.by_shape("srv-7.corp.example.com")) && ours.by_shape("a.example.com").ends_with(".com")
    );
}

#[test]
fn a_name_has_one_pseudonym_wherever_it_stands_and_however_it_is_written() {
    let made = taken(&record());
    let host = made["machine"]["computerDnsName"].as_str().unwrap();
    let (first, domain) = host.split_once('.').unwrap();
    assert_eq!(made["alert"]["computerDnsName"].as_str().unwrap().to_lowercase(), host);
    let account = made["alert"]["relatedUser"]["userName"].as_str().unwrap();
    assert_eq!(made["alert"]["evidence"][0]["accountName"], account);
    let mail = made["alert"]["evidence"][0]["userPrincipalName"].as_str().unwrap();
    assert_eq!(mail.to_lowercase(), format!("{account}@{domain}"));
    let ip = made["machine"]["lastIpAddress"].as_str().unwrap();
    let title = made["alert"]["title"].as_str().unwrap();
    let expected = format!("{account} logged on to {first}, {host} and ");
    assert!(title.to_lowercase().starts_with(&expected), "{title}\n{expected}");
    assert!(title.ends_with(&format!(".{domain} from {ip}:443")), "{title}");
    assert_eq!(made["alert"]["machineId"], made["machine"]["id"]);
    assert_eq!(made["id"], json!(format!("{}@2026-09-01T08:00:00Z", made["alert_id"].as_str().unwrap())));
    assert_eq!(made["alert"]["id"], made["alert_id"]);
}

#[test]
fn what_rules_and_guards_judge_stays_and_what_nobody_knows_is_replaced() {
    let (original, made) = (record(), taken(&record()));
    for path in [
        "/alert/severity",
        "/alert/category",
        "/alert/lastUpdateTime",
        "/alert/evidence/1/sha1",
        "/alert/evidence/1/fileName",
        "/alert/evidence/1/accountName",
        "/alert/evidence/0/entityType",
        "/machine/osPlatform",
        "/machine/osBuild",
        "/machine/machineTags/0",
        "/machine/rbacGroupId",
        "/enriched_at",
        "/source",
    ] {
        assert_eq!(made.pointer(path), original.pointer(path), "{path}");
    }
    let text = made.to_string();
    for gone in [
        "anna",
        "smith",
        "laptop",
        "corp",
        "asmith",
        "filer07",
        "evil-host",
        "bob:pw",
        "eve@",
        "srv-02.corp",
        "Sales",
        "SQBFAFgAIAAoAE4AZQB3AC0ATwBi",
        "10.1.2.3",
        "fe80::1234",
        "8CEC4B897E73",
        "7587",
        "1104",
        "da12_1",
        "17e10bbc",
        "annas own",
        ",17,",
    ] {
        assert!(!text.to_lowercase().contains(&gone.to_lowercase()), "{gone} is left in {text}");
    }
    let command = made["alert"]["evidence"][1]["processCommandLine"].as_str().unwrap();
    assert!(command.starts_with("powershell.exe -enc ") && command.contains("\\run.ps1 \\\\"), "{command}");
}

#[test]
fn another_key_gives_other_names_and_the_same_key_the_same() {
    let text = record().to_string();
    let of = |key: &[u8]| pseudonyms(key).record(text.as_bytes()).unwrap();
    assert_eq!(of(&[1; 32]), of(&[1; 32]));
    let (one, other) = (of(&[1; 32]), of(&[2; 32]));
    for path in ["/alert_id", "/machine/id", "/machine/computerDnsName", "/machine/lastIpAddress", "/alert/incidentId"]
    {
        assert_ne!(one.pointer(path), other.pointer(path), "{path}");
    }
}

#[test]
fn a_record_that_had_to_be_repaired_is_refused() {
    let text = record().to_string().replace("\"severity\":\"High\"", "\"severity\":\"High\",\"severity\":\"Low\"");
    assert!(ours().record(text.as_bytes()).unwrap_err().contains("duplicate"));
    assert!(ours().record(b"garbage").is_err());
}

#[test]
fn a_key_is_named_and_never_given_or_shown_and_a_short_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Pseudonyms::read(&format!("file:{}", path.display()))
    };
    let secret = "0123456789abcdef0123456789abcdef";
    assert!(!format!("{:?}", read(secret).unwrap()).contains(&secret[..8]));
    for (told, said) in [
        (read("short").unwrap_err(), "has 5 bytes, and takes 32"),
        (Pseudonyms::read(secret).unwrap_err(), "say where the key is: env:NAME or file:/path"),
        (Pseudonyms::read("file:/nowhere/key").unwrap_err(), "/nowhere/key cannot be read"),
        (Pseudonyms::read("env:CORDON_TEST_NO_SUCH_KEY").unwrap_err(), "CORDON_TEST_NO_SUCH_KEY"),
    ] {
        let told = told.to_string();
        assert!(told.contains(said) && !told.contains(secret) && !told.contains("short"), "{told}");
    }
}

/// The fields that name somebody or something, with what they hold; written down here once more, so that a field that the code
/// forgets is found.
fn named(value: &Value, field: &str, names: &mut Vec<String>) {
    const NAMES: [&str; 24] = [
        "alert_id",
        "tenant",
        "id",
        "machineId",
        "computerDnsName",
        "rbacGroupName",
        "aadTenantId",
        "aadDeviceId",
        "aadUserId",
        "userSid",
        "domainName",
        "ipAddress",
        "macAddress",
        "lastIpAddress",
        "lastExternalIpAddress",
        "userName",
        "accountName",
        "userPrincipalName",
        "assignedTo",
        "url",
        "machineTags",
        "detectorId",
        "investigationId",
        "mergedIntoMachineId",
    ];
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| named(value, field, names)),
        Value::Array(items) => items.iter().for_each(|item| named(item, field, names)),
        Value::String(text) if NAMES.contains(&field) && text.len() >= 4 && !text.starts_with("cordon-") => {
            names.push(text.clone());
            if let Some((first, _)) =
                text.split_once('.').filter(|(first, _)| field == "computerDnsName" && first.len() >= 4)
            {
                names.push(first.to_owned());
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_name_of_a_record_is_left_anywhere_in_it(seed in any::<u64>(), text in "\\PC{0,20}") {
        let from = "2026-06-01T00:00:00Z".parse().unwrap();
        for record in Records::new(seed, 12, from) {
            let mut record = serde_json::to_value(&record).unwrap();
            let mut names = Vec::new();
            named(&record, "", &mut names);
            // Whatever writes titles and command lines puts names of the record there.
            let told = names.join(&format!(" {text} "));
            let upper = names.iter().map(|name| name.to_ascii_uppercase()).collect::<Vec<_>>().join("\\");
            record["alert"]["title"] = json!(format!("{text} {told}"));
            record["alert"]["description"] = json!(upper);
            record["alert"]["unheardOf"] = json!(told);
            let made = taken(&record);
            let left = made.to_string().to_lowercase();
            for name in names {
                prop_assert!(!left.contains(&name.to_lowercase()), "{} is left in {}", name, left);
            }
            prop_assert_eq!(made, taken(&record));
        }
    }
}
