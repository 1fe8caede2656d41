//! Twenty realistic conditions on a ready record: the compiled closures against the `cel` crate's interpreter, whose
//! context is built before the clock starts. Rounds of both alternate, so that a busy machine slows both.
//!
//! `cargo bench -p cordon-policy` prints nanoseconds for all twenty and the ratio; a second line leaves out the
//! conditions with `matches()`, since the interpreter compiles its pattern anew on every call.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Instant;

use cordon_policy::{Condition, Judged, RecordFacts, schema};
use cordon_records::{Alert, Machine};

#[path = "../src/condition/tests/oracle.rs"]
mod oracle;

const CONDITIONS: [&str; 20] = [
    r#"alert.severity == "High" && alert.status != "Resolved" && !(alert.classification in ["FalsePositive", "InformationalExpectedActivity"])"#,
    r#"alert.severity in ["Medium", "High"] && alert.category == "Ransomware""#,
    r#"alert.category in ["CredentialAccess", "LateralMovement"] && machine.deviceValue == "High""#,
    r#"alert.detectionSource == "WindowsDefenderAtp" && "T1003" in alert.mitreTechniques"#,
    r#"alert.mitreTechniques.exists(t, t.startsWith("T1059"))"#,
    r#"alert.evidence.exists(e, e.entityType == "Process" && e.processCommandLine.contains("-enc"))"#,
    r#"alert.evidence.exists(e, e.entityType == "File" && e.sha1 == "3395856ce81f2b7382dee72602f798b642f14140")"#,
    r#"alert.title.matches("(?i)mimikatz|credential (theft|dump)")"#,
    r#"machine.computerDnsName.matches("^(lap|ws)-[0-9]+[.]corp[.]example$") && alert.severity == "High""#,
    r#"machine.osPlatform.startsWith("Windows") && !machine.osPlatform.contains("Server") && machine.osBuild >= 19045"#,
    r#"machine.machineTags.exists(t, t == "vip" || t == "pilot") && alert.status == "New""#,
    r#"machine.riskScore == "High" && machine.exposureLevel in ["Medium", "High"] && machine.healthStatus == "Active""#,
    r#"alert.lastEventTime - alert.firstEventTime > duration("10m")"#,
    r#"alert.alertCreationTime > timestamp("2026-01-01T00:00:00Z") && alert.incidentId > 0"#,
    r#"has(alert.threatFamilyName) && alert.threatFamilyName != "EICAR_Test_File""#,
    r#"size(users) > 0 && users.all(u, !u.endsWith("@admin.corp.example"))"#,
    r#"(alert.severity == "Low" || alert.severity == "Informational") && size(alert.evidence) > 20"#,
    r#"alert.evidence.exists(e, e.ipAddress == "203.0.113.66" || e.url.endsWith(".evil.example"))"#,
    r#"has(machine.lastSeen) && now - machine.lastSeen < duration("24h") && !machine.isExcluded"#,
    r#"alert.evidence.filter(e, e.entityType == "User").size() > 2 && machine.onboardingStatus == "Onboarded""#,
];

const ALERT: &str = r#"{"id":"da637_1","incidentId":7587,"severity":"High","status":"New","detectionSource":"WindowsDefenderAtp",
"category":"CredentialAccess","threatFamilyName":"Mimikatz","title":"Suspicious access to LSASS: credential dump",
"description":"A process read the memory of lsass.exe.","alertCreationTime":"2026-03-01T09:41:10.9466522Z",
"firstEventTime":"2026-03-01T09:20:10.9Z","lastEventTime":"2026-03-01T09:39:30.9Z","machineId":"m1",
"computerDnsName":"lap-1042.corp.example","mitreTechniques":["T1003","T1003.001","T1059.001","T1078"],
"evidence":[
{"entityType":"User","accountName":"anna","domainName":"CORP","userPrincipalName":"anna@corp.example"},
{"entityType":"User","accountName":"svc","domainName":"CORP","userPrincipalName":"svc@corp.example"},
{"entityType":"Process","fileName":"powershell.exe","processCommandLine":"powershell.exe -nop -w hidden -enc SQBFAFgA"},
{"entityType":"Process","fileName":"cmd.exe","processCommandLine":"cmd.exe /c whoami"},
{"entityType":"File","fileName":"m.exe","filePath":"C:\\Temp","sha1":"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
{"entityType":"File","fileName":"n.dll","filePath":"C:\\Temp","sha1":"3395856ce81f2b7382dee72602f798b642f14140"},
{"entityType":"Ip","ipAddress":"203.0.113.9"},{"entityType":"Url","url":"https://cdn.example/x"}]}"#;

const MACHINE: &str = r#"{"id":"m1","computerDnsName":"lap-1042.corp.example","osPlatform":"Windows11","version":"24H2","osBuild":26100,
"lastSeen":"2026-03-01T08:00:00Z","lastIpAddress":"10.20.30.40","healthStatus":"Active","onboardingStatus":"Onboarded",
"riskScore":"Medium","exposureLevel":"Low","deviceValue":"Normal","isAadJoined":true,"machineTags":["lab","pilot"],"isExcluded":false}"#;

const ROUNDS: usize = 21;
/// The interpreter gets fewer, so that both take about as long.
const OURS: u32 = 4_000;
const THEIRS: u32 = 100;

/// Nanoseconds that one pass takes.
fn time(passes: u32, mut pass: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..passes {
        pass();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(passes)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(name: &str, sources: &[&str]) {
    let (alert, machine): (Alert, Machine) =
        (serde_json::from_str(ALERT).unwrap(), serde_json::from_str(MACHINE).unwrap());
    let now = "2026-03-01T09:41:11Z".parse().unwrap();
    let facts = RecordFacts::new(&alert, Some(&machine), now);
    let context = oracle::context(&alert, Some(&machine), now);
    let ours: Vec<Condition> = sources
        .iter()
        .map(|source| Condition::parse(source).unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}")))
        .collect();
    let theirs: Vec<cel::Program> = sources.iter().map(|source| oracle::program(source)).collect();
    for ((source, ours), theirs) in sources.iter().zip(&ours).zip(&theirs) {
        let said = ours.judge(&facts);
        assert_eq!(Some(said == Judged::True), oracle::judge(theirs, &context), "{source}: {said:?}");
    }
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        fast.push(time(OURS, || {
            for condition in &ours {
                black_box(condition.judge(black_box(&facts)));
            }
        }));
        slow.push(time(THEIRS, || {
            for program in &theirs {
                black_box(oracle::judge(program, black_box(&context)));
            }
        }));
    }
    let (fast, slow) = (median(fast), median(slow));
    println!(
        "{name}: {} conditions, compiled {fast:.0} ns, interpreter {slow:.0} ns, ratio {:.1}",
        sources.len(),
        slow / fast
    );
}

fn main() {
    compare("all", &CONDITIONS);
    let plain: Vec<&str> = CONDITIONS.iter().copied().filter(|source| !source.contains("matches(")).collect();
    compare("without patterns", &plain);
}
