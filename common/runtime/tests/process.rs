//! The frame from outside: a real process, real signals, real probes.
//!
//! This file has no test harness, because it plays both parts: called by itself it is a stage's binary, otherwise it
//! starts that binary and watches it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_records::{Classified, ErrorClass, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Access;
use cordon_runtime::process::{self, NoArgs, Stage};
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

/// Set for the processes that this file starts; its value is the role.
const ROLE: &str = "CORDON_TEST_PROCESS_ROLE";
const DEADLINE: Duration = Duration::from_secs(20);
/// From one look at a process to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Broken(ErrorClass);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl Classified for Broken {
    fn class(&self) -> ErrorClass {
        self.0
    }
}

/// Does what its settings say.
struct Sample<const NEEDS_TOPICS: bool>;

impl<const NEEDS_TOPICS: bool> Stage for Sample<NEEDS_TOPICS> {
    const NAME: &'static str = "ingest";
    type Args = NoArgs;
    type Settings = String;
    type Error = Broken;

    fn access(_: &NoArgs) -> &'static [Access] {
        if NEEDS_TOPICS { &[Access { checks: &[Topic::Alerts], ..Access::NONE }] } else { &[] }
    }

    fn read(root: &mut Section) -> Option<String> {
        let mut section = root.section("ingest");
        let ending = section.text("ending").required();
        let _ = section.flag("allow_http").optional();
        section.finish();
        ending
    }

    async fn run(ending: String, _: NoArgs, _: Context, shutdown: CancellationToken) -> Result<(), Broken> {
        tracing::info!("working");
        match ending.as_str() {
            "fatal" => return Err(Broken(ErrorClass::Fatal)),
            "transient" => return Err(Broken(ErrorClass::Transient)),
            "panic" => panic!("on purpose"),
            "stubborn" => std::future::pending().await,
            "at once" => {}
            _ => shutdown.cancelled().await,
        }
        tracing::info!("drained");
        Ok(())
    }
}

/// A stage process and what it has said so far.
struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(role: &str, settings: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cordon.yaml");
        std::fs::write(&config, settings).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .arg("--config")
            .arg(&config)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut said = said.lock().unwrap();
                    said.push_str(&line);
                    said.push('\n');
                }
            });
        }
        Self { child, said, _folder: folder }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn wait_until<T>(&self, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(seen) = seen() {
                return seen;
            }
            assert!(start.elapsed() < DEADLINE, "no {what} within {DEADLINE:?}; it said:\n{}", self.said());
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn says(&self, text: &str) {
        self.wait_until(text, || self.said().contains(text).then_some(()));
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn ends_with(&mut self, code: i32) {
        let said = Arc::clone(&self.said);
        let status = end_of(&mut self.child, |_| (), || said.lock().unwrap().clone());
        // The readers may lag behind the end of the process by a moment.
        assert_eq!(status.code(), Some(code), "{status}; it said:\n{}", self.said());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(ending: &str) -> String {
    format!("kafka: {{bootstrap_servers: '127.0.0.1:1'}}\ningest: {{ending: {ending}}}\n")
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn a_first_signal_drains_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let mut stage = Running::start("free", &settings("on signal"), &[]);
        stage.says("working");
        stage.signal(signal);
        stage.says("drained");
        stage.ends_with(0);
    }
}

fn a_second_signal_ends_at_once() {
    let mut stage = Running::start("free", &settings("stubborn"), &[]);
    stage.says("working");
    stage.signal("TERM");
    stage.says("a second signal stops at once");
    stage.signal("TERM");
    stage.ends_with(128 + 15);
}

fn the_exit_code_tells_how_the_stage_ended() {
    for (ending, code) in [("at once", 0), ("fatal", 70), ("transient", 69), ("panic", 70)] {
        Running::start("free", &settings(ending), &[]).ends_with(code);
    }
}

fn wrong_flags_end_with_2_and_a_wrong_configuration_with_78() {
    Running::start("free", &settings("at once"), &["--banana"]).ends_with(2);
    Running::start("free", &settings("at once"), &["--help"]).ends_with(0);
    let mut stage = Running::start("free", "kafak: {}\ningest: {endnig: x}\n", &["--check"]);
    stage.ends_with(78);
    for text in ["kafak: unknown key", "did you mean \"kafka\"?", "ingest.endnig", "kafka.bootstrap_servers"] {
        stage.says(text);
    }
}

fn a_check_of_a_good_configuration_connects_to_nothing_and_ends_with_0() {
    let mut stage = Running::start("needs topics", &settings("at once"), &["--check"]);
    stage.ends_with(0);
    stage.says("cordon.yaml: ok");
    assert!(!stage.said().contains("starting"), "{}", stage.said());
}

fn an_unreachable_broker_is_waited_for_and_readiness_says_so() {
    let address = free_address();
    let settings = format!("{}telemetry: {{listen: '{address}'}}\n", settings("at once"));
    let mut stage = Running::start("needs topics", &settings, &[]);
    let answer = stage.wait_until("503 that names the broker", || {
        get(address, "/readyz").filter(|answer| answer.contains("127.0.0.1:1"))
    });
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let why = "ingest/kafka: the broker at 127.0.0.1:1 cannot be used yet: cannot look at the topics: nothing listens at \
               127.0.0.1:1";
    assert!(answer.contains(why), "{answer}");
    assert!(get(address, "/livez").unwrap().starts_with("HTTP/1.1 200"));
    stage.says("trying again in");
    stage.signal("TERM");
    stage.ends_with(0);
}

fn an_insecure_switch_is_warned_of_at_every_start() {
    let settings = settings("at once").replace("{ending", "{allow_http: true, ending");
    let stage = Running::start("free", &settings, &[]);
    stage.says("INSECURE: ingest.allow_http is true");
}

fn a_stage_without_handles_says_so_or_lives_on_and_ends_when_asked() {
    // Where the process cannot even start; where it starts and can reach nothing; where there are few.
    for (handles, start) in [(12, false), (20, true), (64, true)] {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cordon.yaml");
        std::fs::write(&config, settings("at once")).unwrap();
        let log = folder.path().join("log");
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {handles}; exec \"$0\" --config \"$1\" 2>\"$2\"")])
            .args([&std::env::current_exe().unwrap(), &config, &log])
            .env(ROLE, "needs topics")
            .spawn()
            .unwrap();
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let mut asked = false;
        let ask = |child: &Child| {
            if !asked && said().contains("trying again in") {
                asked = Command::new("kill").arg(child.id().to_string()).status().unwrap().success();
            }
        };
        let status = end_of(&mut child, ask, || format!("{handles} handles: {}", said()));
        assert_eq!(status.code(), Some(if start { 0 } else { 70 }), "{handles} handles; it said:\n{}", said());
        let words = if start { "this process may open few files" } else { "Too many open files" };
        assert!(said().contains(words), "{handles} handles; it said:\n{}", said());
    }
}

