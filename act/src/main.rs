//! `cordon-act`: decides by the operator's rules and, in the respond role, acts.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main::<cordon_act::Act>()
}
