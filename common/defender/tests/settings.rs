#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_defender::{Cloud, DefenderSettings, GraphSettings};
use cordon_settings::{Document, Problems, Reader};

const IDENTITY: &str = "tenant_id: contoso.test, client_id: app, client_secret: env:CORDON_SECRET";

fn read(yaml: &str) -> Result<(DefenderSettings, Option<GraphSettings>), Problems> {
    let document = Document::parse("cordon.yaml", yaml)?;
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let mut section = root.section("defender");
    let defender = DefenderSettings::read(&mut section);
    section.finish();
    let graph = GraphSettings::read(&mut root, defender.as_ref());
    root.finish();
    reader.finish()?;
    Ok((defender.unwrap(), graph))
}

fn problems(yaml: &str) -> String {
    read(yaml).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_identity_is_enough_and_the_rest_comes_from_the_cloud() {
    let (defender, graph) = read(&format!("defender: {{{IDENTITY}}}")).unwrap();
    assert_eq!(defender.cloud, Cloud::Public);
    assert_eq!(defender.api_url.as_str(), "https://api.security.microsoft.com/");
    assert_eq!(defender.authority_url.as_str(), "https://login.microsoftonline.com/");
    assert_eq!(defender.scope, "https://api.securitycenter.microsoft.com/.default");
    assert!((defender.quota.share - 1.0).abs() < f64::EPSILON);
    let graph = graph.unwrap();
    assert_eq!(graph.url.as_str(), "https://graph.microsoft.com/");
    assert_eq!((graph.client_id.as_str(), graph.tenant_id.as_str()), ("app", "contoso.test"));
}

#[test]
fn a_government_cloud_moves_every_address_and_each_can_be_set() {
    let (defender, graph) = read(&format!("defender: {{cloud: dod, {IDENTITY}}}")).unwrap();
    assert_eq!(defender.api_url.as_str(), "https://api-gov.securitycenter.microsoft.us/");
    assert_eq!(defender.authority_url.as_str(), "https://login.microsoftonline.us/");
    assert_eq!(graph.unwrap().url.as_str(), "https://dod-graph.microsoft.us/");
    let yaml = format!(
        "defender: {{{IDENTITY}, api_url: 'https://eu.api.security.microsoft.com', scope: s, quota_share: 0.5, \
         quota: {{per_minute: 6000, per_hour: 90000}}}}\ngraph: {{url: 'http://127.0.0.1:1/x', scope: g}}"
    );
    let (defender, graph) = read(&yaml).unwrap();
    assert_eq!(defender.api_url.as_str(), "https://eu.api.security.microsoft.com/");
    assert_eq!((defender.quota.per_minute, defender.quota.per_hour), (Some(6_000), Some(90_000)));
    assert_eq!(graph.unwrap().scope, "g");
}

#[test]
fn every_mistake_is_told_at_once() {
    let told = problems(
        "defender: {cloud: gc, client_id: '', client_secret: hunter2, api_url: 'http://api.example.test', \
         quota_share: 2, quota: {per_minute: 0, per_day: 1}, tennant_id: x}",
    );
    for part in ["cloud", "tenant_id", "client_id", "client_secret", "api_url", "quota_share", "per_minute", "per_day"]
    {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn plain_http_needs_loopback_or_permission() {
    assert!(problems(&format!("defender: {{{IDENTITY}, api_url: 'http://simulator:8080'}}")).contains("api_url"));
    read(&format!("defender: {{{IDENTITY}, api_url: 'http://127.0.0.1:8080'}}")).unwrap();
    read(&format!("defender: {{{IDENTITY}, allow_http: true, api_url: 'http://simulator:8080'}}")).unwrap();
}

#[test]
fn another_app_for_graph_needs_its_own_secret() {
    let told = problems(&format!("defender: {{{IDENTITY}}}\ngraph: {{client_id: mailer}}"));
    assert!(told.contains("client_secret"), "{told}");
}
