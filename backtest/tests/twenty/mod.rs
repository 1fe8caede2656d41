//! Twenty conditions, as rules have them and as DuckDB has them, and DuckDB over the same records.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cordon_settings::variable;
use serde_json::Value;

/// Each condition in CEL and in SQL. Without a machine a condition on it cannot be told, which is no match either.
pub const TWENTY: [(&str, &str); 20] = [
    ("alert.severity == \"High\"", "alert.severity = 'High'"),
    ("alert.severity in [\"Medium\", \"High\"]", "alert.severity IN ('Medium', 'High')"),
    ("alert.severity == \"High\" && alert.status == \"New\"", "alert.severity = 'High' AND alert.status = 'New'"),
    ("alert.category == \"Ransomware\"", "alert.category = 'Ransomware'"),
    ("alert.title.contains(\"Suspicious\")", "contains(alert.title, 'Suspicious')"),
    ("alert.computerDnsName.startsWith(\"srv-\")", "starts_with(alert.computerDnsName, 'srv-')"),
    ("alert.detectionSource == \"WindowsDefenderAv\"", "alert.detectionSource = 'WindowsDefenderAv'"),
    ("alert.classification == \"TruePositive\"", "alert.classification = 'TruePositive'"),
    (
        "alert.status == \"Resolved\" && alert.classification == \"FalsePositive\"",
        "alert.status = 'Resolved' AND alert.classification = 'FalsePositive'",
    ),
    ("machine.osPlatform == \"WindowsServer2022\"", "machine.osPlatform = 'WindowsServer2022'"),
    ("machine.machineTags.exists(t, t == \"VIP\")", "list_contains(machine.machineTags, 'VIP')"),
    (
        "machine.riskScore == \"High\" && alert.severity != \"Informational\"",
        "machine.riskScore = 'High' AND alert.severity <> 'Informational'",
    ),
    (
        "alert.mitreTechniques.exists(t, t.startsWith(\"T1486\"))",
        "len(list_filter(alert.mitreTechniques, lambda t: starts_with(t, 'T1486'))) > 0",
    ),
    (
        "alert.evidence.exists(e, e.ipAddress != \"\")",
        "len(list_filter(alert.evidence, lambda e: e.ipAddress <> '')) > 0",
    ),
    (
        "alert.evidence.exists(e, e.entityType == \"Process\" && lower(e.fileName).contains(\"powershell\"))",
        "len(list_filter(alert.evidence, lambda e: e.entityType = 'Process' AND contains(lower(e.fileName), 'powershell'))) > 0",
    ),
    ("size(alert.evidence) > 4", "len(alert.evidence) > 4"),
    (
        "users.exists(u, u == \"user1@corp.example\")",
        "len(list_filter(alert.evidence, lambda e: e.userPrincipalName = 'user1@corp.example')) > 0",
    ),
    ("alert.incidentId > 1500", "alert.incidentId > 1500"),
    (
        "machine.deviceValue == \"High\" && alert.category == \"LateralMovement\"",
        "machine.deviceValue = 'High' AND alert.category = 'LateralMovement'",
    ),
    (
        "alert.evidence.exists(e, e.fileName.startsWith(\"job-1\") && e.entityType == \"File\")",
        "len(list_filter(alert.evidence, lambda e: starts_with(e.fileName, 'job-1') AND e.entityType = 'File')) > 0",
    ),
];

/// Writes a rule for each condition that is only counted; every so many-th may ask for what it says instead.
pub fn rules(folder: &Path, change: impl Fn(usize, &str) -> (String, &'static str)) {
    std::fs::create_dir_all(folder).unwrap();
    for (number, (when, _)) in TWENTY.iter().enumerate() {
        let (when, actions) = change(number, when);
        let text = format!("id: r{number:02}\nmode: auto\nwhen: |\n  {when}\nactions: {actions}\n");
        std::fs::write(folder.join(format!("r{number:02}.yaml")), text).unwrap();
    }
}

const SCRIPT: &str = r#"
import duckdb, json, sys, time
path, conditions = sys.argv[1], json.loads(sys.argv[2])
db = duckdb.connect()
db.execute("SET threads = 2")
db.execute("SET enable_progress_bar = false")
columns = {
    "alert": "STRUCT(severity VARCHAR, status VARCHAR, category VARCHAR, title VARCHAR, computerDnsName VARCHAR, detectionSource VARCHAR, "
             "classification VARCHAR, incidentId BIGINT, mitreTechniques VARCHAR[], evidence STRUCT(entityType VARCHAR, fileName VARCHAR, "
             "ipAddress VARCHAR, userPrincipalName VARCHAR, processCommandLine VARCHAR)[])",
    "machine": "STRUCT(osPlatform VARCHAR, riskScore VARCHAR, deviceValue VARCHAR, machineTags VARCHAR[])",
}
begun = time.monotonic()
counts = ", ".join(f"count_if({it})" for it in conditions)
sql = f"SELECT count(*), {counts} FROM read_json(?, format = 'newline_delimited', columns = {columns}, maximum_object_size = 16777216)"
row = db.execute(sql, [path]).fetchone()
print(json.dumps({"version": duckdb.__version__, "records": row[0], "counts": row[1:], "seconds": time.monotonic() - begun}))
"#;

/// What DuckDB says of a file: its version, how many records, the counts, the seconds. `None`, and a word why, where there is
/// no DuckDB: `CORDON_DUCKDB_PYTHON` names a Python that has it, otherwise `python3` is asked.
///
/// # Panics
/// When there is none although `CORDON_REQUIRE_DUCKDB=1` asks for it, or it cannot do it.
pub fn duckdb(file: &Path) -> Option<Value> {
    let python = variable("CORDON_DUCKDB_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let conditions: Vec<&str> = TWENTY.iter().map(|(_, sql)| *sql).collect();
    let conditions = serde_json::to_string(&conditions).unwrap();
    let output = Command::new(&python).args(["-c", SCRIPT]).arg(file).arg(conditions).output();
    let why = match output {
        Ok(output) if output.status.success() => return serde_json::from_slice(&output.stdout).ok(),
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(
        why.contains("No module named 'duckdb'") || why.contains("No such file"),
        "DuckDB is there and cannot do it: {why}"
    );
    let lacks = format!("no DuckDB in {} ({why})", python.display());
    let is_required = variable("CORDON_REQUIRE_DUCKDB").as_deref() == Some("1");
    assert!(!is_required, "CORDON_REQUIRE_DUCKDB=1, but there is {lacks}");
    // Not `eprintln!`: the test harness swallows what a passing test prints with it.
    let told = writeln!(std::io::stderr(), "SKIPPED: {lacks}; name a Python that has it with CORDON_DUCKDB_PYTHON");
    told.expect("standard error is open");
    None
}
