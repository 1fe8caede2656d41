//! The process of stage notify.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main_with_replay::<cordon_notify::Notify, cordon_notify::NotifyAgain>()
}
