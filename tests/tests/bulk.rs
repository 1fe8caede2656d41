//! Who is cut off, and what people say of many at once or ask for anew, from the command line to the tenant's log: real SSH
//! keys, a real broker, and one call for each machine whoever dies in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::time::Duration;

use cordon_records::{ActionKind, ActionState, NoticeKind, Report, Topic};
use cordon_simulator::{ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, SimAlert, SimMachine};
use cordon_tests::office::Office;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use serde_json::Value;

/// The rest of an action in doubt (110 s), and a busy machine.
const RECOVERED: Duration = Duration::from_secs(220);

fn raise(pipeline: &Pipeline, numbers: std::ops::RangeInclusive<u32>) -> Vec<SimMachine> {
    let machines: Vec<SimMachine> = numbers.map(|number| machine(number, &format!("LAPTOP-{number:02}"))).collect();
    for machine in &machines {
        pipeline.tenant.add_machine(machine.clone());
        pipeline.tenant.add_alert(SimAlert::on(machine).severity("High"));
    }
    machines
}

async fn all_are(pipeline: &Pipeline, machines: &[SimMachine], state: ActionState) {
    for machine in machines {
        pipeline.reported(&machine.id, state, SOON * 2).await;
    }
}

/// How many calls to isolate each machine reached the tenant.
fn isolate_posts(pipeline: &Pipeline, machines: &[SimMachine]) -> Vec<usize> {
    machines.iter().map(|machine| pipeline.tenant.isolate_posts(&machine.id)).collect()
}

/// How many calls to let each machine back reached the tenant.
fn release_posts(pipeline: &Pipeline, machines: &[SimMachine]) -> Vec<usize> {
    machines.iter().map(|machine| pipeline.tenant.posts(&format!("/machines/{}/unisolate", machine.id))).collect()
}

/// Waits until each of these releases has ended well.
async fn all_are_let_back(pipeline: &Pipeline, machines: &[SimMachine], deadline: Duration) {
    until(deadline, "every release to be told as done", async || {
        let actions = pipeline.actions().await;
        let releases = actions
            .iter()
            .filter(|step| step.action.as_ref().is_some_and(|action| action.kind() == ActionKind::Release));
        let steps: Vec<_> = releases.filter_map(|step| Some((step.machine.as_ref()?.id.clone(), step.state))).collect();
        let done = |machine: &SimMachine| steps.contains(&(machine.id.clone(), ActionState::Succeeded));
        if machines.iter().all(done) { Ok(()) } else { Err(format!("{steps:?}")) }
    })
    .await;
    assert!(machines.iter().all(|machine| !pipeline.tenant.is_isolated(&machine.id)));
}

async fn notice(pipeline: &Pipeline, kind: NoticeKind) -> String {
    until(SOON * 2, &format!("a notice {kind:?}"), async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        reports.into_iter().find_map(|report| match report {
            Report::Notice(notice) if notice.kind == kind => Some(notice.id),
            Report::Notice(_) | Report::Action(_) => None,
        })
    })
    .await
}

/// What `cordon isolated` says as a document.
async fn document(office: &Office, pipeline: &Pipeline, args: &[&str]) -> Value {
    let args = [&["isolated", "-o", "json"], args].concat();
    let (code, told) = office.says("ann", pipeline.config(), &args).await;
    assert_eq!(code, Some(0), "{told}");
    // Behind it is what was written for people.
    serde_json::Deserializer::from_str(&told).into_iter().next().unwrap().unwrap()
}

