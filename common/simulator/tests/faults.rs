//! Scripted faults, the quota, and what the log says about them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{MACHINE, World, ids, world};
use cordon_records::MachineId;
use cordon_simulator::{Fault, FaultKind, Quota};
use reqwest::Method;
use serde_json::{Value, json};

fn id() -> MachineId {
    MachineId::new(MACHINE).unwrap()
}

async fn isolate_without_answer(world: &World) -> reqwest::Error {
    let path = format!("/api/machines/{MACHINE}/isolate");
    let request = world.request(Method::POST, &path).json(&json!({"Comment": "test"}));
    request.send().await.expect_err("no answer may come")
}

#[tokio::test]
async fn a_dropped_answer_leaves_its_effect_and_its_line_in_the_log() {
    let world = world(|_| {}).await;
    world.tenant.script(Fault::on("POST", "/isolate", FaultKind::DropBeforeAnswer));
    let error = isolate_without_answer(&world).await;
    assert!(!error.is_timeout() && error.status().is_none(), "{error:?}");
    assert_eq!((world.tenant.isolations(&id()), world.tenant.isolate_posts(&id())), (1, 1));
    let last = world.tenant.requests().pop().unwrap();
    assert_eq!((last.status, last.fault.as_deref()), (0, Some("DropBeforeAnswer")));
    assert!(last.body.contains("Comment"), "{last:?}");
    assert_eq!(ids(&world.get("/api/machineactions").await.1).len(), 1, "the server goes on serving");
}

#[tokio::test]
async fn a_refused_connection_has_no_effect() {
    let world = world(|_| {}).await;
    world.tenant.script(Fault::on("POST", "/isolate", FaultKind::RefuseBeforeEffect));
    isolate_without_answer(&world).await;
    assert_eq!((world.tenant.isolations(&id()), world.tenant.isolate_posts(&id())), (0, 1));
}

#[tokio::test]
async fn a_delay_comes_after_the_effect_so_that_a_client_which_gave_up_has_isolated() {
    let world = world(|_| {}).await;
    world.tenant.script(Fault::on("POST", "/isolate", FaultKind::Delay(Duration::from_secs(30))));
    let path = format!("/api/machines/{MACHINE}/isolate");
    let request = world.request(Method::POST, &path).json(&json!({"Comment": "x"})).timeout(Duration::from_millis(300));
    assert!(request.send().await.expect_err("too slow").is_timeout());
    assert_eq!(world.tenant.isolations(&id()), 1);
    assert_eq!(world.tenant.requests().pop().unwrap().status, 0, "it was never answered");
}

#[tokio::test]
async fn a_hang_ends_without_effect_and_without_answer() {
    let world = world(|_| {}).await;
    let silence = Duration::from_millis(200);
    world.tenant.script(Fault::on("POST", "/isolate", FaultKind::Hang(silence)));
    let start = Instant::now();
    isolate_without_answer(&world).await;
    assert!(start.elapsed() >= silence);
    assert_eq!(world.tenant.isolations(&id()), 0);
}

#[tokio::test]
async fn spoilt_bodies_are_spoilt_in_the_way_asked_for() {
    let world = world(|_| {}).await;
    let script = |what| world.tenant.script(Fault::on("GET", "/api/machines", what));
    script(FaultKind::TruncatedJson);
    let (status, text) = world.get("/api/machines").await;
    assert!(status == 200 && text.as_str().unwrap().starts_with("{\"@odata.context\""), "{text}");
    script(FaultKind::Garbage);
    let response = world.request(Method::GET, "/api/machines").send().await.unwrap();
    assert!(String::from_utf8(response.bytes().await.unwrap().to_vec()).is_err());
    script(FaultKind::CutMidBody);
    let response = world.request(Method::GET, "/api/machines").send().await.unwrap();
    assert!(response.status().is_success() && response.bytes().await.is_err(), "the body must not end well");
    script(FaultKind::HugeBody(5_000_000));
    let response = world.request(Method::GET, "/api/machines").send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["padding"].as_str().unwrap().len(), 5_000_000);
    script(FaultKind::SlowBody(Duration::from_millis(50)));
    let slow = world.request(Method::GET, "/api/machines").timeout(Duration::from_millis(500)).send().await.unwrap();
    assert!(slow.bytes().await.expect_err("too slow").is_timeout());
    assert_eq!(world.get("/api/machines").await.0, 200);
}

