//! A failpoint that stops the process is exact: nothing goes on until the process stood still and was woken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cordon_act_failpoints::failpoint;

const ROUNDS: usize = 100;
const SOON: Duration = Duration::from_secs(30);

/// Comes to the point again and again, in the process that the test below starts.
#[test]
#[ignore = "stops its process; the other test runs it"]
fn a_process_that_stops_itself() {
    for round in 0..ROUNDS {
        failpoint::stop();
        writeln!(std::io::stdout(), "woken {round}").unwrap();
    }
}

fn stands_still(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let states = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    states.into_iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    // It reads on when nobody listens any more: the child must be able to print its last line.
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _nobody_listens = sender.send(line);
        }
    });
    lines
}

/// One round after the other: what is written while the process still runs was written before its stop.
fn rounds(child: &mut Child) {
    let lines = lines_of(child);
    let pid = child.id();
    for round in 0..ROUNDS {
        let deadline = Instant::now() + SOON;
        while !stands_still(pid) {
            assert!(Instant::now() < deadline, "round {round}: it does not stop");
        }
        let early = lines.try_iter().find(|line| *line == format!("woken {round}"));
        assert_eq!(early, None, "it went on before it was stopped");
        assert!(Command::new("sh").args(["-c", "kill -s CONT \"$0\"", &pid.to_string()]).status().unwrap().success());
        let woken = std::iter::from_fn(|| lines.recv_timeout(SOON).ok()).find(|line| *line == format!("woken {round}"));
        assert!(woken.is_some(), "round {round}: woken, it does not go on");
    }
}

#[test]
fn nothing_goes_on_before_the_process_was_stopped_and_woken() {
    let is_over = AtomicBool::new(false);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "a_process_that_stops_itself", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = std::thread::scope(|scope| {
        // Under load the signal takes its time.
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rounds(&mut child)));
        is_over.store(true, Ordering::Relaxed);
        ended
    });
    if ended.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    ended.unwrap();
    assert!(status.success());
}