/// Runs a role with its output going to `target`, and returns its exit code.
fn code_with_output_to(target: &dyn Fn() -> Stdio, settings: &str, flags: &[&str]) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cordon.yaml");
    std::fs::write(&config, settings).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, "free").arg("--config").arg(&config).args(flags).stdout(target()).stderr(target());
    let mut child = command.spawn().unwrap();
    end_of(&mut child, |_| (), || format!("nothing that was kept, with {settings:?} {flags:?}")).code()
}

/// Waits for a process to end, and does something beside it meanwhile. One that does not end in time is killed, and
/// what it said is told.
fn end_of(child: &mut Child, mut meanwhile: impl FnMut(&Child), said: impl Fn() -> String) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        meanwhile(child);
        if start.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("no end within {DEADLINE:?}; it said:\n{}", said());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn output_that_nobody_can_take_changes_no_exit_code() {
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let closed = || Stdio::from(std::io::pipe().unwrap().1);
    let targets: [&dyn Fn() -> Stdio; 2] = [&full, &closed];
    for target in targets {
        for (ending, code) in [("at once", 0), ("fatal", 70), ("transient", 69), ("panic", 70)] {
            assert_eq!(code_with_output_to(target, &settings(ending), &[]), Some(code), "{ending}");
        }
        assert_eq!(code_with_output_to(target, "kafak: {}\n", &["--check"]), Some(78));
        assert_eq!(code_with_output_to(target, &settings("at once"), &["--check"]), Some(0));
        assert_eq!(code_with_output_to(target, &settings("at once"), &["--banana"]), Some(2));
    }
}

fn main() -> ExitCode {
    match cordon_settings::variable(ROLE).as_deref() {
        Some("free") => return process::main::<Sample<false>>(),
        Some(_) => return process::main::<Sample<true>>(),
        None => {}
    }
    let tests: [(&str, fn()); 9] = [
        ("a first signal drains and ends with 0", a_first_signal_drains_and_ends_with_0),
        ("a second signal ends at once", a_second_signal_ends_at_once),
        ("the exit code tells how the stage ended", the_exit_code_tells_how_the_stage_ended),
        ("wrong flags 2, wrong configuration 78", wrong_flags_end_with_2_and_a_wrong_configuration_with_78),
        ("a good check ends with 0", a_check_of_a_good_configuration_connects_to_nothing_and_ends_with_0),
        ("an unreachable broker is waited for", an_unreachable_broker_is_waited_for_and_readiness_says_so),
        ("an insecure switch is warned of", an_insecure_switch_is_warned_of_at_every_start),
        ("without handles it says so or lives on", a_stage_without_handles_says_so_or_lives_on_and_ends_when_asked),
        ("output that nobody can take changes no exit code", output_that_nobody_can_take_changes_no_exit_code),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}
