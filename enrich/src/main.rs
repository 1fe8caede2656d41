//! cordon-enrich: expands what an alert only names.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main::<cordon_enrich::Enrich>()
}