#[tokio::test]
async fn scripted_answers_come_as_often_as_asked_and_then_the_tenant_is_itself() {
    let world = world(|_| {}).await;
    world.tenant.script(Fault::on(
        "GET",
        "/api/alerts",
        FaultKind::too_many_requests(Some("Fri, 01 Jan 2100 00:00:00 GMT")),
    ));
    world.tenant.script(Fault::on("*", "/api/alerts", FaultKind::Html502).times(2));
    let response = world.request(Method::GET, "/api/alerts").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 429);
    assert_eq!(response.headers()["retry-after"], "Fri, 01 Jan 2100 00:00:00 GMT");
    for _ in 0..2 {
        let response = world.request(Method::GET, "/api/alerts").send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (502, &"text/html".parse().unwrap())
        );
    }
    assert_eq!((world.get("/api/alerts").await.0, world.tenant.faults_left()), (200, 0));
}

#[tokio::test]
async fn a_call_beyond_the_quota_is_a_429_that_says_when_to_come_back() {
    let world = world(|options| options.quota = Quota { per_minute: 3, per_hour: 1500 }).await;
    for _ in 0..3 {
        assert_eq!(world.get("/api/alerts").await.0, 200);
        world.clock.forward(1);
    }
    let response = world.request(Method::GET, "/api/alerts").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let body: Value = response.json().await.unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("quota exceeded") && message.contains("3 per 00:01:00"), "{message}");
    assert_eq!(world.get("/api/alerts/x").await.0, 404, "another path has a quota of its own");
    world.clock.forward(wait);
    assert_eq!((world.get("/api/alerts").await.0, world.tenant.violations()), (200, 1));
    world.tenant.set_enforce_quota(false);
    for _ in 0..4 {
        assert_eq!(world.get("/api/alerts").await.0, 200);
    }
    assert!(world.tenant.violations() > 1, "violations are counted even when they are let through");
}

#[tokio::test]
async fn the_date_header_goes_by_the_clock_and_a_prefix_comes_before_everything() {
    let world = world(|options| options.prefix = "/tenants/one/".to_owned()).await;
    assert!(world.tenant.base().ends_with("/tenants/one"), "{}", world.tenant.base());
    let response = world.request(Method::GET, "/api/alerts").send().await.unwrap();
    assert_eq!(response.headers()["date"], "Sun, 22 Nov 2026 18:00:00 GMT");
    let outside = world.tenant.base().replace("/tenants/one", "/api/alerts");
    assert_eq!(world.http.get(outside).bearer_auth(&world.token).send().await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn a_stopped_tenant_cuts_what_hangs_and_frees_its_port_and_keeps_its_log() {
    let world = world(|_| {}).await;
    world.tenant.script(Fault::on("POST", "/isolate", FaultKind::Hang(Duration::from_secs(600))));
    let tenant = world.tenant.clone();
    let waiting = tokio::spawn(async move { isolate_without_answer(&world).await });
    let deadline = Instant::now() + Duration::from_secs(10);
    while tenant.isolate_posts(&id()) == 0 {
        assert!(Instant::now() < deadline, "the request did not arrive: {:?}", tenant.requests());
        tokio::task::yield_now().await;
    }
    let address = tenant.base().replace("http://", "");
    tenant.stop().await;
    waiting.await.unwrap();
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "the port must be free");
    assert_eq!(tenant.requests().len(), 2);
}
