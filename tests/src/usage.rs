//! What a process takes of the machine, as Linux tells it under `/proc`.

use std::fmt;
use std::time::Duration;

/// One tick of the processor times in proc(5): `USER_HZ`, 100 a second on every Linux that we run on.
const TICK: Duration = Duration::from_millis(10);

/// Memory, threads and file descriptors of one process, or the most of each that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Peak resident memory, KiB (`VmHWM`).
    pub peak_kib: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub descriptors: u64,
}

impl Usage {
    /// Of this process now; `None` when it is gone.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Self {
            peak_kib: field(&status, "VmHWM:")?,
            threads: field(&status, "Threads:")?,
            descriptors: descriptors as u64,
        })
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            peak_kib: self.peak_kib.max(other.peak_kib),
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }

    /// Whether none is greater than in `limit`.
    #[must_use]
    pub fn is_within(self, limit: Self) -> bool {
        self.max(limit) == limit
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB, {} threads, {} descriptors", self.peak_kib / 1024, self.threads, self.descriptors)
    }
}

/// Processor time that a process has taken so far, of the user and of the kernel, over all its threads (`utime` and `stime`
/// of proc(5)).
///
/// # Panics
/// When it is gone.
#[must_use]
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name, in parentheses, may hold anything; the two times are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("ticks"));
    TICK * ticks.sum()
}

/// Memory that a process has resident now, KiB (`VmRSS`).
///
/// # Panics
/// When it is gone.
#[must_use]
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    field(&status, "VmRSS:").expect("it has memory")
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_has_memory_threads_and_descriptors_and_one_that_is_gone_has_none() {
        let own = Usage::of(std::process::id()).unwrap();
        assert!(own.peak_kib > 500 && own.threads > 0 && own.descriptors > 2, "{own}");
        assert_eq!(Usage::of(u32::MAX), None);
        assert!((500..=own.peak_kib).contains(&resident_kib(std::process::id())));
    }

    #[test]
    fn a_process_that_computes_takes_processor_time() {
        let (pid, start) = (std::process::id(), processor_time(std::process::id()));
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while processor_time(pid) < start + TICK * 3 {
            assert!(std::time::Instant::now() < until, "no time is counted");
        }
    }

    #[test]
    fn one_value_beyond_its_limit_is_beyond_the_limit() {
        let limit = Usage { peak_kib: 10, threads: 10, descriptors: 10 };
        assert!(limit.is_within(limit));
        assert!(!Usage { descriptors: 11, ..limit }.is_within(limit));
    }
}
