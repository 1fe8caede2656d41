//! Brokers of our own from the jars that `tests/broker/broker.sh` resolves: one node or three, which can be killed and
//! started again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Running brokers. They stop when this is dropped, and when this process ends, however it ends: `broker.sh run` lives
/// only as long as its standard input is held open.
#[derive(Debug)]
pub struct Cluster {
    bootstrap: String,
    pids: Vec<u32>,
    script: Child,
    // `Option` so that dropping can close it before waiting for the script.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Cluster {
    /// Starts `nodes` brokers (1 or 3) and returns when each of them serves. With three, topics have three replicas of
    /// which two must be in sync. `settings` are further lines of `server.properties`, `key=value`.
    ///
    /// # Errors
    /// Why there is no broker: no JDK 17, no Maven, or what the script said.
    pub fn start(nodes: usize, settings: &[&str]) -> Result<Self, String> {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        Self::run(&["--nodes", &nodes.to_string()], settings)
    }

    /// Starts one broker that has a second address for clients: the port `relay`, where a relay is to listen that comes
    /// between. [`Self::relayed`] is where the relay finds the broker.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_behind(relay: u16) -> Result<Self, String> {
        Self::run(&["--nodes", "1", "--relay", &relay.to_string()], [])
    }

    /// Starts one broker with these arguments of `broker.sh` beside: `--listener`, `--scram`, `--set`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        Self::run(&["--nodes", "1"], arguments)
    }

    fn run<'a>(arguments: &[&str], settings: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        java_is_new_enough()?;
        // The script removes the folder, also when nothing of this process is dropped.
        let folder = tempfile::Builder::new().prefix("cordon-kafka-").tempdir().map_err(|why| why.to_string())?.keep();
        let mut command = Command::new("bash");
        command.arg(script()).arg("run").args(arguments).arg("--dir").arg(&folder).args(settings);
        // Unlinked at once: the script's last words must outlive the folder.
        let mut said = tempfile::tempfile().map_err(|why| why.to_string())?;
        let stderr = said.try_clone().map_err(|why| why.to_string())?;
        let mut script = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|why| format!("bash did not start: {why}"))?;
        let orders = script.stdin.take();
        let mut answers = BufReader::new(script.stdout.take().expect("stdout is piped"));
        let mut ready = String::new();
        answers.read_line(&mut ready).map_err(|why| why.to_string())?;
        let Some((bootstrap, pids)) = parse_ready(&ready) else {
            return Err(format!("broker.sh did not come up: {}", last_words(&mut script, &mut said, &folder)));
        };
        Ok(Self { bootstrap, pids, script, orders, answers, folder })
    }

    /// Addresses for clients, `host:port,…`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The port to which a relay passes on what its clients send.
    ///
    /// # Panics
    /// When the broker was not started by [`Self::start_behind`].
    #[must_use]
    pub fn relayed(&self) -> u16 {
        let port = std::fs::read_to_string(self.folder.join("relayed")).expect("the broker stands behind a relay");
        port.trim().parse().expect("a port")
    }

    /// The address of a listener that was asked for by `--listener NAME`.
    ///
    /// # Panics
    /// When the broker was started without it.
    #[must_use]
    pub fn listener(&self, name: &str) -> String {
        let port =
            std::fs::read_to_string(self.folder.join(format!("listener-{name}"))).expect("the listener is there");
        format!("127.0.0.1:{}", port.trim())
    }

    /// Runs Kafka's own `kafka-acls` on the ordinary listener, once for each list of arguments, in one process.
    ///
    /// # Panics
    /// When one of them fails; what it said is printed.
    pub fn acls(&self, commands: &[Vec<String>]) {
        let broker = Path::new(env!("CARGO_MANIFEST_DIR")).join("broker");
        let jars = Command::new("bash").arg(script()).arg("jars").output().expect("bash starts");
        let jars = String::from_utf8(jars.stdout).expect("a path");
        let mut java = Command::new("java");
        java.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &format!("{}/*", jars.trim())]);
        java.arg(broker.join("Acls.java")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut java = java.spawn().expect("`java` is there: the broker runs on it");
        let lines: Vec<String> = commands
            .iter()
            .map(|arguments| format!("--bootstrap-server\t{}\t{}\n", self.bootstrap, arguments.join("\t")))
            .collect();
        // Where it has ended before, what it said tells why.
        let _ = java.stdin.take().expect("stdin is piped").write_all(lines.concat().as_bytes());
        let ended = java.wait_with_output().expect("java is waited for");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "kafka-acls failed: {said}");
    }

    /// The process of node `node` (1, 2, 3), to be frozen and thawed with [`crate::processes::signal`].
    #[must_use]
    pub fn pid(&self, node: usize) -> u32 {
        self.pids[node - 1]
    }

    /// Ends a node as `kill -9` does and returns when it is gone.
    ///
    /// # Panics
    /// When the script does not confirm it.
    pub fn kill_node(&mut self, node: usize) {
        let answer = self.order(&format!("kill {node}"));
        assert_eq!(answer, format!("KILLED {node}"), "broker.sh answered otherwise");
    }

    /// Starts a killed node again on its old data and returns when it serves.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn start_node(&mut self, node: usize) {
        self.start_nodes(&[node]);
    }

    /// Starts several killed nodes at once: of three that are all down, none serves before two are up.
    ///
    /// # Panics
    /// When one does not come back.
    pub fn start_nodes(&mut self, nodes: &[usize]) {
        let list: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let mut answer = self.order(&format!("start {}", list.join(" ")));
        for (place, node) in nodes.iter().enumerate() {
            if place > 0 {
                answer = self.answer();
            }
            let pid = answer.strip_prefix(&format!("STARTED {node} ")).and_then(|pid| pid.parse().ok());
            self.pids[node - 1] = pid.unwrap_or_else(|| panic!("node {node} did not come back: {answer:?}"));
        }
    }

    /// The log of a node, for a failure's message.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.folder.join(format!("{node}/log"))).unwrap_or_default()
    }

    fn order(&mut self, line: &str) -> String {
        let orders = self.orders.as_mut().expect("open until dropped");
        writeln!(orders, "{line}").expect("broker.sh reads its orders");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("broker.sh answers");
        answer.trim_end().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.orders.take();
        // Nothing to do about a failure here: the script ends by itself once its input is closed.
        let _ = self.script.wait();
    }
}

