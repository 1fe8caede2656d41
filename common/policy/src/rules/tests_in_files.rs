//! Runs the tests that rule files carry: each judges its own rule alone, on a built-in sample record.

use cordon_records::{AlertId, Change, EnrichedRecord, SCHEMA_VERSION, Source, TenantId, Verbatim, Verdict};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::given::NEEDS_HUMAN;
use super::rule::{Rule, RuleTest};
use super::set::RuleSet;
use crate::decide::decide;

/// A test in a rule's file that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// The rule's id.
    pub rule: String,
    /// The test's name.
    pub test: String,
    /// What it expects.
    pub expected: Vec<String>,
    /// What the rule planned, or `needs_human`.
    pub found: Vec<String>,
    /// The decision's reason.
    pub reason: String,
}

/// Runs the tests of every rule and gives those that fail; empty means all hold.
#[must_use]
pub fn run_tests(rules: &RuleSet) -> Vec<TestFailure> {
    let tests = rules.rules().iter().flat_map(|rule| rule.tests.iter().map(move |test| (rule, test)));
    tests.filter_map(|(rule, test)| run(rule, test)).collect()
}

fn run(rule: &Rule, test: &RuleTest) -> Option<TestFailure> {
    let (found, reason) = outcome(rule, test).unwrap_or_else(|error| (vec!["error".to_owned()], error));
    let mut expected = test.expect.clone();
    expected.sort();
    let failure = || TestFailure {
        rule: rule.id.to_string(),
        test: test.name.clone(),
        expected: expected.clone(),
        found: found.clone(),
        reason,
    };
    (expected != found).then(failure)
}

/// The kinds that the rule plans, sorted, and the decision's reason.
fn outcome(rule: &Rule, test: &RuleTest) -> Result<(Vec<String>, String), String> {
    let record = record(test).map_err(|error| error.to_string())?;
    let alone = RuleSet::of(vec![rule.clone()]);
    let decision =
        decide(&alone, &record, "test/0/0".to_owned(), Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())?;
    let mut kinds: Vec<String> = match decision.verdict {
        Verdict::NeedsHuman => vec![NEEDS_HUMAN.to_owned()],
        Verdict::Nothing | Verdict::Act => {
            decision.planned.iter().map(|planned| planned.action.kind().as_str().to_owned()).collect()
        }
    };
    kinds.sort();
    Ok((kinds, decision.reason))
}

/// When the sample record is made, unless a test says otherwise.
const SAMPLE_NOW: &str = "2026-01-01T12:01:00Z";

/// An open alert of medium severity, on a laptop.
fn sample_alert() -> Value {
    json!({
        "id": "da-sample_1", "title": "Sample alert", "severity": "Medium", "status": "New",
        "category": "Malware", "detectionSource": "WindowsDefenderAtp", "machineId": "sample-machine",
        "computerDnsName": "laptop-1.corp.example", "alertCreationTime": "2026-01-01T12:00:00Z",
        "firstEventTime": "2026-01-01T11:59:00Z", "lastEventTime": "2026-01-01T11:59:30Z",
        "lastUpdateTime": "2026-01-01T12:00:00Z",
    })
}

fn sample_machine() -> Value {
    json!({
        "id": "sample-machine", "computerDnsName": "laptop-1.corp.example", "osPlatform": "Windows11", "version": "24H2",
        "healthStatus": "Active", "onboardingStatus": "Onboarded", "riskScore": "Medium", "exposureLevel": "Low",
        "deviceValue": "Normal", "machineTags": [], "isExcluded": false,
    })
}

fn over(mut sample: Value, given: &Map<String, Value>) -> Result<Verbatim, serde_json::Error> {
    if let Some(fields) = sample.as_object_mut() {
        fields.extend(given.clone());
    }
    Verbatim::parse(&sample.to_string())
}

fn record(test: &RuleTest) -> Result<EnrichedRecord, Box<dyn std::error::Error>> {
    let at = match test.now {
        Some(now) => now,
        None => SAMPLE_NOW.parse()?,
    };
    let alert = over(sample_alert(), &test.alert)?;
    // A test that names another machine on one side means both.
    let id = test.alert.get("machineId").cloned();
    let mut fields = test.machine.clone();
    if let (Some(fields), Some(id)) = (&mut fields, id) {
        fields.entry("id").or_insert(id);
    }
    let machine = fields.map(|fields| over(sample_machine(), &fields)).transpose()?;
    Ok(EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: "sample".to_owned(),
        alert_id: AlertId::new("da-sample_1")?,
        tenant: TenantId::new("sample-tenant")?,
        source: Source::Mde,
        change: Change::New,
        seen_at: at,
        enriched_at: at,
        alert,
        machine,
        missing: Vec::new(),
    })
}