/// Who wanted each machine of a list isolated.
fn authors(list: &Value) -> Vec<&str> {
    let mut authors: Vec<&str> =
        list.as_array().unwrap().iter().map(|one| one["by"]["text"].as_str().unwrap()).collect();
    authors.sort_unstable();
    authors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_is_told_and_what_a_rule_did_is_taken_back_by_one_word_with_one_call_each() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("bulk-rule", Setup::default()).await else { return };
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let config = pipeline.config().to_owned();
    let machines = raise(&pipeline, 1..=3);
    all_are(&pipeline, &machines, ActionState::Succeeded).await;
    let by_hand = machine(9, "LAPTOP-BY-HAND");
    pipeline.tenant.add_machine(by_hand.clone());
    pipeline.tenant.isolate_by_person(&by_hand.id, "bert@example.com", "by hand");
    until(SOON, "the isolation by hand", async || pipeline.tenant.is_isolated(&by_hand.id).then_some(())).await;

    let (code, told) = office.says("ann", &config, &["isolated"]).await;
    assert!(code == Some(0) && told.contains("LAPTOP-01") && told.contains("bert@example.com"), "{told}");
    let by_rule = "Cordon, rule isolate-high";
    let all = document(&office, &pipeline, &[]).await;
    assert_eq!(authors(&all["isolated"]), [by_rule, by_rule, by_rule, "bert@example.com"], "{all:#}");
    let mine = document(&office, &pipeline, &["--mine"]).await;
    assert_eq!(authors(&mine["isolated"]), [by_rule; 3], "{mine:#}");

    let release = ["release", "--rule", "isolate-high", "--since", "1h", "--why", "it matched too much", "--yes"];
    let (code, told) = office.says("ann", &config, &[&release[..], &["--wait", "60s"]].concat()).await;
    assert!(code == Some(0) && told.contains("taken: 3 of 3 have a report so far, 0 came to nothing"), "{told}");
    all_are_let_back(&pipeline, &machines, SOON * 2).await;
    assert_eq!(release_posts(&pipeline, &machines), [1, 1, 1]);
    assert_eq!(release_posts(&pipeline, std::slice::from_ref(&by_hand)), [0]);

    for args in [&[][..], &["--mine"]] {
        let all = document(&office, &pipeline, args).await;
        let back = all["let_back"].as_array().unwrap();
        let who: Vec<&str> = back.iter().map(|one| one["release"]["by"]["text"].as_str().unwrap()).collect();
        assert_eq!(who, ["Cordon, for ann@example.com"; 3], "{args:?}: {all:#}");
        assert_eq!(all["isolated"].as_array().unwrap().len(), usize::from(args.is_empty()), "{args:?}: {all:#}");
    }
    let (code, told) = office.says("ann", &config, &release).await;
    assert!(code == Some(1) && told.contains("knows of no such isolation that stands"), "{told}");
    assert_eq!(isolate_posts(&pipeline, &machines), [1, 1, 1]);
}

/// Guards of which only the cap over all rules can be reached.
fn cap(an_hour: u32) -> String {
    format!("caps: {{all_rules: {{1h: {an_hour}}}, fleet_share: {{1d: 100%, floor: 1000}}}}\n")
}

/// A pipeline on which only this cap holds, which has latched the breaker: what stands, what waits, and the notice.
async fn latched(
    test: &str,
    office: &Office,
    cap_at: u32,
    waiting: u32,
) -> Option<(Pipeline, [Vec<SimMachine>; 2], String)> {
    let mut pipeline = Pipeline::prepare(test, Setup::default()).await?;
    let rule = pipeline.config().with_file_name("isolate-high.yaml");
    let text = std::fs::read_to_string(&rule).unwrap();
    assert!(text.contains("limits: {1h: 15}"), "{text}");
    std::fs::write(&rule, text.replace("limits: {1h: 15}", "")).unwrap();
    pipeline.environment.push(("CORDON_ACT__RELOAD_EVERY", "200ms".to_owned()));
    office.guard(&pipeline, &["ann", "eve"], &cap(cap_at));
    pipeline.launch(1).await;
    let standing = raise(&pipeline, 1..=cap_at);
    all_are(&pipeline, &standing, ActionState::Succeeded).await;
    let held = raise(&pipeline, cap_at + 1..=cap_at + waiting);
    all_are(&pipeline, &held, ActionState::Held).await;
    let notice = notice(&pipeline, NoticeKind::BreakerLatched).await;
    Some((pipeline, [standing, held], notice))
}

