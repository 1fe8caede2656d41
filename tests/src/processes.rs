//! The stage binaries as real processes: found, started, listened to, frozen and killed.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wait::until;

/// Where the binaries of this workspace are.
#[derive(Debug, Clone, Copy)]
pub struct Binaries;

impl Binaries {
    /// The binary `name`, beside the running test's own folder: `target/PROFILE/NAME`. `cargo test --workspace` builds
    /// it there even in an empty folder because its package has an integration test. `cargo test -p cordon-tests`
    /// alone does not rebuild it.
    ///
    /// # Panics
    /// When it is not there; the message says how to build it.
    #[must_use]
    pub fn find(name: &str) -> PathBuf {
        let test = std::env::current_exe().expect("the path of the running test");
        let profile = test.parent().and_then(std::path::Path::parent).expect("tests are in target/PROFILE/deps");
        let binary = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(
            binary.is_file(),
            "{} is not built: run `cargo test --workspace`, or `cargo build -p {name}` before this test alone",
            binary.display()
        );
        binary
    }
}

/// Runs this to its end; gives back exit code and everything that it wrote. Beside the runtime, since the tenant that it
/// may ask lives in this process.
///
/// # Panics
/// When it cannot be run.
pub async fn ended(command: Command) -> (Option<i32>, String) {
    let (code, out, err) = ended_with(command).await;
    (code, out + &err)
}

/// The same, with standard output and standard error apart.
///
/// # Panics
/// When it cannot be run.
pub async fn ended_with(mut command: Command) -> (Option<i32>, String, String) {
    let ran = tokio::task::spawn_blocking(move || command.output().expect("the command runs"));
    let output = ran.await.expect("the command is waited for");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs `cordon` with these arguments and this configuration.
///
/// # Panics
/// When it cannot be run.
pub async fn cordon(config: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(Binaries::find("cordon"));
    command.args(args).arg("--config").arg(config);
    ended(command).await
}

/// What to send to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: it ends at once and cannot tidy up.
    Kill,
    /// SIGTERM: it is asked to end.
    Terminate,
    /// SIGSTOP: it freezes, as a paused virtual machine does.
    Freeze,
    /// SIGCONT: it goes on.
    Thaw,
}

