//! `cordon-act-failpoints`: cordon-act that ends itself at the point that `CORDON_FAILPOINT` names. For tests only.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main::<cordon_act_failpoints::Act>()
}
