//! Machines, and the life of a machine action.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use std::time::Duration;

use common::{MACHINE, World, ids, world};
use cordon_records::MachineId;
use cordon_simulator::{ActionOutcome, Quirks, SimMachine};
use serde_json::{Value, json};

fn id() -> MachineId {
    MachineId::new(MACHINE).unwrap()
}

async fn status(world: &World, action: &Value) -> String {
    let path = format!("/api/machineactions/{}", action["id"].as_str().unwrap());
    world.get(&path).await.1["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn machines_are_found_by_id_by_name_and_by_filter_and_an_empty_list_is_a_404() {
    let world = world(|_| {}).await;
    let other = MachineId::new("2".repeat(40)).unwrap();
    world.tenant.add_machine(SimMachine::new(other.clone(), "srv-02").os("WindowsServer2022").tag("dc").value("High"));
    assert_eq!(world.get(&format!("/api/machines/{MACHINE}")).await.1["computerDnsName"], "lab-01.example");
    assert_eq!(world.get("/api/machines/LAB-01.example").await.1["id"], MACHINE);
    let filter = format!("id eq '{MACHINE}' or id eq '{other}' or id eq 'x'");
    assert_eq!(ids(&world.list("/api/machines", &[("$filter", &filter)]).await.1).len(), 2);
    let filter = "osPlatform eq 'WindowsServer2022' and healthStatus eq 'Active' and onboardingStatus eq 'Onboarded'";
    let (_, page) = world.list("/api/machines", &[("$filter", filter)]).await;
    assert_eq!(
        (page["value"][0]["machineTags"].clone(), page["value"][0]["deviceValue"].clone()),
        (json!(["dc"]), json!("High"))
    );
    assert_eq!(world.list("/api/machines", &[("$filter", "id eq 'x'")]).await.0, 404);
    let (status, page) = world.list("/api/machines", &[("$select", "id,onboardingStatus"), ("$skip", "1")]).await;
    assert_eq!((status, page["value"][0].as_object().unwrap().len()), (200, 2));
    assert_eq!(
        world.list("/api/machines", &[("$skip", "2")]).await,
        (200, world.list("/api/machines", &[("$top", "0")]).await.1)
    );
    assert_eq!(world.get(&format!("/api/machines/{MACHINE}/logonusers")).await.1["value"][0]["accountName"], "jane");
    world.tenant.set_quirks(Quirks { lookups_404: true, ..Quirks::default() });
    assert_eq!(world.get(&format!("/api/machines/{MACHINE}")).await.0, 404);
    assert_eq!(world.get("/api/machines").await.0, 404);
}

#[tokio::test]
async fn an_isolation_goes_from_pending_to_succeeded_by_the_clock() {
    let world = world(|_| {}).await;
    let (status_code, action) = world.isolate().await;
    assert_eq!(
        (status_code, action["status"].as_str(), action["type"].as_str()),
        (201, Some("Pending"), Some("Isolate"))
    );
    assert_eq!((action["scope"].as_str(), action["requestSource"].as_str()), (Some("Full"), Some("PublicApi")));
    world.clock.forward(6);
    assert_eq!(status(&world, &action).await, "InProgress");
    world.clock.forward(4);
    assert_eq!(status(&world, &action).await, "Succeeded");
    assert_eq!((world.tenant.isolations(&id()), world.tenant.isolate_posts(&id())), (1, 1));
}

#[tokio::test]
async fn a_second_isolation_while_one_is_live_is_refused_or_answers_the_first() {
    let world = world(|_| {}).await;
    let (_, first) = world.isolate().await;
    let (status_code, body) = world.isolate().await;
    assert_eq!((status_code, body["error"]["code"].as_str()), (400, Some("ActiveRequestAlreadyExists")));
    world.tenant.set_quirks(Quirks { actions_answer_existing: true, ..Quirks::default() });
    let (status_code, again) = world.isolate().await;
    assert_eq!((status_code, &again["id"]), (201, &first["id"]));
    assert_eq!((world.tenant.isolations(&id()), world.tenant.isolate_posts(&id())), (1, 3));
    world.clock.forward(10);
    assert_ne!(world.isolate().await.1["id"], first["id"]);
}

#[tokio::test]
async fn an_offline_machine_keeps_its_action_pending_and_a_failing_one_fails() {
    let world = world(|_| {}).await;
    world.tenant.set_online(&id(), false);
    let (_, action) = world.isolate().await;
    world.clock.forward(3600);
    world.tenant.set_online(&id(), true);
    world.tenant.update_machine(&id(), |machine| machine.outcome = ActionOutcome::Fails);
    let world = World { token: world.token(common::MDE).await, ..world };
    assert_eq!(status(&world, &action).await, "Pending");
    world.clock.forward(10);
    assert_eq!(status(&world, &action).await, "Succeeded", "the outcome is fixed when the action is created");
    let (_, action) = world.isolate().await;
    world.clock.forward(10);
    assert_eq!(status(&world, &action).await, "Failed");
}

#[tokio::test]
async fn a_body_that_breaks_the_rules_is_refused_without_effect() {
    let world = world(|_| {}).await;
    let path = format!("/api/machines/{MACHINE}/isolate");
    for (body, code) in [
        (json!({"comment": "x"}), "InvalidRequestBody"),
        (json!([]), "InvalidRequestBody"),
        (json!({"IsolationType": "Full"}), "MissingRequiredParameter"),
        (json!({"Comment": "x", "IsolationType": "full"}), "InvalidInput"),
    ] {
        let (status, answer) = world.post(&path, body.clone()).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some(code)), "{body}");
    }
    assert_eq!(world.post("/api/machines/nobody/isolate", json!({"Comment": "x"})).await.0, 404);
    world.tenant.update_machine(&id(), |machine| machine.os = "iOS".to_owned());
    assert_eq!(world.isolate().await.1["error"]["code"], "OsPlatformNotSupported");
    assert!(world.tenant.actions().is_empty());
}