/// How long a process may take to stand still: a thread of it may be at a disk.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// Sends a signal by the shell's `kill`: no unsafe code and no further crate. A process that is frozen stands still when
/// this returns, with all its threads: the kernel delivers the signal some time after `kill` has returned.
///
/// # Panics
/// When the process is gone, or does not stand still.
pub fn signal(pid: u32, what: Signal) {
    let name = match what {
        Signal::Kill => "KILL",
        Signal::Terminate => "TERM",
        Signal::Freeze => "STOP",
        Signal::Thaw => "CONT",
    };
    let mut command = Command::new("sh");
    command.args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]);
    let sent = command.status().expect("`sh` is there");
    assert!(sent.success(), "SIG{name} to {pid}: {sent}");
    if what == Signal::Freeze {
        let deadline = Instant::now() + STANDS_STILL;
        while !stands_still(pid) {
            assert!(Instant::now() < deadline, "SIGSTOP was sent to {pid}, and it still runs");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether every thread of the process is stopped.
///
/// # Panics
/// When the process is gone, or the system has no `/proc`.
#[must_use]
pub fn stands_still(pid: u32) -> bool {
    let threads =
        std::fs::read_dir(format!("/proc/{pid}/task")).unwrap_or_else(|why| panic!("threads of {pid}: {why}"));
    let states = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    // The name, in parentheses, may hold anything.
    states.into_iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

/// A running process. Dropping it kills it; if that happens in a panic, what it wrote is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts `command`, with nothing on its standard input. What it writes is kept line by line. `name` is for
    /// messages and may tell replicas apart.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{name} does not start: {why}: {command:?}"));
        let lines = Arc::default();
        collect(child.stdout.take().expect("stdout is piped"), &lines);
        collect(child.stderr.take().expect("stderr is piped"), &lines);
        Self { name: name.to_owned(), child, lines }
    }

    /// Starts the binary `binary` of this workspace as `BINARY --config CONFIG ARG…` with the environment variables
    /// `env` added.
    #[must_use]
    pub fn stage<A: AsRef<OsStr>>(binary: &str, config: &std::path::Path, args: &[A], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(Binaries::find(binary));
        command.arg("--config").arg(config).args(args).envs(env.iter().copied());
        Self::start(binary, command)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote so far, standard output and standard error in the order of arrival.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that contains `text` and returns it.
    ///
    /// # Panics
    /// When it ends before or the deadline passes.
    pub async fn line(&mut self, deadline: Duration, text: &str) -> String {
        let what = format!("{} to write {text:?}", self.name);
        until(deadline, &what, async || {
            let ended = self.child.try_wait().expect("a child can be asked");
            let log = self.log();
            match (log.iter().find(|line| line.contains(text)), ended) {
                (Some(line), _) => Ok(line.clone()),
                (None, Some(status)) => panic!("{} ended with {status} before it wrote {text:?}", self.name),
                (None, None) => Err(log.last().cloned().unwrap_or_else(|| "nothing yet".to_owned())),
            }
        })
        .await
    }

    /// Sends a signal and returns at once.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, what: Signal) {
        signal(self.pid(), what);
    }

    /// Ends it as `kill -9` does and returns when it is gone.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When the deadline passes.
    pub async fn exit(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        until(deadline, &what, async || {
            let ended = self.child.try_wait().expect("a child can be asked");
            ended.ok_or_else(|| self.log().last().cloned().unwrap_or_default())
        })
        .await
    }

    /// Asks it to end, waits for it, and returns how it ended.
    ///
    /// # Panics
    /// When it is gone already or does not end in time.
    pub async fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::Terminate);
        self.exit(deadline).await
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Panics
    /// When the system refuses to say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    /// When the system refuses to say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} (pid {}) wrote:\n{}\n---", self.name, self.pid(), self.log().join("\n"));
        }
    }
}

/// Ends with the process: its pipe closes then.
fn collect(stream: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("sh", command)
    }

    #[tokio::test]
    async fn both_streams_are_kept_line_by_line() {
        let mut process = shell("echo out; echo err >&2; sleep 60");
        assert_eq!(process.line(SOON, "err").await, "err");
        assert_eq!(process.line(SOON, "ou").await, "out");
    }

    #[tokio::test]
    async fn a_frozen_process_writes_nothing_until_it_is_thawed() {
        let mut process = shell("trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done");
        process.line(SOON, "up").await;
        process.signal(Signal::Freeze);
        process.signal(Signal::Terminate);
        assert!(process.is_running() && !process.log().contains(&"asked".to_owned()));
        process.signal(Signal::Thaw);
        process.line(SOON, "asked").await;
    }

    #[tokio::test]
    async fn a_process_stands_still_as_soon_as_its_freezing_returns() {
        let mut process = shell("echo up; while :; do :; done");
        process.line(SOON, "up").await;
        for _ in 0..200 {
            process.signal(Signal::Freeze);
            assert!(stands_still(process.pid()));
            process.signal(Signal::Thaw);
        }
    }

    #[tokio::test]
    async fn a_process_that_is_asked_to_end_reports_its_exit_code() {
        let mut process = shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done");
        process.line(SOON, "up").await;
        assert_eq!(process.terminate(SOON).await.code(), Some(7));
    }

    #[tokio::test]
    #[should_panic(expected = "before it wrote")]
    async fn a_process_that_ends_too_early_is_a_failure_at_once() {
        shell("echo no >&2; exit 3").line(SOON, "ready").await;
    }

    #[test]
    #[should_panic(expected = "cargo build -p cordon-nothing")]
    fn a_binary_that_is_not_built_is_a_failure_that_says_how_to_build_it() {
        let _ = Binaries::find("cordon-nothing");
    }
}
