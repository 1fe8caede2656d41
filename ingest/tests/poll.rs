//! The stage between a simulated tenant and a broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::time::Duration;

use cordon_defender::QuotaSettings;
use cordon_ingest::{IngestSettings, PollInterval};
use cordon_records::{Change, CursorRecord, Topic, dead_letter_header as header};
use cordon_simulator::{ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Quirks, SimAlert};
use serde_json::json;
use support::{Bench, WrongClock, metric, until};

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_served_arrives_exactly_once_and_its_updates_too() {
    let bench = Bench::start(Quirks::default());
    let mut ids = bench.add(130);
    let poller = bench.poller();
    bench.until_produced(&ids).await;
    ids.extend(bench.add(7));
    bench.tenant.update_alert(&ids[3], |alert| alert.status = "InProgress".to_owned());
    bench.assert_each_once(&ids).await;
    until("the update is on the topic", || async {
        let alerts = bench.alerts().await;
        let of_three: Vec<_> = alerts.iter().filter(|alert| alert.alert_id == ids[3]).map(|a| a.change).collect();
        if of_three == [Change::New, Change::Updated] { Ok(()) } else { Err(format!("{of_three:?}")) }
    })
    .await;
    bench.until_covered().await;
    let context = poller.stop().await;
    assert_eq!(bench.counts().await.len(), 138);
    assert_accounts_balance(&context);
    assert_eq!(metric(&context, "cordon_records_sent_total", ""), 138);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_round_brings_goes_on_at_once_and_is_covered_only_by_the_question_that_the_quota_put_off() {
    let bench = Bench::start(Quirks::default());
    let mut settings = bench.settings();
    // A call every 4 s once the first three are spent: the second question of a round has to wait.
    settings.defender.quota = QuotaSettings { share: 1.0, per_minute: Some(30), per_hour: Some(100_000) };
    settings.poll_interval = PollInterval::Auto(Duration::from_millis(200));
    let poller = bench.poller_with(settings);
    for _ in 0..3 {
        bench.until_covered().await;
    }
    let added = bench.tenant.now();
    let id = bench.tenant.add_alert(SimAlert::default());
    bench.until_produced(std::slice::from_ref(&id)).await;
    bench.until_covered().await;
    let brought = bench.tenant.first_listed(&id).unwrap();
    let requests = bench.tenant.requests();
    let lists = requests.iter().filter(|request| request.path.starts_with("/api/alerts?"));
    let confirmed = lists.map(|request| request.at).find(|at| *at > brought).unwrap();
    let records = bench.records(Topic::Cursors).await;
    let written = records.iter().find_map(|record| match record.json().unwrap() {
        CursorRecord::Poll(cursor) if cursor.covered_until >= added => record.timestamp,
        CursorRecord::Poll(_) | CursorRecord::Claim(_) => None,
    });
    assert!(written.unwrap().as_millisecond() >= confirmed.as_millisecond(), "{written:?} {confirmed}");
    let on_the_topic = bench.records(Topic::Alerts).await[0].timestamp.unwrap();
    assert!(on_the_topic < confirmed, "{on_the_topic} {confirmed}");
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_produces_nothing_twice_and_skips_nothing() {
    let bench = Bench::start(Quirks::default());
    let mut ids = bench.add(50);
    let poller = bench.poller();
    bench.until_produced(&ids).await;
    bench.until_covered().await;
    poller.stop().await;
    let before = bench.cursors().await.pop().unwrap();
    ids.extend(bench.add(30));
    let poller = bench.poller();
    bench.assert_each_once(&ids).await;
    bench.until_covered().await;
    let context = poller.stop().await;
    assert_eq!(metric(&context, "cordon_records_sent_total", ""), 30);
    let after = bench.cursors().await.pop().unwrap();
    assert!(after.epoch > before.epoch && after.watermark >= before.watermark, "{before:?} then {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_produced_before_the_first_cursor_is_not_produced_again_after_a_restart() {
    let elsewhere = Some("https://elsewhere.example".to_owned());
    let bench = Bench::start(Quirks { page_cap: Some(5), next_link_host: elsewhere, ..Quirks::default() });
    let now = bench.tenant.now();
    let ids: Vec<_> = (0..12).map(|_| bench.tenant.add_alert(SimAlert::default().at(now))).collect();
    // Twelve alerts of one stamp behind pages of five: no round is complete.
    let poller = bench.poller();
    until("some alerts are produced", || async {
        if bench.counts().await.is_empty() { Err("none is".to_owned()) } else { Ok(()) }
    })
    .await;
    poller.stop().await;
    assert_eq!(bench.cursors().await, []);
    bench.tenant.set_quirks(Quirks::default());
    let poller = bench.poller();
    bench.until_covered().await;
    poller.stop().await;
    bench.assert_each_once(&ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_is_set_under_the_poll_neither_skips_nor_repeats_an_alert() {
    let bench = Bench::start(Quirks::default());
    let clock = std::sync::Arc::new(WrongClock::default());
    let poller = bench.poller_under(bench.settings(), clock.clone());
    let mut ids = Vec::new();
    for hours in [0, 1, -1, 0, -48, 48, 0] {
        clock.set(hours);
        ids.extend(bench.add(20));
        bench.until_produced(&ids).await;
    }
    poller.stop().await;
    // A start under a clock that is wrong goes on from Microsoft's times and not from its own.
    for hours in [1, -1] {
        clock.set(hours);
        let poller = bench.poller_under(bench.settings(), clock.clone());
        ids.extend(bench.add(20));
        bench.until_produced(&ids).await;
        poller.stop().await;
    }
    let poller = bench.poller();
    bench.until_covered().await;
    bench.assert_each_once(&ids).await;
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pollers_one_polls_and_the_other_takes_over() {
    let bench = Bench::start(Quirks::default());
    let mut ids = bench.add(10);
    let (one, two) = (bench.poller(), bench.poller());
    bench.until_produced(&ids).await;
    bench.until_covered().await;
    let rounds = |poller: &support::Poller| poller.metric("cordon_ingest_rounds_total", "complete");
    let (active, standby) = if rounds(&one) > 0 { (one, two) } else { (two, one) };
    assert_eq!(rounds(&standby), 0, "both poll");
    assert!(rounds(&active) > 0);
    until("the standby is ready", || async {
        let missing = standby.context.health.missing();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    active.stop().await;
    ids.extend(bench.add(5));
    bench.assert_each_once(&ids).await;
    assert!(rounds(&standby) > 0 || standby.metric("cordon_records_sent_total", "") == 5);
    standby.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_or_caps_what_it_is_asked_loses_nothing() {
    let elsewhere = Some("https://elsewhere.example".to_owned());
    let servers = [
        Quirks { ignore_filter: true, ..Quirks::default() },
        Quirks { ignore_orderby: true, ..Quirks::default() },
        Quirks { ignore_top: true, ..Quirks::default() },
        Quirks { ignore_expand: true, ..Quirks::default() },
        Quirks { page_cap: Some(7), ..Quirks::default() },
        Quirks { page_cap: Some(7), ignore_orderby: true, ..Quirks::default() },
        Quirks { page_cap: Some(7), next_link_host: elsewhere, ..Quirks::default() },
        Quirks { page_cap: Some(7), next_link_loops: true, ..Quirks::default() },
        Quirks { ignore_filter: true, ignore_orderby: true, ignore_top: true, ..Quirks::default() },
    ];
    for quirks in servers {
        let bench = Bench::start(quirks.clone());
        let ids = bench.add(61);
        let poller = bench.poller();
        bench.assert_each_once(&ids).await;
        bench.until_covered().await;
        let context = poller.stop().await;
        assert_accounts_balance(&context);
        println!("fine with {quirks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_the_server_refuses_are_left_out_from_then_on() {
    for option in ["orderby", "expand"] {
        let bench = Bench::start(Quirks::default());
        let refused = FaultKind::status(400, "ODataError", "no such option");
        bench.tenant.script(Fault::on("GET", option, refused).times(1_000));
        let ids = bench.add(61);
        let poller = bench.poller();
        bench.assert_each_once(&ids).await;
        bench.until_covered().await;
        poller.stop().await;
        let refusals = bench.tenant.requests().iter().filter(|request| request.status == 400).count();
        assert!(refusals <= 2, "{refusals} refused questions because of {option}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_question_on_which_the_server_always_fails_is_left_out_and_every_alert_is_found() {
    for (part, page) in [("orderby", 20), ("expand", 20), ("top=50", 50), ("filter", 20)] {
        let bench = Bench::start(Quirks::default());
        let failure = FaultKind::status(500, "InternalServerError", "something went wrong");
        bench.tenant.script(Fault::on("GET", part, failure).times(1_000));
        let mut ids = bench.add(61);
        let poller = bench.poller_with(IngestSettings { page_size: page, ..bench.settings() });
        bench.assert_each_once(&ids).await;
        bench.until_covered().await;
        let failures = || bench.tenant.requests().iter().filter(|request| request.status == 500).count();
        let before = failures();
        ids.extend(bench.add(30));
        bench.assert_each_once(&ids).await;
        bench.until_covered().await;
        poller.stop().await;
        assert_eq!(failures(), before, "what worked instead of {part} is not remembered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_were_read_without_evidence_say_so_and_come_again_with_it_and_meanwhile_the_stage_is_unready() {
    for fault in [
        FaultKind::status(500, "InternalServerError", "something went wrong"),
        FaultKind::status(400, "ODataError", "no such option"),
    ] {
        let bench = Bench::start(Quirks::default());
        bench.tenant.script(Fault::on("GET", "expand", fault).times(10_000));
        let ids = bench.add(5);
        let poller = bench.poller();
        bench.assert_each_once(&ids).await;
        until("the stage is unready", || async {
            let missing = poller.context.health.missing();
            if missing.iter().any(|why| why.contains("evidence")) { Ok(()) } else { Err(format!("{missing:?}")) }
        })
        .await;
        bench.until_covered().await;
        for alert in bench.alerts().await {
            assert_eq!(alert.cut.first().map(ToString::to_string).as_deref(), Some("evidence was not asked for"));
            assert!(alert.id.ends_with("/without-evidence"), "{}", alert.id);
        }
        assert_eq!(bench.counts().await.len(), 5);
        // Who takes over asks for the evidence first; a sweep finds what was read without it.
        poller.stop().await;
        bench.tenant.clear_faults();
        let poller = bench.poller();
        until("every alert is there with its evidence", || async {
            let alerts = bench.alerts().await;
            let whole = alerts.iter().filter(|alert| alert.cut.is_empty()).count();
            if whole == 5 { Ok(()) } else { Err(format!("{whole} are")) }
        })
        .await;
        bench.until_covered().await;
        assert!(poller.context.health.missing().is_empty(), "{:?}", poller.context.health.missing());
        assert_accounts_balance(&poller.stop().await);
        assert_eq!(bench.counts().await.len(), 10);
        bench.assert_each_once(&ids).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_the_first_page_and_always_fails_on_the_next_is_asked_otherwise() {
    let bench = Bench::start(Quirks { page_cap: Some(7), ignore_orderby: true, ..Quirks::default() });
    let failure = FaultKind::status(500, "InternalServerError", "something went wrong");
    // Links are written in another way than first questions: only they fail, as long as they ask for an order.
    bench.tenant.script(Fault::on("GET", "%24orderby", failure).times(10_000));
    let ids = bench.add(20);
    let poller = bench.poller();
    bench.until_produced(&ids).await;
    bench.until_covered().await;
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_failed_for_a_while_is_asked_as_before_once_it_is_well() {
    let bench = Bench::start(Quirks::default());
    let failure = FaultKind::status(500, "InternalServerError", "something went wrong");
    // Four rounds of three tries, and the last of them tries something else.
    bench.tenant.script(Fault::on("GET", "/api/alerts", failure).times(14));
    let ids = bench.add(61);
    let poller = bench.poller();
    bench.assert_each_once(&ids).await;
    bench.until_covered().await;
    poller.stop().await;
    let last = bench.tenant.requests().into_iter().rfind(|it| it.path.starts_with("/api/alerts"));
    let asked = last.unwrap().path;
    for part in ["orderby", "expand", "filter"] {
        assert!(asked.contains(part), "{part} is left out of {asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_cannot_be_proven_complete_produces_and_leaves_the_cursor() {
    let elsewhere = Some("https://elsewhere.example".to_owned());
    let bench = Bench::start(Quirks { page_cap: Some(5), next_link_host: elsewhere, ..Quirks::default() });
    let now = bench.tenant.now();
    for _ in 0..12 {
        bench.tenant.add_alert(SimAlert::default().at(now));
    }
    let poller = bench.poller();
    until("two rounds are incomplete", || async {
        match poller.metric("cordon_ingest_incomplete_rounds_total", "") {
            rounds @ 0..2 => Err(format!("{rounds} are")),
            _ => Ok(()),
        }
    })
    .await;
    let context = poller.stop().await;
    assert_eq!(bench.cursors().await, []);
    assert_eq!(bench.counts().await.values().sum::<usize>(), 5);
    assert_accounts_balance(&context);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_be_read_is_dead_lettered_once_and_holds_nothing_up() {
    let bench = Bench::start(Quirks::default());
    bench.tenant.add_alert(SimAlert::default().field("id", json!("../../machines/x/isolate")));
    bench.tenant.add_alert(SimAlert::default().field("id", json!({"not": "text"})));
    let ids = bench.add(3);
    let poller = bench.poller();
    bench.assert_each_once(&ids).await;
    bench.until_covered().await;
    bench.until_covered().await;
    let context = poller.stop().await;
    let dead = bench.records(Topic::DeadLetters).await;
    assert_eq!(dead.len(), 2, "{dead:#?}");
    for letter in dead {
        assert_eq!(letter.headers.text(header::REASON), Some("decode"));
        assert_eq!(letter.headers.text(header::STAGE), Some("ingest"));
        assert!(letter.json::<serde_json::Value>().unwrap()["severity"] == "High");
    }
    assert_eq!(bench.counts().await.len(), 3);
    assert_accounts_balance(&context);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_identity_makes_the_stage_unready_and_its_return_makes_it_ready() {
    let bench = Bench::start(Quirks::default());
    bench.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &["Machine.Read.All"])]);
    let ids = bench.add(3);
    let poller = bench.poller();
    until("the stage is unready", || async {
        let missing = poller.context.health.missing();
        if missing.iter().any(|why| why.contains("ingest/defender")) { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    assert_eq!(bench.cursors().await, []);
    bench.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &ALL_ROLES)]);
    bench.tenant.revoke_tokens();
    bench.assert_each_once(&ids).await;
    until("the stage is ready", || async {
        let missing = poller.context.health.missing();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    poller.stop().await;
}

/// What came in went out, was skipped, or is in the dead letters.
fn assert_accounts_balance(context: &cordon_runtime::context::Context) {
    let count = |name: &str| metric(context, name, "");
    let received = count("cordon_records_received_total");
    let ended = [
        count("cordon_records_sent_total"),
        count("cordon_records_skipped_total"),
        count("cordon_records_dead_lettered_total"),
    ];
    assert!(received > 0);
    assert_eq!(received, ended.iter().sum::<u64>(), "sent, skipped and dead-lettered are {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_becomes_visible_hours_late_is_found_by_a_sweep_once_and_by_no_ordinary_round() {
    let hours = |count: u64| Duration::from_secs(count * 3_600);
    let bench = Bench::start(Quirks::default());
    let settings = || IngestSettings { lookback: hours(5), ..bench.settings() };
    let before = |age: Duration| bench.tenant.now().checked_sub(age).unwrap();
    let mut ids = bench.add(3);
    let poller = bench.poller_with(settings());
    bench.until_produced(&ids).await;
    bench.until_covered().await;
    let late = bench.tenant.add_alert(SimAlert::default().at(before(hours(3))));
    bench.tenant.add_alert(SimAlert::default().at(before(hours(7))));
    bench.until_covered().await;
    bench.assert_each_once(&ids).await;
    assert_eq!(bench.counts().await.len(), 3, "an ordinary round looks back two minutes");
    poller.stop().await;
    ids.push(late);
    let poller = bench.poller_with(IngestSettings { sweep_interval: Duration::from_secs(1), ..settings() });
    bench.until_produced(&ids).await;
    ids.push(bench.tenant.add_alert(SimAlert::default().at(before(hours(2)))));
    bench.until_produced(&ids).await;
    bench.until_covered().await;
    bench.assert_each_once(&ids).await;
    assert_eq!(bench.counts().await.len(), 5, "what is older than the installation's beginning is never asked for");
    assert_eq!(poller.metric("cordon_ingest_late_alerts_total", ""), 2);
    poller.stop().await;
}