/// Waits for a script that has failed, removes what it may have left, and returns what it said.
fn last_words(script: &mut Child, said: &mut File, folder: &Path) -> String {
    let _ = script.wait();
    let _ = std::fs::remove_dir_all(folder);
    let mut words = String::new();
    let read = said.rewind().and_then(|()| said.read_to_string(&mut words));
    read.map_or_else(|why| why.to_string(), |_| words.trim().to_owned())
}

/// `READY host:port,… pid…` of `broker.sh run`.
fn parse_ready(line: &str) -> Option<(String, Vec<u32>)> {
    let mut words = line.strip_prefix("READY ")?.split_whitespace();
    let bootstrap = words.next()?.to_owned();
    let pids: Vec<u32> = words.map(|pid| pid.parse().ok()).collect::<Option<_>>()?;
    (!pids.is_empty()).then_some((bootstrap, pids))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("broker/broker.sh")
}

/// Brokers of Kafka 4 need Java 17 or later.
fn java_is_new_enough() -> Result<(), String> {
    let shown = Command::new("java").arg("-version").output().map_err(|_| "no `java` in PATH".to_owned())?;
    let text = String::from_utf8_lossy(&shown.stderr);
    match java_major(&text) {
        Some(major) if major >= 17 => Ok(()),
        Some(major) => Err(format!("`java` is version {major}, brokers need 17 or later")),
        None => Err(format!("`java -version` says {:?}", text.trim())),
    }
}

fn java_major(text: &str) -> Option<u32> {
    text.split('"').nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_version_is_read_from_the_quoted_text() {
        assert_eq!(java_major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(java_major("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(java_major("java version \"1.8.0_202\""), Some(1));
        assert_eq!(java_major("command not found"), None);
    }

    #[test]
    fn a_ready_line_without_pids_is_no_ready_line() {
        assert_eq!(parse_ready("READY 127.0.0.1:1,127.0.0.1:2 10 11\n").map(|ready| ready.1), Some(vec![10, 11]));
        assert_eq!(parse_ready("READY 127.0.0.1:1\n"), None);
        assert_eq!(parse_ready(""), None);
    }
}
