//! What runs beside the pipeline, on its topics: a candidate judges live by other rules, and stages do their work again on what
//! is recorded. Neither writes where the pipeline reads, and neither is told of a credential.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cordon_records::{ActionState, Clock as _, DecisionRecord, PolicyKind, PolicyRecord, SystemClock, Topic, Verdict};
use cordon_runtime::kafka::{KafkaSettings, read_all};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::oracle;
use cordon_tests::pipeline::{Pipeline, SOON, STAGES, Setup, machine};
use cordon_tests::processes::{Binaries, Process, ended_with};
use cordon_tests::wait::until;
use rdkafka::message::Message as _;
use serde_json::Value;

/// Values by partition and offset.
type Values = BTreeMap<(i32, i64), Vec<u8>>;

/// What a command came to: its exit code, standard output and standard error.
type Came = (Option<i32>, String, String);

/// The topics of what runs beside the pipeline as this.
fn own(pipeline: &Pipeline, name: &str) -> KafkaSettings {
    KafkaSettings { topic_prefix: format!("{}{name}.", pipeline.kafka.topic_prefix), ..pipeline.kafka.clone() }
}

fn folder(pipeline: &Pipeline) -> &Path {
    pipeline.config().parent().expect("a file is in a folder")
}

/// The pipeline's configuration with this rule, and without identity, secret and way to the tenant.
fn without_credential(pipeline: &Pipeline, rule: &str) -> PathBuf {
    let text = std::fs::read_to_string(pipeline.config()).unwrap();
    let secret = ["client_id", "client_secret", "api_url", "authority_url", "quota"];
    let kept: Vec<&str> = text.lines().filter(|line| !secret.iter().any(|key| line.contains(key))).collect();
    let text = kept.join("\n").replace("rules: [isolate-high.yaml]", &format!("rules: [{rule}]"));
    assert!(text.contains("tenant_id") && !text.contains("secret"), "{text}");
    let path = folder(pipeline).join(format!("beside-{rule}"));
    std::fs::write(&path, text).unwrap();
    path
}

/// The shipped rule for Medium alerts as well.
fn changed_rule(pipeline: &Pipeline) -> &'static str {
    let rule = std::fs::read_to_string(folder(pipeline).join("isolate-high.yaml")).unwrap();
    let (rule, _) = rule.split_once("tests:").expect("the rule has tests, which fit no other severities");
    let changed = rule.replace("alert.severity == \"High\"", "alert.severity in [\"High\", \"Medium\"]");
    assert_ne!(changed, rule);
    std::fs::write(folder(pipeline).join("changed.yaml"), changed).unwrap();
    "changed.yaml"
}

/// A command with nothing in its environment.
fn command(binary: &str, config: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(Binaries::find(binary));
    command.arg("--config").arg(config).args(args).env_clear();
    command
}

/// Machines with an alert of each of these severities, and all of them decided.
async fn lived_through(pipeline: &Pipeline, first: u32, severities: &[&str]) -> Vec<SimMachine> {
    let before = decisions(&pipeline.kafka).await.len();
    let raise = |(number, severity): (u32, &&str)| {
        let machine = machine(number, &format!("LAPTOP-{number}"));
        pipeline.tenant.add_machine(machine.clone());
        pipeline.tenant.add_alert(SimAlert::on(&machine).severity(severity));
        machine
    };
    let machines: Vec<SimMachine> = (first..).zip(severities).map(raise).collect();
    until(SOON, "all of them decided", async || {
        let decided = decisions(&pipeline.kafka).await.len();
        if decided >= before + severities.len() { Ok(()) } else { Err(decided) }
    })
    .await;
    machines
}

fn values(pipeline: &Pipeline, topic: &str) -> Values {
    let records = oracle::records(&pipeline.kafka.bootstrap_servers, topic, SOON);
    records.iter().map(|it| ((it.partition(), it.offset()), it.payload().unwrap_or_default().to_vec())).collect()
}

/// The same in an order that does not depend on who was quicker.
fn sorted(values: Values) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = values.into_values().collect();
    values.sort_unstable();
    values
}

/// What stands on the pipeline's own topics, how far its groups have come, and how much was asked of the tenant.
fn standing(pipeline: &Pipeline) -> (Vec<Values>, Vec<BTreeMap<i32, i64>>, usize) {
    let topics = Topic::ALL.map(|topic| values(pipeline, &pipeline.kafka.topic(topic)));
    let groups = [
        ("enrich", Topic::Alerts),
        ("act-decide", Topic::Enriched),
        ("act-respond", Topic::Decisions),
        ("notify", Topic::Actions),
    ];
    let bootstrap = &pipeline.kafka.bootstrap_servers;
    let committed =
        |(group, topic)| oracle::committed(bootstrap, &pipeline.kafka.group(group), &pipeline.kafka.topic(topic));
    (topics.to_vec(), groups.map(committed).to_vec(), pipeline.tenant.requests().len())
}

