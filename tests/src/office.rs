//! People with SSH keys who speak to a pipeline through `cordon`, as they would.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pipeline::Pipeline;
use crate::processes::{Binaries, ended};

/// The file of whose signatures count, beside the guards.
const SIGNERS: &str = "people.signers";

/// A folder with everybody's keys.
pub struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    /// Makes keys for these people with the real `ssh-keygen`; nothing, and SKIPPED, where it is not on this machine.
    ///
    /// # Panics
    /// In CI, which must have it.
    #[must_use]
    pub fn of(people: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in people {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(folder.path().join(name));
            match command.output() {
                Ok(output) => assert!(output.status.success(), "{output:?}"),
                Err(error) => {
                    assert!(std::env::var_os("CI").is_none(), "CI must have openssh-client: {error}");
                    println!("SKIPPED: no ssh-keygen on this machine (Debian: openssh-client)");
                    return None;
                }
            }
        }
        Some(Self { folder })
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives the pipeline these guards, under which these people may sign.
    ///
    /// # Panics
    /// When the files cannot be written.
    pub fn guard(&self, pipeline: &Pipeline, people: &[&str], guards: &str) {
        let lines = people.iter().map(|name| {
            let public = std::fs::read_to_string(self.key(name).with_extension("pub")).expect("a public key");
            format!("{name}@example.com {public}")
        });
        let beside = |name: &str| pipeline.config().with_file_name(name);
        std::fs::write(beside(SIGNERS), lines.collect::<String>()).expect("the signers are written");
        let guards = format!("approvals: {{allowed_signers: {SIGNERS}}}\n{guards}");
        std::fs::write(beside("guards.yaml"), guards).expect("the guards are written");
        let text = std::fs::read_to_string(pipeline.config()).expect("the configuration");
        if !text.contains("guards: guards.yaml") {
            let text = text.replace("act: {", "act: {guards: guards.yaml, ");
            std::fs::write(pipeline.config(), text).expect("the configuration is written");
        }
    }

    /// Runs `cordon` with this person's key; gives back exit code and everything that it wrote.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn says(&self, name: &str, config: &Path, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(Binaries::find("cordon"));
        command.args(args).arg("--config").arg(config);
        command.env("CORDON_SSH_KEY", self.key(name)).env("USER", name);
        ended(command).await
    }
}
