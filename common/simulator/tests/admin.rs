//! The admin interface for a simulator in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use common::{MACHINE, answer, ids, world};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn machines_alerts_and_faults_can_be_put_in_over_http() {
    let world = world(|options| options.admin = true).await;
    let other = "2".repeat(40);
    let machines = json!([{"id": other, "computerDnsName": "srv-02", "machineTags": ["dc"], "users": ["LAB\\bob"]}]);
    assert_eq!(world.post("/sim/machines", machines).await.0, 200);
    let (_, body) =
        world.post("/sim/alerts", json!({"machineId": other, "severity": "Low", "detectorId": "mine"})).await;
    let alert = &body["value"][0];
    assert_eq!((alert["computerDnsName"].as_str(), alert["severity"].as_str()), (Some("srv-02"), Some("Low")));
    let path = format!("/sim/alerts/{}", alert["id"].as_str().unwrap());
    world.clock.forward(60);
    let patch = world.request(Method::PATCH, &path).json(&json!({"status": "Resolved"}));
    assert_eq!(answer(patch.send().await.unwrap()).await.0, 200);
    let (_, page) = world.get("/api/alerts").await;
    assert_eq!(
        (ids(&page).len(), &page["value"][0]["status"], &page["value"][0]["detectorId"]),
        (1, &json!("Resolved"), &json!("mine"))
    );
    assert_eq!(page["value"][0]["lastUpdateTime"], "2026-11-22T18:01:00Z");
    world.post("/sim/machines", json!({"id": MACHINE, "online": false})).await;
    world.isolate().await;
    world.clock.forward(60);
    assert_eq!(world.get("/api/machineactions").await.1["value"][0]["status"], "Pending");
    let fault = json!({"method": "GET", "pathContains": "/api/alerts", "kind": "status", "status": 503, "body": "{}"});
    world.post("/sim/faults", fault).await;
    assert_eq!(world.get("/api/alerts").await.0, 503);
    let log = world.request(Method::GET, "/sim/requests").send().await.unwrap().text().await.unwrap();
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(!log.contains("/sim/"), "{log}");
    assert_eq!(world.get("/sim/mails").await.1, json!([]));
}

#[tokio::test]
async fn a_mistake_is_said_and_a_hostile_machine_id_is_served_as_it_is() {
    let world = world(|options| options.admin = true).await;
    for (path, body) in [
        ("/sim/machines", json!({"computerDnsName": "x"})),
        ("/sim/machines", json!({"id": "../x"})),
        ("/sim/faults", json!({"kind": "nothing"})),
        ("/sim/faults", json!({"kind": "html502", "pathContians": "x"})),
        ("/sim/alerts", json!("x")),
        ("/sim/alerts", json!({"extra": 7})),
        ("/sim/machines", json!({"id": MACHINE, "online": "no"})),
        ("/sim/machines", json!({"id": MACHINE, "users": "LAB\\bob"})),
    ] {
        let (status, answer) = world.post(path, body.clone()).await;
        assert!(status == 400 && answer["error"].is_string(), "{body}: {status} {answer}");
    }
    world.post("/sim/alerts", json!({"machineId": "../../x", "title": "<b>\r\n"})).await;
    assert_eq!(world.get("/api/alerts").await.1["value"][0]["machineId"], "../../x");
}

