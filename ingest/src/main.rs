//! cordon-ingest: polls Defender's alerts onto Kafka.

use std::process::ExitCode;

fn main() -> ExitCode {
    cordon_runtime::process::main::<cordon_ingest::Ingest>()
}
