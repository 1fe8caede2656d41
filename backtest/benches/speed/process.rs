//! The backtest as a process: what it says, how long it takes, and the most memory that it has.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cordon_tests::usage::Usage;
use serde_json::Value;

/// How often it is looked at how much memory a process has had.
const LOOK: Duration = Duration::from_millis(5);

/// One run.
#[derive(Debug)]
pub struct Run {
    /// The result.
    pub document: Value,
    /// What it said of how it was done.
    pub notes: String,
    /// From its start to its end.
    pub took: Duration,
    /// The most memory that it had, in MiB.
    pub peak: u64,
}

impl Run {
    /// How many records it judged.
    pub fn records(&self) -> u64 {
        self.document["records"].as_u64().expect("it counts records")
    }

    /// How many seconds it took to judge from the cache, as it says itself.
    pub fn decided(&self) -> f64 {
        let told = self.notes.lines().find_map(|line| line.strip_prefix("judged ")?.strip_suffix(" s"));
        told.and_then(|told| told.rsplit_once(' ')).and_then(|(_, seconds)| seconds.parse().ok()).expect("it says so")
    }
}

/// The command with these flags in this folder, with nothing in its environment.
pub fn command(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-backtest"));
    command.args(flags).current_dir(folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it once.
pub fn run(folder: &Path, flags: &[&str]) -> Run {
    let begun = Instant::now();
    let child = command(folder, flags).args(["-o", "json"]).spawn().expect("the binary is there");
    let pid = child.id();
    let ended = std::thread::spawn(move || (child.wait_with_output().expect("it ends"), begun.elapsed()));
    let mut peak = 0;
    while !ended.is_finished() {
        peak = Usage::of(pid).map_or(peak, |usage| usage.peak_kib.max(peak));
        std::thread::sleep(LOOK);
    }
    let (output, took) = ended.join().expect("it was waited for");
    let notes = String::from_utf8(output.stderr).expect("it is text");
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {notes}"));
    Run { document, notes, took, peak: peak.div_ceil(1024) }
}

/// Ends a process that would not end by itself.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it was running");
    }
}
