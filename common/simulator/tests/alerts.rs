//! The alerts: list, single, and what hangs off them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use std::time::Duration;

use common::{MACHINE, World, ids, machine, world};
use cordon_records::AlertId;
use cordon_simulator::{Quirks, SimAlert, evidence};
use serde_json::{Value, json};

/// Five alerts a second apart, whose ids do not sort by time.
async fn five(change: impl FnOnce(&mut cordon_simulator::Options)) -> World {
    let world = world(change).await;
    for (id, severity) in [("c", "High"), ("e", "Low"), ("a", "High"), ("d", "Low"), ("b", "High")] {
        world.tenant.add_alert(SimAlert::on(&machine()).id(AlertId::new(id).unwrap()).severity(severity));
        world.clock.forward(1);
    }
    world
}

async fn listed(world: &World, options: &[(&str, &str)]) -> String {
    let (status, page) = world.list("/api/alerts", options).await;
    assert_eq!(status, 200, "{page}");
    ids(&page).concat()
}

#[tokio::test]
async fn a_list_without_an_order_is_sorted_by_id_and_with_one_by_time() {
    let world = five(|_| {}).await;
    assert_eq!(listed(&world, &[]).await, "abcde");
    assert_eq!(listed(&world, &[("$orderby", "lastUpdateTime asc")]).await, "ceadb");
    let filter = "lastUpdateTime ge 2026-11-22T18:00:02Z and (severity eq 'High' or id eq 'd')";
    assert_eq!(listed(&world, &[("$filter", filter), ("$orderby", "alertCreationTime desc")]).await, "bda");
}

#[tokio::test]
async fn the_next_link_leads_through_all_pages_and_ends() {
    let world = five(|_| {}).await;
    let (mut seen, mut pages) = (String::new(), 0);
    let (_, mut page) = world.list("/api/alerts", &[("$orderby", "lastUpdateTime"), ("$top", "2")]).await;
    loop {
        seen += &ids(&page).concat();
        pages += 1;
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        page = world.get(next.strip_prefix(&world.tenant.base()).expect("its own address")).await.1;
    }
    assert_eq!((seen.as_str(), pages), ("ceadb", 3));
}

#[tokio::test]
async fn a_query_that_microsoft_would_refuse_is_an_odata_error() {
    let world = five(|_| {}).await;
    for (name, value) in [("$filter", "machineId eq 'x'"), ("$filter", "lastUpdateTime ge 'now'"), ("$top", "10001")] {
        let (status, body) = world.list("/api/alerts", &[(name, value)]).await;
        assert_eq!((status, body["error"]["code"].as_str()), (400, Some("ODataError")), "{value}");
        assert!(body["error"]["target"].as_str().is_some_and(|target| target.len() == 36), "{body}");
    }
}

#[tokio::test]
async fn quirks_change_the_list_while_it_runs() {
    let world = five(|_| {}).await;
    world.tenant.set_quirks(Quirks { ignore_filter: true, ignore_orderby: true, ..Quirks::default() });
    assert_eq!(listed(&world, &[("$filter", "id eq 'a'"), ("$orderby", "lastUpdateTime")]).await, "abcde");
    let elsewhere = Some("https://elsewhere.example".to_owned());
    world.tenant.set_quirks(Quirks { next_link_host: elsewhere, ..Quirks::default() });
    let (_, page) = world.list("/api/alerts", &[("$top", "1")]).await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with("https://elsewhere.example/api/alerts?"), "{next}");
}

#[tokio::test]
async fn a_list_that_lags_shows_neither_new_alerts_nor_new_states_while_the_single_read_does() {
    let world = world(|options| options.list_lag = Duration::from_secs(30)).await;
    let id = world.tenant.add_alert(SimAlert::on(&machine()));
    world.clock.forward(29);
    assert_eq!(listed(&world, &[]).await, "");
    assert_eq!(world.get(&format!("/api/alerts/{id}")).await.0, 200);
    world.clock.forward(1);
    assert_eq!(listed(&world, &[]).await, id.as_str());
    world.tenant.resolve_alert(&id);
    let status = |row: &Value| row["status"].as_str().unwrap().to_owned();
    assert_eq!(status(&world.get("/api/alerts").await.1["value"][0]), "New");
    assert_eq!(status(&world.get(&format!("/api/alerts/{id}")).await.1), "Resolved");
    world.clock.forward(30);
    assert_eq!(status(&world.get("/api/alerts").await.1["value"][0]), "Resolved");
}

