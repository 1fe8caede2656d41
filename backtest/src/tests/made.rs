//! Records and rules made by hand, and a backtest over them.

use std::path::PathBuf;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::args::BacktestArgs;
use crate::document::Document;
use crate::error::BacktestError;
use crate::progress::Progress;

/// When the first record is made.
pub fn start() -> Timestamp {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

/// A record of a High alert on a laptop, so many seconds after the start.
pub fn record(alert: &str, machine: &str, after: i64) -> Value {
    let at = start() + SignedDuration::from_secs(after);
    json!({
        "schema_version": 1, "id": format!("{alert}@{at}"), "alert_id": alert, "tenant": "t", "source": "mde", "change": "new",
        "seen_at": at, "enriched_at": at,
        "alert": {
            "id": alert, "severity": "High", "status": "New", "title": format!("Attack {alert}"), "category": "Execution",
            "alertCreationTime": at, "lastEventTime": at, "lastUpdateTime": at, "machineId": machine,
            "computerDnsName": format!("{machine}.example.com"), "evidence": [],
        },
        "machine": {
            "id": machine, "computerDnsName": format!("{machine}.example.com"), "osPlatform": "Windows11", "deviceValue": "Normal",
            "healthStatus": "Active", "onboardingStatus": "Onboarded", "rbacGroupName": "Clients", "machineTags": [],
        },
    })
}

/// The same with fields of its alert that differ.
pub fn with(mut record: Value, fields: &Value) -> Value {
    let alert = record["alert"].as_object_mut().unwrap();
    alert.extend(fields.as_object().unwrap().clone());
    record
}

/// A rule that isolates in mode auto when this holds.
pub fn rule(id: &str, when: &str) -> String {
    format!("id: {id}\nmode: auto\nwhen: |\n  {when}\nactions:\n  - isolate: {{type: Full, comment: test}}\n")
}

/// Files in a folder of their own, and the command line over them.
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub fn new(records: &[Value]) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(files.path("records.ndjson"), lines).unwrap();
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; gives its path as text.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The result over the records, with these arguments.
    pub fn backtest(&self, arguments: &[&str]) -> Result<Document, BacktestError> {
        self.backtest_at(start(), arguments, &crate::progress::Silent)
    }

    /// The same, at another time, while somebody waits for it.
    pub fn backtest_at(
        &self,
        now: Timestamp,
        arguments: &[&str],
        progress: &dyn Progress,
    ) -> Result<Document, BacktestError> {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            args: BacktestArgs,
        }
        let records = self.path("records.ndjson").display().to_string();
        let is_cached = arguments.contains(&"--cache");
        let line = ["backtest", "--input", &records].into_iter().chain(arguments.iter().copied());
        let line = line.chain((!is_cached).then_some("--no-cache"));
        let args = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}")).args;
        crate::run::document(&args, now, progress)
    }
}

/// Outcomes as `machine action: outcome`, of what is added, removed and changed.
pub fn told(document: &Document) -> Vec<String> {
    let changes = &document.actions;
    let all = changes.added.iter().chain(&changes.removed).chain(&changes.changed);
    let outcome = |course: &Option<crate::document::Course>| {
        course.as_ref().map_or("nothing", |course| course.outcome.as_str()).to_owned()
    };
    all.map(|change| {
        format!("{} {}: {} -> {}", change.machine, change.action, outcome(&change.before), outcome(&change.after))
    })
    .collect()
}
