//! cordon-enrich: expands what an alert only names.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main_with_replay::<cordon_enrich::Enrich, cordon_enrich::EnrichAgain>()
}