#[tokio::test]
async fn actions_of_people_are_listed_newest_first_and_can_be_filtered_and_cancelled() {
    let world = world(|_| {}).await;
    let first = world.tenant.isolate_by_person(&id(), "ann@lab.example", "by hand");
    world.clock.forward(60);
    let second = world.tenant.release_by_person(&id(), "ann@lab.example", "clean");
    let (_, page) = world.list("/api/machineactions", &[("$filter", &format!("machineId eq '{MACHINE}'"))]).await;
    assert_eq!(ids(&page), [second.as_str(), first.as_str()]);
    assert_eq!(
        (page["value"][0]["requestor"].as_str(), page["value"][0]["requestSource"].as_str()),
        (Some("ann@lab.example"), Some("Portal"))
    );
    let filter = "status eq 'Succeeded' and type eq 'Isolate' and creationDateTimeUtc ge 2026-11-22T17:00:00Z";
    let (_, page) = world.list("/api/machineactions", &[("$filter", filter)]).await;
    assert_eq!(ids(&page), [first.as_str()]);
    let cancel = format!("/api/machineactions/{second}/cancel");
    assert_eq!(world.post(&cancel, json!({})).await.0, 400);
    let (status, action) = world.post(&cancel, json!({"Comment": "no"})).await;
    assert_eq!(
        (status, action["status"].as_str(), action["cancellationComment"].as_str()),
        (200, Some("Cancelled"), Some("no"))
    );
    assert_eq!(world.post(&cancel, json!({"Comment": "no"})).await.0, 400, "it is final");
}

#[tokio::test]
async fn the_list_of_actions_lags_and_the_single_action_does_not() {
    let world = world(|options| options.list_lag = Duration::from_secs(5)).await;
    let (_, action) = world.isolate().await;
    assert_eq!(ids(&world.get("/api/machineactions").await.1).len(), 0);
    assert_eq!(status(&world, &action).await, "Pending");
    world.clock.forward(10);
    assert_eq!(status(&world, &action).await, "Succeeded");
    let (_, page) = world.get("/api/machineactions").await;
    assert_eq!(page["value"][0]["status"], "InProgress");
    assert!(page["value"][0]["lastUpdateDateTimeUtc"].is_string());
    world.tenant.set_quirks(Quirks { actions_update_time_utc: true, ..Quirks::default() });
    assert!(world.get("/api/machineactions").await.1["value"][0]["lastUpdateTimeUtc"].is_string());
}