#[tokio::test]
async fn the_wire_form_has_the_fields_of_the_documentation_and_evidence_only_when_asked_for() {
    let world = world(|_| {}).await;
    let now = world.tenant.now();
    let process = evidence("Process", now, &[("fileName", json!("rundll32.exe")), ("sha1", json!("ff83"))]);
    let alert = SimAlert::on(&machine()).at("2026-11-22T17:59:58.313212399Z".parse().unwrap()).evidence(process);
    let id = world.tenant.add_alert(alert.field("unheardOf", json!(1)));
    let (_, page) = world.get("/api/alerts").await;
    let row = &page["value"][0];
    for field in [
        "assignedTo",
        "category",
        "classification",
        "comments",
        "description",
        "detectionSource",
        "detectorId",
        "determination",
        "firstEventTime",
        "incidentId",
        "investigationId",
        "investigationState",
        "lastEventTime",
        "mitreTechniques",
        "rbacGroupName",
        "relatedUser",
        "resolvedTime",
        "threatFamilyName",
        "threatName",
        "title",
        "aadTenantId",
        "computerDnsName",
        "loggedOnUsers",
        "unheardOf",
    ] {
        assert!(row.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(row["machineId"], MACHINE);
    assert_eq!(row["alertCreationTime"], "2026-11-22T17:59:58.3132123Z");
    assert_eq!(row["lastUpdateTime"], "2026-11-22T17:59:58.3133333Z");
    assert_eq!(row["evidence"], json!([]));
    let (_, page) = world.list("/api/alerts", &[("$expand", "evidence")]).await;
    assert_eq!(page["value"][0]["evidence"][0].as_object().unwrap().len(), 25);
    assert_eq!(world.get(&format!("/api/alerts/{id}")).await.1["evidence"][0]["fileName"], "rundll32.exe");
}

#[tokio::test]
async fn what_hangs_off_an_alert_can_be_read_and_a_missing_user_is_a_404() {
    let world = world(|_| {}).await;
    let now = world.tenant.now();
    let alert = SimAlert::on(&machine())
        .evidence(evidence("File", now, &[("sha1", json!("aa"))]))
        .evidence(evidence("Ip", now, &[("ipAddress", json!("198.51.100.7"))]))
        .evidence(evidence("Url", now, &[("url", json!("https://bad.example/x"))]));
    let id = world.tenant.add_alert(alert);
    let part = |name: &str| format!("/api/alerts/{id}/{name}");
    assert_eq!(world.get(&part("machine")).await.1["computerDnsName"], "lab-01.example");
    assert_eq!(world.get(&part("files")).await.1["value"][0]["sha1"], "aa");
    assert_eq!(world.get(&part("ips")).await.1["value"], json!([{"id": "198.51.100.7"}]));
    assert_eq!(world.get(&part("domains")).await.1["value"], json!([{"host": "bad.example"}]));
    let (status, body) = world.get(&part("user")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("ResourceNotFound")));
    world.tenant.update_alert(&id, |alert| alert.user = Some(("jane".to_owned(), "LAB".to_owned())));
    assert_eq!(world.get(&part("user")).await.1["id"], "lab\\jane");
    assert_eq!(world.get("/api/alerts/nothing/machine").await.0, 404);
}

#[tokio::test]
async fn an_alert_is_first_listed_when_a_page_holds_it_and_not_by_its_own_lookup() {
    let world = five(|_| {}).await;
    let id = AlertId::new("d").unwrap();
    world.get("/api/alerts/d").await;
    listed(&world, &[("$filter", "severity eq 'High'")]).await;
    assert_eq!(world.tenant.first_listed(&id), None);
    listed(&world, &[]).await;
    let first = world.tenant.first_listed(&id);
    assert_eq!(first, Some(world.tenant.now()));
    world.clock.forward(9);
    listed(&world, &[]).await;
    assert_eq!(world.tenant.first_listed(&id), first);
}
