//! A backtest as a command: what `cordon backtest` and `cordon-backtest` do alike, and how they end.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use cordon_records::{Clock as _, SystemClock};
use cordon_runtime::kafka::Fault;

use crate::args::BacktestArgs;
use crate::error::BacktestError;
use crate::print::harmless;
use crate::progress::for_terminal;
use crate::run::{Verdict, run};
use crate::watch::watch;

/// Runs a backtest: the result to standard output, why there is none to standard error. The code is as everywhere in Cordon: 0
/// the same or within the gates, 1 different or a gate is broken, 2 usage, 69 no broker, 70 a fault of ours, 77 not permitted,
/// 78 rules, guards or the configuration are wrong.
#[must_use]
pub fn command(args: &BacktestArgs) -> ExitCode {
    match ran(args) {
        Ok(Verdict::Same) => ExitCode::SUCCESS,
        Ok(Verdict::Different) => ExitCode::from(1),
        Err(error) => {
            // Mistakes in files begin with their places.
            let word = if matches!(error, BacktestError::Misconfigured(_)) { "" } else { "error: " };
            // Who does not listen is told by the code.
            let _ = writeln!(std::io::stderr().lock(), "{}", harmless(&format!("{word}{error}")));
            code(&error).into()
        }
    }
}

fn ran(args: &BacktestArgs) -> Result<Verdict, BacktestError> {
    let (progress, mut out) = (for_terminal(), std::io::stdout().lock());
    if args.watch {
        let is_terminal = out.is_terminal();
        return watch(args, &mut out, is_terminal, progress.as_ref()).map(|()| Verdict::Same);
    }
    run(args, SystemClock.now(), &mut out, progress.as_ref())
}

fn code(error: &BacktestError) -> u8 {
    match error {
        BacktestError::Usage(_) | BacktestError::Input { .. } | BacktestError::Empty(_) => 2,
        BacktestError::Misconfigured(_) => 78,
        BacktestError::Kafka(failure) => match failure.fault() {
            Fault::Unreachable => 69,
            Fault::Denied => 77,
            Fault::Configuration => 78,
            Fault::Broken => 70,
        },
        BacktestError::Output { .. } | BacktestError::Broken(_) => 70,
    }
}
