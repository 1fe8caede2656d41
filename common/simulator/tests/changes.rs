//! What a call changes at once: tags, device values, alerts, indicators.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use common::{MACHINE, machine, world};
use cordon_simulator::{CLIENT_ID, SimAlert};
use serde_json::{Value, json};

fn code((status, body): &(u16, Value)) -> (u16, String) {
    (*status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_tag_and_a_device_value_show_on_the_machine() {
    let world = world(|_| {}).await;
    let path = format!("/api/machines/{MACHINE}");
    let tag = |action: &str| json!({"Value": "VIP", "Action": action});
    for _ in 0..2 {
        let (status, wire) = world.post(&format!("{path}/tags"), tag("Add")).await;
        assert_eq!((status, &wire["machineTags"]), (200, &json!(["VIP"])));
    }
    assert_eq!(world.get(&path).await.1["machineTags"], json!(["VIP"]));
    world.post(&format!("{path}/tags"), tag("Remove")).await;
    assert_eq!(world.get(&path).await.1["machineTags"], json!([]));
    world.post(&format!("{path}/setDeviceValue"), json!({"DeviceValue": "High"})).await;
    assert_eq!(world.get(&path).await.1["deviceValue"], "High");
    for (call, body, refused) in [
        ("tags", json!({"Value": "VIP"}), "MissingRequiredParameter"),
        ("tags", json!({"Value": "VIP", "Action": "add"}), "InvalidInput"),
        ("tags", json!({"value": "VIP", "Action": "Add"}), "InvalidRequestBody"),
        ("setDeviceValue", json!({"DeviceValue": "high"}), "InvalidInput"),
        ("setDeviceValue", json!({}), "MissingRequiredParameter"),
    ] {
        let answer = world.post(&format!("{path}/{call}"), body.clone()).await;
        assert_eq!(code(&answer), (400, refused.to_owned()), "{body}");
    }
    assert_eq!(world.post("/api/machines/nobody/tags", tag("Add")).await.0, 404);
}

#[tokio::test]
async fn an_updated_alert_is_listed_as_updated_with_its_comments() {
    let world = world(|_| {}).await;
    let id = world.tenant.add_alert(SimAlert::on(&machine()));
    let path = format!("/api/alerts/{id}");
    world.clock.forward(60);
    let body = json!({
        "status": "Resolved", "assignedTo": "secop@lab.example", "classification": "FalsePositive",
        "determination": "NotMalicious", "comment": "first",
    });
    let (status, wire) = world.patch(&path, body).await;
    assert_eq!(
        (status, wire["status"].as_str(), wire["resolvedTime"].as_str()),
        (200, Some("Resolved"), Some("2026-11-22T18:01:00Z"))
    );
    world.clock.forward(60);
    world.patch(&path, json!({"comment": "second"})).await;
    let filter = [("$filter", "lastUpdateTime ge 2026-11-22T18:02:00Z and assignedTo eq 'secop@lab.example'")];
    let (_, page) = world.list("/api/alerts", &filter).await;
    let listed = &page["value"][0];
    assert_eq!((listed["id"].as_str(), listed["status"].as_str()), (Some(id.as_str()), Some("Resolved")));
    assert_eq!(listed["classification"], "FalsePositive");
    let comments: Vec<_> =
        listed["comments"].as_array().unwrap().iter().map(|c| c["comment"].as_str().unwrap()).collect();
    assert_eq!(comments, ["first", "second"]);
    assert_eq!(listed["comments"][0]["createdBy"], CLIENT_ID);
    for (body, refused) in [
        (json!({}), "InvalidRequestBody"),
        (json!({"Status": "New"}), "InvalidRequestBody"),
        (json!({"status": "Closed"}), "InvalidInput"),
        (json!({"determination": "Apt"}), "InvalidInput"),
    ] {
        assert_eq!(code(&world.patch(&path, body.clone()).await), (400, refused.to_owned()), "{body}");
    }
    assert_eq!(world.patch("/api/alerts/nothing", json!({"status": "New"})).await.0, 404);
}

#[tokio::test]
async fn a_batch_updates_all_its_alerts_or_none() {
    let world = world(|_| {}).await;
    let ids: Vec<_> = (0..2).map(|_| world.tenant.add_alert(SimAlert::on(&machine())).to_string()).collect();
    let status =
        |place: usize| world.tenant.alert(&cordon_records::AlertId::new(ids[place].as_str()).unwrap()).unwrap().status;
    let batch = |ids: &[&str]| json!({"alertIds": ids, "status": "InProgress"});
    assert_eq!(world.post("/api/alerts/batchUpdate", batch(&[&ids[0], "nothing"])).await.0, 404);
    assert_eq!(status(0), "New");
    let answer = world.post("/api/alerts/batchUpdate", batch(&[&ids[0], &ids[1]])).await;
    assert_eq!(answer, (200, json!("")));
    assert_eq!((status(0), status(1)), ("InProgress".to_owned(), "InProgress".to_owned()));
    let answer = world.post("/api/alerts/batchUpdate", batch(&[])).await;
    assert_eq!(code(&answer), (400, "MissingRequiredParameter".to_owned()));
}

fn indicator(kind: &str, value: &str) -> Value {
    json!({"indicatorType": kind, "indicatorValue": value, "action": "Block", "title": "t", "description": "d"})
}

#[tokio::test]
async fn an_indicator_replaces_the_one_like_it_and_the_limit_counts_only_those_that_have_not_ended() {
    let world = world(|options| options.max_indicators = 2).await;
    let submit = |body: Value| world.post("/api/indicators", body);
    let mut short = indicator("IpAddress", "203.0.113.7");
    short["expirationTime"] = json!("2026-11-22T19:00:00Z");
    let (_, first) = submit(short.clone()).await;
    short["title"] = json!("again");
    let (status, again) = submit(short).await;
    assert_eq!((status, &again["id"], again["title"].as_str()), (200, &first["id"], Some("again")));
    assert_eq!(submit(indicator("DomainName", "evil.example")).await.0, 200);
    assert_eq!(code(&submit(indicator("DomainName", "other.example")).await).0, 400);
    world.clock.forward(3_600);
    world.tenant.revoke_tokens();
    let world = common::World { token: world.token(common::MDE).await, ..world };
    assert_eq!(world.post("/api/indicators", indicator("DomainName", "other.example")).await.0, 200);
    assert_eq!(world.tenant.indicators().len(), 3);
    assert_eq!(cordon_simulator::Options::default().max_indicators, 15_000);
}

#[tokio::test]
async fn an_indicator_that_breaks_the_rules_is_refused() {
    let world = world(|_| {}).await;
    let mut audit = indicator("Url", "https://evil.example/a");
    audit["action"] = json!("Audit");
    let mut late = indicator("Url", "https://evil.example/a");
    late["expirationTime"] = json!("tomorrow");
    let mut bare = indicator("Url", "https://evil.example/a");
    bare.as_object_mut().unwrap().remove("title");
    for (body, refused) in [
        (indicator("IpAddress", "203.0.113.0/24"), "InvalidIpAddress"),
        (indicator("FileSha1", "abc"), "InvalidHashValue"),
        (indicator("FileSha256", &"a".repeat(40)), "InvalidHashValue"),
        (indicator("FileMd5", &"g".repeat(32)), "InvalidHashValue"),
        (indicator("DomainName", "no domain"), "InvalidDomainName"),
        (indicator("Url", "evil"), "InvalidUrl"),
        (indicator("Ip", "203.0.113.7"), "InvalidInput"),
        (audit.clone(), "InvalidInput"),
        (late, "InvalidInput"),
        (bare, "MissingRequiredParameter"),
        (json!({"IndicatorValue": "x"}), "InvalidRequestBody"),
    ] {
        let answer = world.post("/api/indicators", body.clone()).await;
        assert_eq!(code(&answer), (400, refused.to_owned()), "{body}");
    }
    assert!(world.tenant.indicators().is_empty());
    audit["generateAlert"] = json!(true);
    assert_eq!(world.post("/api/indicators", audit).await.0, 200);
}

#[tokio::test]
async fn no_investigation_is_started_any_more() {
    let world = world(|_| {}).await;
    let path = format!("/api/machines/{MACHINE}/startInvestigation");
    assert_eq!(code(&world.post(&path, json!({"Comment": "c"})).await), (410, "Gone".to_owned()));
}