/// Decisions by the records that they are about, without what follows from no rule: when each was made, and what was known of
/// the fleet.
async fn decisions(kafka: &KafkaSettings) -> BTreeMap<String, DecisionRecord> {
    let records = read_all(kafka, Topic::Decisions).await.unwrap_or_default();
    let bare = |decision: DecisionRecord| DecisionRecord { fleet: None, decided_at: decision.enriched_at, ..decision };
    let decisions = records.iter().map(|record| bare(record.json().expect("a decision")));
    decisions.map(|decision| (decision.id.clone(), decision)).collect()
}

async fn stopped(pipeline: &mut Pipeline) {
    for stage in STAGES {
        assert_eq!(pipeline.process(stage, 0).terminate(SOON).await.code(), Some(0), "{stage}");
    }
}

/// The machines on which decisions act.
fn acting(decisions: &BTreeMap<String, DecisionRecord>) -> Vec<String> {
    let act = decisions.values().filter(|decision| decision.verdict == Verdict::Act);
    let mut machines: Vec<String> = act.map(|decision| decision.machine.as_ref().unwrap().id.to_string()).collect();
    machines.sort_unstable();
    machines.dedup();
    machines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_judges_live_by_its_own_rules_and_a_backtest_compares_with_it() {
    let Some(mut pipeline) = Pipeline::start("candidate", Setup::default()).await else { return };
    let machines = lived_through(&pipeline, 1, &["High", "Medium"]).await;
    let config = without_credential(&pipeline, changed_rule(&pipeline));
    let candidate = command("cordon-act", &config, &["--role", "decide", "--candidate", "next"]);
    let mut candidate = Process::start("candidate", candidate);
    let next = own(&pipeline, "candidate-next");
    let all_judged = async || {
        until(SOON, "a decision of the candidate on each record", async || {
            let (live, judged) = (decisions(&pipeline.kafka).await, decisions(&next).await);
            let same = live.keys().eq(judged.keys());
            if same { Ok((live, judged)) } else { Err(format!("{:?} of {:?}", judged.keys(), live.keys())) }
        })
        .await
    };
    all_judged().await;
    // While it runs.
    let more = lived_through(&pipeline, 3, &["Medium"]).await;
    let (live, judged) = all_judged().await;
    let ids = [&machines[0], &machines[1], &more[0]].map(|machine| machine.id.to_string());
    assert_eq!((acting(&live), acting(&judged)), (ids[..1].to_vec(), ids.to_vec()));
    pipeline.reported(&machines[0].id, ActionState::Succeeded, SOON).await;
    assert_eq!([&machines[1], &more[0]].map(|machine| pipeline.tenant.isolate_posts(&machine.id)), [0, 0]);
    let texts: Vec<PolicyRecord> = pipeline.records(Topic::Policies).await;
    let is_rules = |record: &&PolicyRecord| matches!(record, PolicyRecord::Text(text) if text.of == PolicyKind::Rules);
    assert_eq!(texts.iter().filter(is_rules).count(), 1, "its rules are none of those in force");

    let compared = async |rules: &str, against: &str| {
        let rules = folder(&pipeline).join(rules);
        let args = ["--rules", rules.to_str().unwrap(), "--against", against, "-o", "json", "--no-cache"];
        let (code, out, err) = ended_with(command("cordon-backtest", pipeline.config(), &args)).await;
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code:?} {out} {err}"));
        assert_eq!(document["reproduced"]["exact"], document["reproduced"]["decisions"], "{document}");
        assert_eq!(document["reproduced"]["decisions"].as_u64(), u64::try_from(live.len()).ok(), "{document}");
        assert_eq!(document["sides"]["before"]["name"], against);
        let changed = |how: &str| document["actions"][how].as_array().map_or(0, Vec::len);
        (code, ["added", "removed"].map(changed))
    };
    assert_eq!(compared("changed.yaml", "candidate:next").await, (Some(0), [0, 0]));
    assert_eq!(compared("isolate-high.yaml", "candidate:next").await, (Some(1), [0, 2]));
    assert_eq!(compared("isolate-high.yaml", "recorded").await.0, Some(0), "what it decides is not what was decided");
    assert_eq!(candidate.terminate(SOON).await.code(), Some(0));
    pipeline.all_are_running();
}

/// Runs a replay of all that is recorded.
async fn replayed(binary: &str, config: &Path, name: &str, more: &[&str]) -> Came {
    let args = [&["--replay-from", "-1h", "--replay-name", name], more].concat();
    ended_with(command(binary, config, &args)).await
}