/// The same configuration with guards that allow more than respond's do.
fn with_wider_guards(pipeline: &Pipeline) -> PathBuf {
    let beside = |name: &str| pipeline.config().with_file_name(name);
    let guards = std::fs::read_to_string(beside("guards.yaml")).unwrap();
    std::fs::write(beside("wider.yaml"), guards.replace("all_rules: {1h: 2}", "all_rules: {1h: 1000}")).unwrap();
    let text = std::fs::read_to_string(pipeline.config()).unwrap();
    std::fs::write(beside("wide.yaml"), text.replace("guards: guards.yaml", "guards: wider.yaml")).unwrap();
    beside("wide.yaml")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_breaker_holds_is_approved_by_its_notice_ten_by_one_person_and_the_next_by_two_within_the_caps() {
    let Some(office) = Office::of(&["ann", "eve"]) else { return };
    let Some((pipeline, [_, held], notice)) = latched("bulk-ten", &office, 2, 12).await else { return };
    let config = pipeline.config().to_owned();
    let approve = ["approve", "--notice", &notice, "--why", "an attack", "--yes", "--wait", "60s"];
    let posts = |pipeline: &Pipeline| isolate_posts(pipeline, &held).iter().sum::<usize>();

    let (code, told) = office.says("ann", &config, &approve).await;
    assert!(code == Some(1) && told.contains("12 wait for it, and the caps leave none now"), "{told}");
    // Whoever signs on other guards is refused by respond's own.
    let (code, told) = office.says("ann", &with_wider_guards(&pipeline), &approve).await;
    assert!(code == Some(1) && told.contains("REFUSED") && told.contains("the caps leave 0 now"), "{told}");
    assert_eq!(posts(&pipeline), 0);

    office.guard(&pipeline, &["ann", "eve"], &cap(14));
    self::notice(&pipeline, NoticeKind::PolicyReloaded).await;
    let (code, told) = office.says("ann", &config, &[&approve[..], &["--at-most", "10"]].concat()).await;
    assert!(code == Some(0) && told.contains("taken: 10 of 10 have a report so far, 0 came to nothing"), "{told}");
    until(SOON, "ten calls", async || if posts(&pipeline) == 10 { Ok(()) } else { Err(posts(&pipeline)) }).await;

    // The eleventh and the twelfth under this notice take two.
    let (code, told) = office.says("ann", &config, &approve).await;
    assert!(code == Some(0) && told.contains("2 actions") && told.contains("held (1 approval)"), "{told}");
    let (code, told) = office.says("ann", &config, &approve).await;
    assert_eq!(code, Some(1), "her second yes is no second person: {told}");
    assert_eq!(posts(&pipeline), 10);
    let (code, told) = office.says("eve", &config, &approve).await;
    assert!(code == Some(0) && told.contains("approved (2 approvals)"), "{told}");
    all_are(&pipeline, &held, ActionState::Succeeded).await;
    assert_eq!(isolate_posts(&pipeline, &held), [1; 12]);

    // The breaker stays on, and so do the caps, which are used up.
    let more = raise(&pipeline, 20..=20);
    all_are(&pipeline, &more, ActionState::Held).await;
    let (code, told) = office.says("ann", &config, &approve).await;
    assert!(code == Some(1) && told.contains("1 wait for it, and the caps leave none now"), "{told}");
    assert_eq!(isolate_posts(&pipeline, &more), [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eleven_at_once_take_two_people_and_what_filled_the_cap_is_taken_back_by_the_same_notice() {
    let Some(office) = Office::of(&["ann", "eve"]) else { return };
    let Some((pipeline, [standing, held], notice)) = latched("bulk-eleven", &office, 2, 11).await else { return };
    let config = pipeline.config().to_owned();
    office.guard(&pipeline, &["ann", "eve"], &cap(13));
    self::notice(&pipeline, NoticeKind::PolicyReloaded).await;
    let approve = ["approve", "--notice", &notice, "--why", "an attack", "--yes", "--wait", "60s"];
    let (code, told) = office.says("ann", &config, &approve).await;
    assert!(code == Some(0) && told.matches("held (1 approval)").count() == 11, "{told}");
    assert_eq!(isolate_posts(&pipeline, &held), [0; 11]);
    let (code, told) = office.says("eve", &config, &approve).await;
    assert!(code == Some(0) && told.contains("taken: 11 of 11 have a report so far, 0 came to nothing"), "{told}");
    all_are(&pipeline, &held, ActionState::Succeeded).await;
    assert_eq!(isolate_posts(&pipeline, &held), [1; 11]);

    let release = ["release", "--notice", &notice, "--why", "a false alarm", "--yes", "--wait", "60s"];
    let (code, told) = office.says("eve", &config, &release).await;
    assert!(code == Some(0) && told.contains("taken: 2 of 2"), "{told}");
    all_are_let_back(&pipeline, &standing, SOON * 2).await;
    assert_eq!(release_posts(&pipeline, &standing), [1, 1]);
    assert_eq!(release_posts(&pipeline, &held), [0; 11]);
    assert_eq!(isolate_posts(&pipeline, &standing), [1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_for_a_missing_permission_is_asked_for_again_once_with_a_new_token() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("bulk-retry", Setup::default()).await else { return };
    office.guard(&pipeline, &["ann"], "");
    let without: Vec<&str> = ALL_ROLES.into_iter().filter(|role| *role != "Machine.Isolate").collect();
    pipeline.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &without)]);
    pipeline.launch(1).await;
    let config = pipeline.config().to_owned();
    let machines = raise(&pipeline, 1..=1);
    let key = pipeline.reported(&machines[0].id, ActionState::Failed, SOON * 2).await.key.unwrap();
    assert_eq!(isolate_posts(&pipeline, &machines), [1]);

    pipeline.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &ALL_ROLES)]);
    let retry = ["retry", key.as_str(), "--why", "Machine.Isolate is consented to now", "--wait", "60s"];
    let (code, told) = office.says("ann", &config, &retry).await;
    assert_eq!(code, Some(0), "{told}");
    all_are(&pipeline, &machines, ActionState::Succeeded).await;
    assert!(pipeline.tenant.is_isolated(&machines[0].id));
    assert_eq!((isolate_posts(&pipeline, &machines)[0], pipeline.tenant.isolations(&machines[0].id)), (2, 1));
    let (code, told) = office.says("ann", &config, &retry).await;
    assert!(code == Some(1) && told.contains("only what failed for a missing permission"), "{told}");
    assert_eq!(isolate_posts(&pipeline, &machines), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn respond_dies_in_the_middle_of_a_bulk_release_and_each_machine_is_let_back_by_one_call() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("bulk-killed", Setup::default()).await else { return };
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let machines = raise(&pipeline, 1..=6);
    all_are(&pipeline, &machines, ActionState::Succeeded).await;
    // Two are let back at once; of two the answer is on its way when respond dies; of two the fresh read is.
    let (called, unread) = (&machines[2..4], &machines[4..]);
    for machine in called {
        let path = format!("{}/unisolate", machine.id);
        pipeline.tenant.script(Fault::on("POST", &path, FaultKind::Delay(Duration::from_secs(60))));
    }
    for machine in unread {
        let hang = FaultKind::Hang(Duration::from_secs(60));
        pipeline.tenant.script(Fault::on("GET", machine.id.as_str(), hang).times(1000));
    }
    let release = ["release", "--rule", "isolate-high", "--since", "1h", "--why", "wrong", "--yes", "--wait", "0"];
    let (code, told) = office.says("ann", pipeline.config(), &release).await;
    assert_eq!(code, Some(0), "{told}");
    all_are_let_back(&pipeline, &machines[..2], SOON * 2).await;
    until(SOON, "the calls that are not answered", async || {
        let posts = release_posts(&pipeline, &machines);
        if posts == [1, 1, 1, 1, 0, 0] { Ok(()) } else { Err(format!("{posts:?}")) }
    })
    .await;
    pipeline.kill("cordon-act", 0);
    pipeline.tenant.clear_faults();
    pipeline.start_stage("cordon-act", 0, &[]);
    all_are_let_back(&pipeline, &machines, RECOVERED).await;
    assert_eq!(release_posts(&pipeline, &machines), [1; 6], "{}", pipeline.tenant.to_jsonl());
    assert_eq!(isolate_posts(&pipeline, &machines), [1; 6]);
    let mine = document(&office, &pipeline, &["--mine"]).await;
    assert_eq!(mine["let_back"].as_array().unwrap().len(), 6, "{mine:#}");
}
