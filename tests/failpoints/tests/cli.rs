//! The binary is there: with an integration test in its package, `cargo test --workspace` builds it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::Command;

#[test]
fn a_binary_with_failpoints_takes_the_flags_of_the_real_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_cordon-act-failpoints")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && help.contains("--role") && help.contains("--init-ledger"), "{help}");
}
