//! The whole pipeline as an operator runs it: one process per stage replica, a real broker, a simulated tenant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_records::{ActionRecord, ActionState, MachineId, PolicyRecord, Report, StageHealth, Topic};
use cordon_runtime::kafka::{KafkaSettings, apply_topics, read_all};
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, SimAlert, SimMachine, Simulator, TENANT_ID};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::broker::RealKafka;
use crate::processes::Process;
use crate::usage::Usage;
use crate::wait::until;

/// The stages, in the order of an alert's way.
pub const STAGES: [&str; 4] = ["cordon-ingest", "cordon-enrich", "cordon-act", "cordon-notify"];

/// The rule that every pipeline runs, as it is shipped.
const RULE: &str = include_str!("../../deploy/rules/isolate-high.yaml");

/// What the shipped rule allows in an hour; less than a load has.
const RULE_LIMIT: &str = "limits: {1h: 15}";

/// Guards whose caps are out of reach.
const NO_CAPS: &str = "caps: {all_rules: {1h: 100000}, fleet_share: {1d: 100%, floor: 100000}}\n";

/// `kafka.properties` of every pipeline: a dead member is noticed soon.
const CLASSIC: &str = "{session.timeout.ms: 6000, heartbeat.interval.ms: 1000}";

/// What a stage writes once its metrics and its health can be asked for.
const SERVES: &str = "metrics and health are served";

/// How long a page of a stage may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long anything in a healthy pipeline may take.
pub const SOON: Duration = Duration::from_secs(60);

/// How a pipeline differs from the ordinary one.
pub struct Setup {
    /// The tenant.
    pub tenant: Options,
    /// Replicas of each stage.
    pub replicas: usize,
    /// `act.mode`.
    pub mode: &'static str,
    /// Caps that no test reaches, for tests under load; else the built-in guards and the rule as it is shipped.
    pub unlimited: bool,
    /// The group protocol of KIP-848 instead of the classic one.
    pub new_protocol: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let tenant = Options { settle: Duration::from_secs(1), enforce_quota: false, ..Options::default() };
        Self { tenant, replicas: 1, mode: "auto", unlimited: false, new_protocol: false }
    }
}