/// Holds that it ended well, and gives what it said of itself.
fn told((code, out, err): &Came) -> &str {
    assert_eq!(*code, Some(0), "{out}{err}");
    out.trim_end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decide_replays_a_range_to_the_same_decisions_and_touches_nothing_of_the_pipeline() {
    let Some(mut pipeline) = Pipeline::start("replay-decide", Setup::default()).await else { return };
    lived_through(&pipeline, 1, &["High", "Medium", "Low"]).await;
    let config = without_credential(&pipeline, "isolate-high.yaml");
    let decide = ["--role", "decide"];

    // It ends by itself while traffic goes on.
    let half = SystemClock.now().to_string();
    let raising = async {
        for number in 100.. {
            pipeline.raise_high(number, &format!("LAPTOP-{number}"));
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let busy = tokio::select! {
        busy = replayed("cordon-act", &config, "busy", &decide) => busy,
        () = raising => unreachable!("it raises for ever"),
    };
    told(&busy);
    let at_first = decisions(&own(&pipeline, "replay-busy")).await;
    assert!(at_first.len() >= 3, "{at_first:?}");
    lived_through(&pipeline, 4, &["Low"]).await;
    until(SOON, "the pipeline to have read all that there is", async || {
        let before = decisions(&pipeline.kafka).await.len();
        let alerts = values(&pipeline, &pipeline.kafka.topic(Topic::Alerts)).len();
        if before == alerts { Ok(()) } else { Err(format!("{before} of {alerts}")) }
    })
    .await;
    stopped(&mut pipeline).await;

    let before = standing(&pipeline);
    let quiet = replayed("cordon-act", &config, "quiet", &decide).await;
    let (live, again) = (decisions(&pipeline.kafka).await, decisions(&own(&pipeline, "replay-quiet")).await);
    assert_eq!(again, live);
    let (prefix, count) = (&pipeline.kafka.topic_prefix, live.len());
    let line = format!(
        "replay quiet of {prefix}enriched: {count} records read, {count} led to output on {prefix}replay-quiet.*, 0 passed \
         over, 0 dead letters"
    );
    assert_eq!(told(&quiet), line);
    assert!(standing(&pipeline) == before, "what the pipeline has is not as it was");
    assert!(at_first.iter().all(|(id, decision)| live.get(id) == Some(decision)));
    assert!(at_first.len() < live.len(), "what came later is no part of the first replay");

    let (code, out, err) = replayed("cordon-act", &config, "quiet", &decide).await;
    assert!(code == Some(2) && err.contains("the name quiet was used"), "{code:?} {out} {err}");
    let early = replayed("cordon-act", &config, "early", &["--role", "decide", "--replay-to", &half]).await;
    told(&early);
    let early = decisions(&own(&pipeline, "replay-early")).await;
    assert!(early.len() >= 3 && early.len() < live.len(), "{} of {}", early.len(), live.len());
    assert!(early.iter().all(|(id, decision)| live.get(id) == Some(decision)));
    let none = replayed("cordon-act", &config, "none", &["--role", "decide", "--replay-to", "-30m"]).await;
    assert!(told(&none).contains(" 0 records read, 0 led to output"), "{none:?}");
    assert!(standing(&pipeline) == before, "what the pipeline has is not as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrich_and_notify_replay_what_is_recorded_to_the_same_bytes_and_to_files_and_reach_nobody() {
    let Some(mut pipeline) = Pipeline::start("replay-others", Setup::default()).await else { return };
    let machines = lived_through(&pipeline, 1, &["High", "Medium"]).await;
    pipeline.tenant.add_alert(SimAlert::on(&machine(77, "LAPTOP-UNKNOWN")).severity("High"));
    pipeline.reported(&machines[0].id, ActionState::Succeeded, SOON).await;
    pipeline.mailed("LAPTOP-1", SOON).await;
    until(SOON, "a decision on the machine that nobody knows", async || {
        let decided = decisions(&pipeline.kafka).await.len();
        if decided >= 3 { Ok(()) } else { Err(decided) }
    })
    .await;
    stopped(&mut pipeline).await;
    let config = without_credential(&pipeline, "isolate-high.yaml");
    let (before, mails) = (standing(&pipeline), pipeline.tenant.mails().len());

    told(&replayed("cordon-enrich", &config, "again", &[]).await);
    let enriched = |kafka: &KafkaSettings| sorted(values(&pipeline, &kafka.topic(Topic::Enriched)));
    let live = enriched(&pipeline.kafka);
    assert!(live.len() >= 3);
    assert!(enriched(&own(&pipeline, "replay-again")) == live, "the same machines at the same times, or the same gaps");

    let folder = folder(&pipeline).join("mails");
    let to = ["--replay-mails", folder.to_str().unwrap()];
    // A name is used once by each stage, and may be shared.
    told(&replayed("cordon-notify", &config, "again", &to).await);
    let unfolded = |path: PathBuf| std::fs::read_to_string(path).unwrap().replace("\r\n ", " ");
    let files: Vec<String> = std::fs::read_dir(&folder).unwrap().map(|file| unfolded(file.unwrap().path())).collect();
    let subject = |mail: &String| mail.lines().find(|line| line.starts_with("Subject: ")).unwrap().to_owned();
    let subjects: Vec<String> = files.iter().map(subject).collect();
    assert!(subjects.iter().any(|subject| subject.contains("LAPTOP-1")), "{subjects:?}");
    assert!(standing(&pipeline) == before, "what the pipeline has is not as it was");
    assert_eq!(pipeline.tenant.mails().len(), mails, "nothing is mailed");
}
