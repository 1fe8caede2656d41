#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_defender::{
    ActionQuery, AlertQuery, ApiError, Defender, MACHINES_PER_CALL, Observer, RefusedLink, machines_that_fit,
};
use cordon_records::{AlertId, Classified, ErrorClass, MachineId, Verbatim};
use support::{Reply, Server, client, client_of, machine, nobody, ports, settings};

const QUERY: AlertQuery = AlertQuery { updated_since: None, top: 10, expand_evidence: true, order: true };

#[tokio::test]
async fn a_read_waits_as_long_as_retry_after_says_and_is_then_repeated() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(429, r#"{"error":{"code":"429","message":"quota exceeded"}}"#).header("retry-after", "1"),
        _ => Reply::new(200, r#"{"value":[{"id":"a1"}]}"#),
    })
    .await;
    let started = Instant::now();
    let page = client(&server).list_alerts(&QUERY).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_long_retry_after_goes_to_the_caller_at_once_and_is_capped() {
    let server = Server::start(|_, _| Reply::new(429, "").header("retry-after", "3600")).await;
    let defender = client(&server);
    let started = Instant::now();
    for _ in 0..2 {
        let error = defender.list_alerts(&QUERY).await.unwrap_err();
        let wait = error.retry_after().unwrap();
        assert!(wait > Duration::from_secs(290) && wait <= Duration::from_secs(330), "{wait:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(server.calls().len(), 1, "the second call went out although the server had said to wait");
}

#[tokio::test]
async fn a_failing_read_is_tried_three_times_and_is_then_transient() {
    let server = Server::start(|_, _| Reply::new(502, "<html><h1>Bad Gateway</h1></html>")).await;
    let error = client(&server).alert(&AlertId::new("a1").unwrap()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("Bad Gateway"), "{error}");
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn a_refused_read_is_not_repeated() {
    let server = Server::start(|_, _| Reply::new(400, r#"{"error":{"code":"ODataError","message":"no"}}"#)).await;
    let error = client(&server).list_alerts(&QUERY).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (ErrorClass::Poison, Some("ODataError")));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_transient() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let error = client_of(&nobody().await, &authority).list_alerts(&QUERY).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
}

#[tokio::test]
async fn alerts_are_asked_for_by_update_time_under_the_path_prefix() {
    let server = Server::start(|_, _| Reply::new(200, "[]")).await;
    let prefixed = server.url.join("/gateway/mde/").unwrap();
    let defender = Defender::with(settings(&prefixed, &prefixed), ports()).unwrap();
    let since = "2026-11-22T18:00:00.5Z".parse().unwrap();
    defender.list_alerts(&AlertQuery { updated_since: Some(since), ..QUERY }).await.unwrap();
    let call = server.calls().remove(0);
    assert_eq!(call.path, "/gateway/mde/api/alerts");
    assert_eq!(
        call.query,
        "$filter=lastUpdateTime ge 2026-11-22T18:00:00.5Z&$orderby=lastUpdateTime asc&$expand=evidence&$top=10"
    );
    assert_eq!(server.token_requests()[0].path, "/gateway/mde/contoso.test/oauth2/v2.0/token");
}

#[tokio::test]
async fn a_continuation_is_followed_here_and_refused_elsewhere() {
    let foreign = Server::start(|_, _| Reply::new(200, "[]")).await;
    let target = foreign.url.clone();
    let server = Server::start(move |_, _| {
        Reply::new(200, format!(r#"{{"value":[],"@odata.nextLink":"{target}api/alerts?$skip=1"}}"#))
    })
    .await;
    let defender = client(&server);
    let page = defender.list_alerts(&QUERY).await.unwrap();
    assert!(page.next.is_none());
    assert!(matches!(page.refused_next, Some(RefusedLink::Foreign { .. })));
    assert_eq!(foreign.calls().len(), 0);

    let own_address: Arc<Mutex<String>> = Arc::default();
    let address = own_address.clone();
    let own = Server::start(move |seen, _| match seen.query.as_str() {
        "$skiptoken=x y" => Reply::new(200, r#"{"value":[{"id":"a2"}]}"#),
        _ => {
            let base = address.lock().unwrap().clone();
            Reply::new(200, format!(r#"{{"value":[],"@odata.nextLink":"{base}api/alerts?$skiptoken=x%20y"}}"#))
        }
    })
    .await;
    *own_address.lock().unwrap() = own.url.to_string();
    let defender = client(&own);
    let next = defender.list_alerts(&QUERY).await.unwrap().next.unwrap();
    assert_eq!(defender.more_alerts(&next).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn what_is_no_alert_is_handed_over_where_it_stands_in_the_list() {
    let server =
        Server::start(|_, _| Reply::new(200, r#"{"value":[{"id":"../x"},{"id":"a1"},{"title":"no id"}]}"#)).await;
    let page = client(&server).list_alerts(&QUERY).await.unwrap();
    let items: Vec<&str> = page.items.iter().map(Verbatim::get).collect();
    assert_eq!(items, [r#"{"id":"../x"}"#, r#"{"id":"a1"}"#, r#"{"title":"no id"}"#]);
}

#[tokio::test]
async fn machines_are_asked_for_together_and_filtered_here_when_the_server_does_not() {
    let server =
        Server::start(|_, _| Reply::new(200, r#"{"value":[{"id":"x"},{"id":"M2"},{"id":"m1"},{"id":"m1"}]}"#)).await;
    let found = client(&server).machines(&[machine("m1"), machine("m2"), machine("m3")]).await.unwrap();
    let found: Vec<_> = found.iter().map(|(id, machine)| (id.as_str(), machine.get())).collect();
    assert_eq!(found, [("M2", r#"{"id":"M2"}"#), ("m1", r#"{"id":"m1"}"#)]);
    assert_eq!(server.calls()[0].query, "$filter=id eq 'm1' or id eq 'm2' or id eq 'm3'");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_machine_list_that_is_not_found_is_empty_and_no_machines_need_no_call() {
    let server = Server::start(|_, _| Reply::new(404, r#"{"error":{"code":"NotFound","message":"none"}}"#)).await;
    let defender = client(&server);
    assert!(defender.machines(&[machine("m1")]).await.unwrap().is_empty());
    assert_eq!(defender.count_machines().await.unwrap(), 0);
    assert!(defender.machines(&[]).await.unwrap().is_empty());
    assert_eq!(server.calls().len(), 2);
    assert!(defender.machine(&machine("m1")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_list_call_for_machines_stays_short_enough_for_common_servers() {
    let server = Server::start(|_, _| Reply::new(200, "[]")).await;
    let ids: Vec<MachineId> = (0..=MACHINES_PER_CALL).map(|n| machine(&format!("{n:040x}"))).collect();
    client(&server).machines(&ids).await.unwrap();
    let calls = server.calls();
    assert_eq!(calls.len(), 2);
    // Each clause gains 18 bytes by encoding its spaces and quotes.
    assert!(calls[0].query.len() + MACHINES_PER_CALL * 18 < 2_048, "{}", calls[0].query.len());
}

#[tokio::test]
async fn long_ids_make_more_calls_and_no_longer_addresses_and_one_that_never_fits_is_asked_for_all_the_same() {
    let server = Server::start(|_, _| Reply::new(200, "[]")).await;
    let ids: Vec<MachineId> = (0..20).map(|n| machine(&format!("{n:0200}"))).collect();
    client(&server).machines(&ids).await.unwrap();
    let calls = server.calls();
    let asked = |call: &support::Seen| call.query.matches("id eq").count();
    assert_eq!(calls.iter().map(asked).collect::<Vec<_>>(), [9, 9, 2]);
    // Encoded, each clause is 12 bytes longer.
    assert!(calls.iter().all(|call| call.query.len() + asked(call) * 12 <= 2_048), "{}", calls[0].query.len());
    assert_eq!((machines_that_fit(&ids), machines_that_fit(&[])), (9, 0));
}

#[tokio::test]
async fn a_page_of_the_fleet_holds_onboarded_machines_whole_and_the_next_begins_where_it_ended() {
    let first = r#"{"value":[{"id":"m1","new":1.0},7],"@odata.nextLink":"https://elsewhere.test/api/machines"}"#;
    let server = Server::start(move |_, before| match before {
        0 => Reply::new(200, first),
        1 => Reply::new(200, r#"[{"id":"m3"}]"#),
        _ => Reply::new(404, r#"{"error":{"code":"NotFound","message":"none"}}"#),
    })
    .await;
    let defender = client(&server);
    let page = defender.fleet_page(0).await.unwrap();
    let machines: Vec<_> = page.machines.iter().map(|(id, machine)| (id.as_str(), machine.get())).collect();
    assert_eq!(machines, [("m1", r#"{"id":"m1","new":1.0}"#)]);
    assert_eq!((page.read, page.is_last), (2, false));
    let page = defender.fleet_page(page.read).await.unwrap();
    assert_eq!((page.machines.len(), page.is_last), (1, true));
    assert!(defender.fleet_page(3).await.unwrap().is_last);
    let asked: Vec<_> = server.calls().into_iter().map(|call| call.query).collect();
    assert_eq!(asked[0], "$filter=onboardingStatus eq 'Onboarded'&$top=10000");
    assert_eq!(asked[1], "$filter=onboardingStatus eq 'Onboarded'&$top=10000&$skip=2");
}

#[tokio::test]
async fn a_page_of_the_fleet_is_asked_for_once_and_has_its_own_time() {
    let server = Server::start(|_, before| if before == 0 { Reply::new(503, "") } else { Reply::hang() }).await;
    let mut ports = ports();
    ports.timeouts.page = Duration::from_millis(200);
    let defender = Defender::with(settings(&server.url, &server.url), ports).unwrap();
    assert_eq!(defender.fleet_page(0).await.unwrap_err().class(), ErrorClass::Transient);
    assert_eq!(server.calls().len(), 1);
    let started = Instant::now();
    assert_eq!(defender.fleet_page(0).await.unwrap_err().class(), ErrorClass::Transient);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_service_that_does_not_select_by_status_has_its_fleet_counted_without() {
    let server = Server::start(|seen, _| match seen.query.contains("$select") {
        true => Reply::new(400, r#"{"error":{"code":"BadRequest","message":"Could not find a property"}}"#),
        false => Reply::new(
            200,
            r#"[{"id":"a","onboardingStatus":"Onboarded"},{"id":"b","onboardingStatus":"CanBeOnboarded"}]"#,
        ),
    })
    .await;
    assert_eq!(client(&server).count_machines().await.unwrap(), 1);
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn the_fleet_counts_onboarded_machines_once_also_when_the_server_repeats_its_page() {
    let machines: Vec<String> = (0..10_000)
        .map(|n| {
            let status = if n % 2 == 0 { "Onboarded" } else { "CanBeOnboarded" };
            format!(r#"{{"id":"m{n}","onboardingStatus":"{status}"}}"#)
        })
        .collect();
    let body = format!("[{}]", machines.join(","));
    let server = Server::start(move |_, _| Reply::new(200, body.clone())).await;
    assert_eq!(client(&server).count_machines().await.unwrap(), 5_000);
    let calls = server.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].query.ends_with("$skip=10000"), "{}", calls[1].query);
}

#[tokio::test]
async fn machine_actions_are_filtered_here_and_the_newest_comes_first() {
    let body = r#"{"value":[
        {"id":"old","machineId":"m1","creationDateTimeUtc":"2026-01-01T00:00:00Z"},
        {"id":"b","type":"Isolate","status":"Succeeded","machineId":"m1","creationDateTimeUtc":"2026-02-01T00:00:00Z"},
        {"id":"other","machineId":"m2","creationDateTimeUtc":"2026-02-03T00:00:00Z"},
        {"id":"c","type":"Unisolate","status":"Pending","machineId":"m1","creationDateTimeUtc":"2026-02-02T00:00:00Z"}]}"#;
    let server = Server::start(move |_, _| Reply::new(200, body)).await;
    let query =
        ActionQuery { machine: Some(machine("m1")), created_since: Some("2026-01-31T00:00:00Z".parse().unwrap()) };
    let actions = client(&server).machine_actions(&query).await.unwrap();
    assert_eq!(actions.iter().map(|action| action.id.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let asked = "$filter=machineId eq 'm1' and creationDateTimeUtc ge 2026-01-31T00:00:00Z";
    assert_eq!(server.calls()[0].query, asked);
}

#[tokio::test]
async fn a_list_of_actions_that_cannot_be_read_whole_is_an_error_and_not_a_shorter_list() {
    for body in [
        r#"{"value":[{"id":"a"},{"type":"Isolate","machineId":"m1"}]}"#,
        r#"{"value":[{"id":"a"}],"@odata.nextLink":"https://evil.test/api/machineactions"}"#,
        r#"{"value":[{"id":"a/../b"}]}"#,
        "<html>",
    ] {
        let server = Server::start(move |_, _| Reply::new(200, body)).await;
        let of_one = ActionQuery { machine: Some(machine("m1")), created_since: None };
        let error = client(&server).machine_actions(&of_one).await.unwrap_err();
        assert!(matches!(error, ApiError::Unreadable { .. }), "{body}: {error}");
        assert_eq!(error.class(), ErrorClass::Transient);
    }
}

#[tokio::test]
async fn an_entry_without_an_id_is_passed_over_only_if_it_is_another_machines() {
    let body = r#"{"value":[{"id":"a","machineId":"m1"},{"machineId":"m2"}]}"#;
    let server = Server::start(move |_, _| Reply::new(200, body)).await;
    let of = |id: &str| ActionQuery { machine: Some(machine(id)), created_since: None };
    assert_eq!(client(&server).machine_actions(&of("m1")).await.unwrap().len(), 1);
    assert!(client(&server).machine_actions(&of("m2")).await.is_err());
    // Of all machines, whoever asks looks for known ids.
    assert_eq!(client(&server).machine_actions(&ActionQuery::default()).await.unwrap().len(), 1);
}

type Happenings = Mutex<Vec<(&'static str, u16)>>;

#[derive(Default)]
struct Log(Happenings);

impl Observer for Log {
    fn called(&self, endpoint: &'static str, status: u16) {
        self.0.lock().unwrap().push((endpoint, status));
    }

    fn waited(&self, endpoint: &'static str, wait: Duration) {
        assert!(!wait.is_zero());
        self.0.lock().unwrap().push((endpoint, 1));
    }
}

#[tokio::test]
async fn the_observer_hears_of_every_exchange_and_of_waiting() {
    let server = Server::start(|_, before| Reply::new(if before == 0 { 503 } else { 200 }, r#"{"id":"m1"}"#)).await;
    let log = Arc::new(Log::default());
    let mut ports = ports();
    ports.observer = Some(log.clone());
    let defender = Defender::with(settings(&server.url, &server.url), ports).unwrap();
    defender.machine(&machine("m1")).await.unwrap();
    let seen: Vec<_> = log.0.lock().unwrap().iter().copied().filter(|(_, status)| *status > 1).collect();
    assert_eq!(seen, [("machines/{id}", 503), ("machines/{id}", 200)]);
}

#[tokio::test]
async fn the_servers_clock_is_read_without_a_token() {
    let server = Server::start(|_, _| Reply::new(401, "").header("date", "Wed, 01 Jan 2031 00:00:00 GMT")).await;
    let ahead = client(&server).server_clock_ahead().await.unwrap().unwrap();
    assert!(ahead.as_hours() > 24, "{ahead:?}");
    assert_eq!(server.calls()[0].authorization, None);
    assert_eq!(server.token_requests().len(), 0);
}

#[tokio::test]
async fn every_isolation_and_release_is_read_page_after_page_and_what_cannot_be_read_is_counted() {
    let first = r#"{"value":[
        {"id":"b","type":"Isolate","status":"Succeeded","machineId":"m1","computerDnsName":"pc-1","requestSource":"Portal"},
        {"id":"c","type":"RunAntiVirusScan","machineId":"m1"},
        {"type":"Isolate","machineId":"m2"}],"@odata.nextLink":"BASE/api/machineactions?$skip=3"}"#;
    let second = r#"{"value":[
        {"id":"a","type":"Unisolate","status":"Pending","machineId":"M2","creationDateTimeUtc":"2026-02-01T00:00:00Z"},
        {"id":"d","type":"Isolate","machineId":" "},{"id":"e","status":"Pending","machineId":"m3"},{"id":"f","type":"Vaporise"}]}"#;
    let own_address: Arc<Mutex<String>> = Arc::default();
    let address = own_address.clone();
    let server = Server::start(move |_, calls| {
        let first = first.replace("BASE", address.lock().unwrap().trim_end_matches('/'));
        Reply::new(200, if calls == 0 { first } else { second.to_owned() })
    })
    .await;
    *own_address.lock().unwrap() = server.url.to_string();
    let found = client(&server).isolation_steps().await.unwrap();
    let ids: Vec<&str> = found.steps.iter().map(|step| step.action.id.as_str()).collect();
    assert_eq!((ids, found.unreadable.len()), (vec!["b", "a"], 3), "{found:?}");
    assert_eq!(
        (found.steps[0].machine_name.as_deref(), found.steps[0].source.as_deref()),
        (Some("pc-1"), Some("Portal"))
    );
    assert_eq!(server.calls()[0].query, "$filter=type eq 'Isolate' or type eq 'Unisolate'");
}

#[tokio::test]
async fn a_full_page_of_actions_that_names_no_next_one_is_no_whole_list() {
    let entries = vec![r#"{"id":"a","type":"Isolate","machineId":"m1"}"#; 10_000].join(",");
    let body = format!(r#"{{"value":[{entries}]}}"#);
    let server = Server::start(move |_, _| Reply::new(200, body.clone())).await;
    let error = client(&server).isolation_steps().await.unwrap_err().to_string();
    assert!(error.contains("a full page of 10000 entries names no next one"), "{error}");
}
