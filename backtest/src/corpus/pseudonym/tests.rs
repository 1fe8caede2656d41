use std::net::Ipv6Addr;

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
        host::is_domain(&ours.by_shape("srv-7.corp.example.com")) && ours.by_shape("a.example.com").ends_with(".com")
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

/// The record with this title and, where it has one, this beside it.
fn with_title(title: &str, more: &Value) -> (String, Value) {
    let mut record = record();
    record["alert"]["title"] = json!(title);
    record["machine"]["loggedOnUsers"] = more.clone();
    let made = taken(&record);
    (made["alert"]["title"].as_str().unwrap().to_owned(), made)
}

#[test]
fn what_is_glued_to_a_flag_or_a_port_is_replaced_and_the_flag_stays() {
    let (guid, sid) = ("27e10bbc-3a68-474a-8aad-faef14d43952", "S-1-5-21-91-92-93-2104");
    let ours = ours();
    for (before, names, after) in [
        ("mstsc /v:", vec!["10.9.2.3"], ""),
        ("--host=", vec!["10.9.0.5"], ""),
        ("?u=", vec!["10.9.2.3"], "&v=1"),
        ("", vec!["10.9.2.3", "10.9.2.9"], ""),
        ("ping ", vec!["fe80::9"], "%12"),
        ("mstsc /v:", vec!["srv-09.acme.com"], " /f"),
        ("", vec!["db09.acme.com"], ":8443"),
        ("--tenant=", vec![guid], ""),
        ("/sid=", vec![sid], ""),
        ("HKU\\", vec![sid], "_Classes"),
        ("u%3D", vec!["10.9.2.3"], "%26x"),
        ("\u{6765}\u{81ea}", vec!["10.9.2.3"], "\u{7684}"),
        ("--vault-", vec![guid], "-x"),
    ] {
        let made: Vec<String> = names.iter().map(|name| ours.by_shape(name)).collect();
        let title = format!("{before}{}{after}", names.join("-"));
        assert_eq!(with_title(&title, &Value::Null).0, format!("{before}{}{after}", made.join("-")), "{title}");
    }
}

#[test]
fn accounts_and_hosts_are_replaced_as_programs_write_them() {
    for (title, stays, gone) in [
        ("ssh bob@srv09", "ssh ", vec!["bob", "srv09"]),
        ("scp x bob@srv09:/tmp", ":/tmp", vec!["bob", "srv09"]),
        ("bob@10.9.2.3:22", ":22", vec!["bob", "10.9.2.3"]),
        ("ssh eve@acme.com@srv09", "ssh ", vec!["eve", "acme", "srv09"]),
        ("ACME\\bob was here", " was here", vec!["acme", "bob"]),
        ("net use x: /user:ACME\\svc_backup", "net use x: /user:", vec!["acme", "svc_backup"]),
        ("ACME\\eve met ACME\\bob", " met ", vec!["acme", "eve", "bob"]),
        ("?login_hint=eve%40contoso.com&x", "?login_hint=", vec!["eve", "contoso"]),
        ("/personal/eve_jones_acme_com/Documents", "_com/Documents", vec!["eve", "jones", "acme"]),
        ("mailto:j\u{fc}rgen@acme.com", "mailto:", vec!["j\u{fc}", "rgen", "acme"]),
        ("dc09.acme.cloud", ".cloud", vec!["dc09", "acme"]),
        ("ping dc09.loc", "ping ", vec!["dc09"]),
        ("dc09.acme.dev", ".dev", vec!["dc09", "acme"]),
        ("DC09.acme.unlisted", "", vec!["dc09", "acme", "unlisted"]),
        ("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJldmUtam9uZXMifQ.ab_c-d9", "Bearer ", vec!["eyj", "ab_c"]),
        ("token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJldmUtam9uZXMifQ.", "token=", vec!["eyj", "zdwi"]),
    ] {
        let made = with_title(title, &Value::Null).0;
        assert!(made.contains(stays), "{title}: {made}");
        for gone in gone {
            assert!(!made.to_lowercase().contains(gone), "{gone} of {title} is left in {made}");
        }
    }
}

#[test]
fn programs_folders_keys_and_versions_are_no_accounts_and_no_hosts() {
    for stays in [
        "C:\\Program Files\\Common Files\\x",
        "C:\\Windows\\System32\\cmd.exe /c start",
        "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion",
        "NT AUTHORITY\\SYSTEM",
        "$env:TEMP\\x",
        ".\\tools\\run.ps1 tools\\run.ps1",
        "New-Object System.Net.WebClient; [System.Text.Encoding]::UTF8",
        "npm install react@18.2.0 report.final.docx 2026-09-01T08:00:00Z --level=12-34_5",
    ] {
        assert_eq!(with_title(stays, &Value::Null).0, stays);
    }
}

