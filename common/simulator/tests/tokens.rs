//! The token endpoint, and what a call without the right token gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{GRAPH, MDE, answer, world};
use cordon_simulator::{App, CLIENT_ID, CLIENT_SECRET};
use serde_json::Value;

#[tokio::test]
async fn a_token_names_its_audience_its_roles_and_its_end() {
    let world = world(|options| options.token_lifetime = std::time::Duration::from_secs(600)).await;
    let (status, body) = answer(world.ask_token(CLIENT_ID, CLIENT_SECRET, MDE).await).await;
    assert_eq!((status, body["expires_in"].as_u64(), body["token_type"].as_str()), (200, Some(600), Some("Bearer")));
    let token = body["access_token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!(claims["aud"], "https://api.securitycenter.microsoft.com");
    assert_eq!(claims["exp"].as_i64(), Some(world.tenant.now().as_second() + 600));
    let roles = claims["roles"].as_array().unwrap();
    assert!(roles.contains(&"Machine.Isolate".into()) && !roles.contains(&"Mail.Send".into()), "{roles:?}");
}

#[tokio::test]
async fn wrong_credentials_and_scopes_get_the_numbers_that_entra_gives() {
    let world = world(|_| {}).await;
    let cases = [
        (CLIENT_ID, "wrong", MDE, 401, "invalid_client", 7_000_215),
        ("nobody", CLIENT_SECRET, MDE, 400, "unauthorized_client", 700_016),
        (CLIENT_ID, CLIENT_SECRET, "https://elsewhere.example/.default", 400, "invalid_resource", 500_011),
    ];
    for (client, secret, scope, status, code, number) in cases {
        let (got, body) = answer(world.ask_token(client, secret, scope).await).await;
        assert_eq!((got, body["error"].as_str(), body["error_codes"][0].as_u64()), (status, Some(code), Some(number)));
    }
}

#[tokio::test]
async fn without_a_valid_token_the_answer_is_401_and_without_the_role_403() {
    let mut world = world(|options| options.apps = vec![App::new(CLIENT_ID, CLIENT_SECRET, &["Alert.Read.All"])]).await;
    assert_eq!(world.get("/api/alerts").await.0, 200);
    let (status, body) = world.get("/api/machines").await;
    assert_eq!((status, body["error"]["code"].as_str()), (403, Some("Forbidden")));
    assert!(body["error"]["message"].as_str().unwrap().contains("Machine.Read.All"), "{body}");
    world.clock.forward(3600);
    let (status, body) = world.get("/api/alerts").await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("Unauthorized")));
    world.token = world.token(GRAPH).await;
    assert_eq!(world.get("/api/alerts").await.0, 401, "a token for Graph opens nothing here");
    world.token = world.token(MDE).await;
    assert_eq!(world.get("/api/alerts").await.0, 200);
    world.tenant.revoke_tokens();
    assert_eq!(world.get("/api/alerts").await.0, 401);
}

#[tokio::test]
async fn the_log_holds_no_secret_and_no_token() {
    let world = world(|_| {}).await;
    world
        .post("/api/machines/x/isolate", serde_json::json!({"Comment": format!("{CLIENT_SECRET} {}", world.token)}))
        .await;
    world.get(&format!("/api/alerts/{}", world.token)).await;
    let log = world.tenant.to_jsonl();
    assert!(!log.contains(CLIENT_SECRET) && !log.contains(&world.token), "{log}");
    let requests = world.tenant.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].body.contains("client_secret=[removed]") && !requests[0].authorization);
    assert!(requests[1].authorization && requests[1].client_id.as_deref() == Some(CLIENT_ID));
    assert_eq!(requests.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 404, 404]);
    assert_eq!(log.lines().count(), 3);
}