/// Everything that runs. Dropping it kills the processes.
pub struct Pipeline {
    /// The simulated tenant; its request log is the oracle.
    pub tenant: Simulator,
    /// The broker and the prefix of this pipeline's topics.
    pub kafka: KafkaSettings,
    /// Environment variables of every process that is started from now on.
    pub environment: Vec<(&'static str, String)>,
    processes: BTreeMap<(&'static str, usize), Process>,
    /// What processes wrote that are gone.
    past: Vec<(String, String)>,
    usage: BTreeMap<String, Usage>,
    config: PathBuf,
    /// Configurations of those binaries that have one of their own.
    logins: BTreeMap<String, PathBuf>,
    folder: TempDir,
}

impl Pipeline {
    /// Starts everything and waits until every stage is ready; nothing where no broker can be had.
    pub async fn start(test: &str, setup: Setup) -> Option<Self> {
        let replicas = setup.replicas;
        let mut pipeline = Self::prepare(test, setup).await?;
        pipeline.launch(replicas).await;
        Some(pipeline)
    }

    /// Starts every stage and waits until all are ready.
    pub async fn launch(&mut self, replicas: usize) {
        // The ledger is made by one replica before another may stand for election.
        self.start_stage("cordon-act", 0, &["--init-ledger"]);
        self.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
        for stage in STAGES {
            for replica in 0..replicas {
                if (stage, replica) != ("cordon-act", 0) {
                    self.start_stage(stage, replica, &[]);
                }
            }
        }
        for stage in STAGES {
            self.ready(stage, 0).await;
        }
    }

    /// Topics, tenant and configuration, and no process yet; nothing where no broker can be had.
    pub async fn prepare(test: &str, setup: Setup) -> Option<Self> {
        Some(Self::prepare_on(RealKafka::obtain()?.settings(test), setup).await)
    }

    /// The same on brokers of one's own.
    pub async fn prepare_on(kafka: KafkaSettings, setup: Setup) -> Self {
        apply_topics(&kafka).await.expect("the topics can be made");
        let folder = tempfile::Builder::new().prefix("cordon-pipeline-").tempdir().expect("a folder");
        let config = folder.path().join("cordon.yaml");
        let (unlimited, new_protocol, mode) = (setup.unlimited, setup.new_protocol, setup.mode);
        let login = setup.tenant.smtp_login.clone();
        let tenant = Simulator::start(setup.tenant).expect("the tenant starts");
        let mut text = configuration(&kafka, &tenant, mode, folder.path());
        if unlimited {
            std::fs::write(folder.path().join("guards.yaml"), NO_CAPS).expect("the guards are written");
            std::fs::write(folder.path().join("isolate-high.yaml"), RULE.replace(RULE_LIMIT, "")).expect("the rule");
            text = text.replace("act: {", "act: {guards: guards.yaml, ");
        }
        if new_protocol {
            text = text.replace(CLASSIC, "{group.protocol: consumer}");
        }
        if let Some((user, password)) = login {
            std::fs::write(folder.path().join("smtp"), password).expect("the password is written");
            let login = format!("smtp: {{username: {user}, password: 'file:{}/smtp', ", folder.path().display());
            text = text.replace("smtp: {", &login);
        }
        std::fs::write(&config, text).expect("the configuration is written");
        let (processes, past, usage) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let environment = Vec::new();
        let logins = BTreeMap::new();
        Self { tenant, kafka, environment, processes, past, usage, config, logins, folder }
    }

    /// Starts one replica, in the place of an earlier one if there was one.
    pub fn start_stage(&mut self, stage: &'static str, replica: usize, args: &[&str]) {
        let process = self.spawn(stage, args, &[]);
        if let Some(earlier) = self.processes.insert((stage, replica), process) {
            self.past.push((format!("{stage} {replica}"), earlier.log().join("\n")));
        }
    }

    /// Starts a binary on this pipeline's configuration and hands it out: whoever calls owns it.
    #[must_use]
    pub fn spawn(&self, binary: &str, args: &[&str], environment: &[(&str, &str)]) -> Process {
        let mut all = vec![("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0")];
        all.extend(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        all.extend(environment);
        Process::stage(binary, self.logins.get(binary).unwrap_or(&self.config), args, &all)
    }

    /// The process of one replica.
    pub fn process(&mut self, stage: &'static str, replica: usize) -> &mut Process {
        self.processes.get_mut(&(stage, replica)).expect("the replica was started")
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = (&'static str, &Process)> {
        self.processes.iter().map(|((stage, _), process)| (*stage, process))
    }

    /// From now on the binary `name` has this section `kafka`; what else it reads is everybody's. Returns its configuration.
    /// A name that is no binary's is for people.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn comes_as(&mut self, name: &str, section: &str) -> PathBuf {
        let text = std::fs::read_to_string(&self.config).expect("the configuration is there");
        let rest = &text[text.find("defender:").expect("the next section")..];
        let path = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, section.to_owned() + rest).expect("the configuration is written");
        self.logins.insert(name.to_owned(), path.clone());
        path
    }

    /// From now on this binary asks Microsoft as this app.
    ///
    /// # Panics
    /// When its configuration cannot be written.
    pub fn asks_as(&mut self, binary: &str, app: &str) {
        let text = std::fs::read_to_string(&self.config).expect("the configuration is there");
        let path = self.folder.path().join(format!("{binary}.yaml"));
        std::fs::write(&path, text.replace(CLIENT_ID, app)).expect("the configuration is written");
        self.logins.insert(binary.to_owned(), path);
    }

    /// The configuration file of all stages.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Adds a machine of this number and name to the tenant, with a High alert on it.
    pub fn raise_high(&self, number: u32, name: &str) -> SimMachine {
        let machine = machine(number, name);
        self.tenant.add_machine(machine.clone());
        self.tenant.add_alert(SimAlert::on(&machine).severity("High"));
        machine
    }

    /// Nobody has ended who was not told to.
    ///
    /// # Panics
    /// When one has; what it wrote is printed.
    pub fn all_are_running(&mut self) {
        for ((stage, replica), process) in &mut self.processes {
            assert!(process.is_running(), "{stage} {replica} has ended");
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self, stage: &'static str, replica: usize) {
        let mut process = self.processes.remove(&(stage, replica)).expect("the replica was started");
        process.kill();
        self.past.push((format!("{stage} {replica}"), process.log().join("\n")));
    }

    /// What every process wrote, also those that are gone.
    pub fn logs(&self) -> Vec<(String, String)> {
        let living = self.processes.iter();
        let living = living.map(|((stage, replica), process)| (format!("{stage} {replica}"), process.log().join("\n")));
        self.past.iter().cloned().chain(living).collect()
    }

    /// Looks at what each process takes of the machine, for [`Self::usage`].
    pub fn measure(&mut self) {
        for ((stage, replica), process) in &self.processes {
            if let Some(now) = Usage::of(process.pid()) {
                let most = self.usage.entry(format!("{stage} {replica}")).or_default();
                *most = most.max(now);
            }
        }
    }

    /// The most that each replica took whenever it was measured.
    pub fn usage(&self) -> Vec<(String, Usage)> {
        self.usage.iter().map(|(name, usage)| (name.clone(), *usage)).collect()
    }

    /// Replicas that have ended and were not started again, with their last words.
    pub fn ended(&mut self) -> Vec<(String, String)> {
        let ended = |((stage, replica), process): (&(&str, usize), &mut Process)| {
            let how = process.ended()?;
            let words = process.log().last().cloned().unwrap_or_default();
            Some((format!("{stage} {replica}"), format!("ended with {how}: {words}")))
        };
        self.processes.iter_mut().filter_map(ended).collect()
    }

    /// The metrics page of every replica that serves one.
    pub async fn pages(&mut self) -> Vec<(String, String)> {
        let mut pages = Vec::new();
        for ((stage, replica), process) in &self.processes {
            let log = process.log();
            if let Some(bound) = log.iter().find(|line| line.contains(SERVES)).and_then(|line| bound(line)) {
                pages.push((format!("{stage} {replica} /metrics"), answer(&format!("http://{bound}/metrics")).await));
            }
        }
        pages
    }

    async fn address(&mut self, stage: &'static str, replica: usize) -> String {
        served_at(self.process(stage, replica)).await
    }

    /// Waits until a replica says that it is ready.
    pub async fn ready(&mut self, stage: &'static str, replica: usize) {
        let url = format!("http://{}/readyz", self.address(stage, replica).await);
        until(SOON, &format!("{stage} to be ready"), async || {
            let answer = answer(&url).await;
            if answer.starts_with("200") { Ok(()) } else { Err(answer) }
        })
        .await;
    }

    /// Waits until a replica says that it is not ready for a reason with these words, and returns all that it says.
    pub async fn unready(&mut self, stage: &'static str, replica: usize, words: &str) -> String {
        let url = format!("http://{}/readyz", self.address(stage, replica).await);
        until(SOON, &format!("{stage} not to be ready because of {words}"), async || {
            let answer = answer(&url).await;
            if answer.starts_with("503") && answer.contains(words) { Ok(answer) } else { Err(answer) }
        })
        .await
    }

    /// A counter of one stage, summed over its labels and its living replicas.
    pub async fn counter(&mut self, stage: &'static str, name: &str) -> u64 {
        let replicas: Vec<usize> =
            self.processes.keys().filter(|(of, _)| *of == stage).map(|(_, replica)| *replica).collect();
        let mut sum = 0.0;
        for replica in replicas {
            let url = format!("http://{}/metrics", self.address(stage, replica).await);
            let page = answer(&url).await;
            let lines = page.lines().filter(|line| line.starts_with(name));
            sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
        }
        sum as u64
    }

    /// Every record of a topic, read as `T`; on `policies` what processes say of their health is left out.
    pub async fn records<T: DeserializeOwned>(&self, topic: Topic) -> Vec<T> {
        let records = read_all(&self.kafka, topic).await.expect("the topic can be read");
        let is_health = |key: &str| topic == Topic::Policies && key.starts_with(StageHealth::KEY_PREFIX);
        let records = records.iter().filter(|record| !record.key_text().is_some_and(is_health));
        records.map(|record| record.json().expect("our own record")).collect()
    }

    /// Every step of an action reported so far.
    pub async fn actions(&self) -> Vec<ActionRecord> {
        let reports: Vec<Report> = self.records(Topic::Actions).await;
        let action = |report| match report {
            Report::Action(record) => Some(*record),
            Report::Notice(_) => None,
        };
        reports.into_iter().filter_map(action).collect()
    }

    /// Waits until this machine's action has been reported in this state.
    pub async fn reported(&self, machine: &MachineId, state: ActionState, deadline: Duration) -> ActionRecord {
        until(deadline, &format!("{machine} to be {}", state.as_str()), async || {
            let all = self.actions().await;
            let of = |record: &&ActionRecord| record.machine.as_ref().is_some_and(|it| &it.id == machine);
            let seen: Vec<&str> = all.iter().filter(of).map(|record| record.state.as_str()).collect();
            let found = all.iter().filter(of).find(|record| record.state == state).cloned();
            found.ok_or_else(|| format!("{seen:?}"))
        })
        .await
    }

    /// Waits until the fleet's size is on its topic, so that decisions name it.
    pub async fn fleet_counted(&self, deadline: Duration) {
        until(deadline, "the fleet's size on the topic", async || {
            let records: Vec<PolicyRecord> = self.records(Topic::Policies).await;
            let is_counted = records.iter().any(|record| matches!(record, PolicyRecord::Fleet(_)));
            if is_counted { Ok(()) } else { Err(format!("{} records", records.len())) }
        })
        .await;
    }

    /// Waits until a mail with this subject is in the mailbox.
    pub async fn mailed(&self, subject: &str, deadline: Duration) {
        until(deadline, &format!("a mail {subject:?}"), async || {
            let subjects = self.subjects();
            if subjects.iter().any(|found| found.contains(subject)) { Ok(()) } else { Err(format!("{subjects:?}")) }
        })
        .await;
    }

    /// Subjects of all mails, oldest first.
    pub fn subjects(&self) -> Vec<String> {
        self.tenant.mails().iter().map(|mail| mail.subject()).collect()
    }
}

/// A machine of the make-believe company.
pub fn machine(number: u32, name: &str) -> SimMachine {
    let id = MachineId::new(format!("{number:040x}")).expect("hexadecimal digits are an id");
    SimMachine::new(id, &format!("{name}.example.com")).os("Windows11")
}

/// A configuration of all stages; the secret and the rule that it names are written into `folder`.
pub fn configuration(kafka: &KafkaSettings, tenant: &Simulator, mode: &str, folder: &Path) -> String {
    std::fs::write(folder.join("secret"), CLIENT_SECRET).expect("the secret is written");
    std::fs::write(folder.join("isolate-high.yaml"), RULE).expect("the rule is written");
    format!(
        "kafka:\n  bootstrap_servers: '{bootstrap}'\n  topic_prefix: '{prefix}'\n  properties: {CLASSIC}\n\
         defender:\n  tenant_id: {TENANT_ID}\n  client_id: {CLIENT_ID}\n  client_secret: 'file:{folder}/secret'\n  \
           api_url: {api}\n  authority_url: {authority}\n  quota: {{per_minute: 60000, per_hour: 1000000}}\n\
         ingest: {{poll_interval: 200ms, overlap: 10m, lookback: 1h}}\n\
         enrich: {{lookups: [machine], deadline: 5s}}\n\
         act: {{mode: {mode}, rules: [isolate-high.yaml], follow_up: 500ms, settle: 110s}}\n\
         notify:\n  digest_after: 5s\n  smtp: {{url: '{smtp}', from: cordon@example.com, to: [soc@example.com]}}\n\
         telemetry: {{log: info, format: json}}\n",
        bootstrap = kafka.bootstrap_servers,
        prefix = kafka.topic_prefix,
        api = tenant.api_url(),
        authority = tenant.authority_url(),
        smtp = tenant.smtp_url(),
        folder = folder.display(),
    )
}

/// Where a stage serves its metrics and its health, once it does.
///
/// # Panics
/// When it ends before.
pub async fn served_at(stage: &mut Process) -> String {
    let line = stage.line(SOON, SERVES).await;
    bound(&line).expect("the line names the address")
}

/// The address in the log line that names it.
fn bound(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let bound = line["bound"].as_str().or_else(|| line["fields"]["bound"].as_str())?;
    Some(bound.to_owned())
}

/// `STATUS BODY` of a GET, or why there is none.
pub async fn answer(url: &str) -> String {
    cordon_runtime::process::install_tls();
    // A frozen process takes the connection and says nothing.
    let client = reqwest::Client::builder().timeout(ANSWER).build().expect("a client");
    match client.get(url).send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            format!("{status} {}", answer.text().await.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    }
}