#[test]
fn a_name_is_known_in_any_case_and_where_a_field_holds_a_text_in_place_of_others() {
    let (title, made) = with_title("\u{fc}MIT and EVE-jones logged on", &json!(["ACME\\eve-jones", "\u{dc}mit"]));
    let users = &made["machine"]["loggedOnUsers"];
    assert!(users[0].as_str().unwrap().ends_with(&format!("\\{}", ours().user("eve-jones"))), "{users}");
    for gone in ["mit", "acme", "eve", "jones"] {
        assert!(!format!("{title} {users}").to_lowercase().contains(gone), "{gone} is left in {title} {users}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_too_odd_and_no_backslash_too_many(text in "[a-c1.:=%_@+\\\\é\u{130}\u{212a} -]{0,60}", many in 0..4_000_usize) {
        let made = ours();
        made.cleaned(&text, &Known::default());
        made.user(&"\\".repeat(many));
        made.cleaned(&"a:b=@".repeat(many / 10), &Known::default());
    }
}

/// The same address as four programs write it.
fn spelt(address: Ipv6Addr, spelling: usize) -> String {
    let groups = address.segments().map(|group| format!("{group:04x}")).join(":");
    match spelling {
        0 => address.to_string(),
        1 => groups,
        2 => groups.to_ascii_uppercase(),
        _ => address.to_string().to_ascii_uppercase(),
    }
}

proptest! {
    #[test]
    fn in_a_url_an_address_in_brackets_is_the_one_that_it_is_elsewhere_and_scheme_port_and_zone_stay_in_their_places(
        address in prop_oneof![
            any::<u128>().prop_map(Ipv6Addr::from),
            any::<u32>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_ipv6_mapped()),
            any::<u64>().prop_map(|host| Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(host))),
        ],
        spelling in 0..4_usize,
        zone in proptest::option::of(("%|%25", "[0-9]{1,2}|lap9-[a-z]{5}")),
        user in proptest::option::of("[b-d]{3}\\.[b-d]{6}(:[b-d]{5})?"),
        port in proptest::option::of(any::<u16>()),
        scheme in "(https?://)?",
        rest in "|/|/x/y\\?a=1|\\?a|#b|/\\[x\\]:1",
    ) {
        let ours = ours();
        let (mark, zone) = zone.unwrap_or_default();
        let user_at = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}{user_at}[{}{mark}{zone}]{port}{rest}", spelt(address, spelling));
        let made = ours.url(&url, &Known::default());
        let other = ours.by_shape(&address.to_string());
        let is_number = zone.chars().all(|c| c.is_ascii_digit());
        let zone_made = if is_number { zone.clone() } else { ours.name(&zone) };
        prop_assert!(made.starts_with(&scheme), "{url}: {made}");
        let expected = format!("[{other}{mark}{zone_made}]{port}{rest}");
        prop_assert!(made.ends_with(&expected), "{url}: {made} instead of {expected}");
        prop_assert_eq!(made.contains('@'), user.is_some(), "{}: {}", url, made);
        for gone in user.iter().chain((!is_number).then_some(&zone)) {
            prop_assert!(!made.contains(gone.as_str()), "{gone} of {url} is left in {made}");
        }
    }
}

#[test]
fn an_address_in_brackets_has_one_pseudonym_in_a_url_in_a_field_and_in_a_text() {
    let mut record = record();
    record["alert"]["evidence"][3]["url"] = json!("https://[fe80::77]:8443/x?to=fe80::77");
    record["alert"]["evidence"][2]["ipAddress"] = json!("fe80::77");
    record["alert"]["title"] =
        json!("curl https://[FE80::77]:8443/x and http://bob:pw@[fe80::77%25eth0]/ and [fe80::77]");
    let made = taken(&record);
    let other = made["alert"]["evidence"][2]["ipAddress"].as_str().unwrap();
    assert!(other.starts_with("fe80:") && other != "fe80::77");
    assert_eq!(made["alert"]["evidence"][3]["url"], json!(format!("https://[{other}]:8443/x?to={other}")));
    let title = made["alert"]["title"].as_str().unwrap();
    assert!(title.starts_with(&format!("curl https://[{other}]:8443/x and http://")), "{title}");
    assert!(title.ends_with(&format!(" and [{other}]")) && title.matches(other).count() == 3, "{title}");
    assert!(!title.contains("bob") && !title.contains("pw") && !title.contains("eth0"), "{title}");
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

/// Whether the name stands there; within a word of letters and digits it is a pseudonym's chance.
fn stands_in(text: &str, name: &str) -> bool {
    let is_word = |other: Option<char>| other.is_some_and(char::is_alphanumeric);
    text.match_indices(name).any(|(at, found)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + found.len()..).unwrap_or_default());
        !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    })
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
                prop_assert!(!stands_in(&left, &name.to_lowercase()), "{} is left in {}", name, left);
            }
            prop_assert_eq!(made, taken(&record));
        }
    }
}
