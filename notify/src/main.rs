//! The process of stage notify.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main::<cordon_notify::Notify>()
}
