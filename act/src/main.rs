//! `cordon-act`: decides by the operator's rules and, in the respond role, acts.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main_with_replay::<cordon_act::Act, cordon_act::DecideAgain>()
}