#[tokio::test]
async fn a_misspelt_field_is_refused_with_what_is_meant_and_changes_nothing() {
    let world = world(|options| options.admin = true).await;
    let isolate = format!("/sim/machines/{MACHINE}/isolate");
    for (path, body, meant) in [
        ("/sim/machines", json!({"id": MACHINE, "machineTag": ["cordon-never"]}), "did you mean `machineTags`?"),
        ("/sim/machines", json!({"id": MACHINE, "onlin": false}), "did you mean `online`?"),
        ("/sim/alerts", json!({"machineId": MACHINE, "severty": "High"}), "did you mean `severity`?"),
        ("/sim/alerts", json!([{"machineId": MACHINE, "title": "x", "colour": "red"}]), "there is no field `colour`"),
        (isolate.as_str(), json!({"persn": "ann"}), "did you mean `person`?"),
        (isolate.as_str(), json!({"person": 7}), "`person` must be a text"),
        (
            "/sim/alerts",
            json!({"machineId": MACHINE, "evidence": [{"entityType": "User"}, {"entityType": "File", "sha265": "a"}]}),
            "there is no field `evidence[1].sha265`; did you mean `sha256`?",
        ),
        (
            "/sim/alerts",
            json!({"machineId": MACHINE, "relatedUser": {"userNme": "bob"}}),
            "there is no field `relatedUser.userNme`; did you mean `userName`?",
        ),
        ("/sim/alerts", json!({"comments": [{"coment": "x"}]}), "`comments[0].coment`; did you mean `comment`?"),
        ("/sim/alerts", json!({"loggedOnUsers": [{"acountName": "x"}]}), "did you mean `accountName`?"),
        (
            "/sim/machines",
            json!({"id": MACHINE, "ipAddresses": [{"ipAdress": "10.0.0.1"}]}),
            "`ipAddresses[0].ipAdress`; did you mean `ipAddress`?",
        ),
        ("/sim/machines", json!({"id": MACHINE, "vmMetadata": {"vmID": "x"}}), "did you mean `vmId`?"),
        ("/sim/faults", json!({"kind": "html520"}), "did you mean `html502`?"),
        ("/sim/faults", json!({"kind": "html502", "pathContians": "x"}), "did you mean `pathContains`?"),
        ("/sim/faults", json!({"knd": "html502"}), "did you mean `kind`?"),
        ("/sim/faults", json!({"kind": "hang", "status": 500}), "there is no field `status`"),
    ] {
        let (status, answer) = world.post(path, body.clone()).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains(meant), "{body}: {status} {answer}");
    }
    assert_eq!(ids(&world.get("/api/alerts").await.1), [""; 0]);
    assert_eq!(world.get(&format!("/sim/machines/{MACHINE}")).await.1["isolated"], false);
    let extra = json!({"machineId": MACHINE, "extra": {"colour": "red", "machineId": "../x"}});
    assert_eq!(world.post("/sim/alerts", extra).await.0, 200);
    let alert = world.get("/api/alerts").await.1["value"][0].clone();
    assert_eq!((&alert["colour"], &alert["machineId"]), (&json!("red"), &json!("../x")));
}

#[tokio::test]
async fn without_the_option_there_is_no_admin_interface() {
    let world = world(|_| {}).await;
    assert_eq!(world.get("/sim/requests").await.0, 404);
}

#[tokio::test]
async fn people_isolate_release_and_cancel_over_http() {
    let world = world(|options| options.admin = true).await;
    let machine = format!("/sim/machines/{MACHINE}");
    let ann = json!({"person": "ann@lab.example", "comment": "by hand"});
    let (status, body) = world.post(&format!("{machine}/isolate"), ann.clone()).await;
    assert_eq!(status, 200, "{body}");
    world.clock.forward(60);
    assert_eq!(world.get(&machine).await.1["isolated"], true);
    let (_, body) = world.post(&format!("{machine}/release"), ann.clone()).await;
    let cancel = format!("/sim/actions/{}/cancel", body["value"][0]["id"].as_str().unwrap());
    assert_eq!(world.post(&cancel, ann.clone()).await.0, 200);
    assert_eq!(world.post(&cancel, ann.clone()).await.0, 400, "it has ended");
    world.clock.forward(60);
    assert_eq!(world.get(&machine).await.1["isolated"], true);
    let newest = &world.get("/api/machineactions").await.1["value"][0];
    assert_eq!(
        (newest["status"].as_str(), newest["cancellationRequestor"].as_str()),
        (Some("Cancelled"), Some("ann@lab.example"))
    );
    assert_eq!(world.post("/sim/machines/nobody/isolate", ann).await.0, 400);
    assert_eq!(world.get("/sim/machines/nobody").await.0, 404);
}
