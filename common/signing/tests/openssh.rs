//! Against the real `ssh-keygen`: what it signs we take, what we take it takes, and both name the same person.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cordon_records::CommandRecord;
use cordon_signing::{AllowedSigners, InvalidSignature};
use support::{Pen, approval, now};

/// Runs a test in a folder of its own, where OpenSSH's tools are on this machine.
fn with_openssh(test: impl FnOnce(&Path)) {
    let there = |tool: &str| Command::new(tool).arg("-?").output().is_ok();
    if !(there("ssh-keygen") && there("ssh-add") && there("ssh-agent")) {
        let required = std::env::var_os("CI").is_some();
        assert!(!required, "no ssh-keygen here, but CI must have it: install openssh-client");
        println!("SKIPPED: no ssh-keygen, ssh-add and ssh-agent on this machine (Debian: openssh-client)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    test(folder.path());
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn good(command: &mut Command, input: &[u8]) -> String {
    let output = run(command, input);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn new_key(folder: &Path, name: &str, kind: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    good(command.args(["-q", "-N", "", "-C", name, "-t"]).args(kind).arg("-f").arg(&path), b"");
    path
}

fn public(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

fn sign(key: &Path, statement: &[u8], more: &[&str]) -> String {
    good(Command::new("ssh-keygen").args(["-Y", "sign", "-n", "cordon"]).args(more).arg("-f").arg(key), statement)
}

fn verified_by_openssh(folder: &Path, record: &CommandRecord, principal: &str) -> bool {
    let signature = folder.join("signature");
    fs::write(&signature, record.signature.as_deref().unwrap()).unwrap();
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "verify", "-n", "cordon", "-I", principal, "-Overify-time=20261124120000Z", "-f"]);
    command.arg(folder.join("allowed_signers")).arg("-s").arg(signature);
    run(&mut command, &record.statement().unwrap()).status.success()
}

fn allowed(folder: &Path, lines: &str) -> AllowedSigners {
    fs::write(folder.join("allowed_signers"), lines).unwrap();
    AllowedSigners::parse("allowed_signers", lines).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn what_ssh_keygen_signs_with_every_kind_of_key_is_taken_and_named_alike() {
    with_openssh(|folder| {
        let kinds: [&[&str]; 5] =
            [&["ed25519"], &["ecdsa", "-b", "256"], &["ecdsa", "-b", "384"], &["rsa", "-b", "2048"], &["rsa"]];
        for (index, kind) in kinds.iter().enumerate() {
            let key = new_key(folder, &format!("key{index}"), kind);
            let line = fs::read_to_string(public(&key)).unwrap();
            let file = allowed(folder, &format!("ann@example.com,bob namespaces=\"cordon,git\" {line}"));
            let mut record = approval();
            let statement = record.statement().unwrap();
            for more in [&["-Ohashalg=sha512"][..], &["-Ohashalg=sha256"]] {
                record.signature = Some(sign(&key, &statement, more));
                let signer = file.verify(&record, now()).unwrap_or_else(|why| panic!("{kind:?} {more:?}: {why}"));
                let told = good(Command::new("ssh-keygen").arg("-lf").arg(public(&key)), b"");
                assert_eq!(told.split(' ').nth(1), Some(signer.fingerprint.as_str()));
                assert!(verified_by_openssh(folder, &record, &signer.principal));
                let altered = CommandRecord { why: "something else".to_owned(), ..record.clone() };
                assert!(matches!(file.verify(&altered, now()), Err(InvalidSignature::Altered { .. })));
                assert!(!verified_by_openssh(folder, &altered, &signer.principal));
            }
        }
    });
}

#[test]
fn what_we_make_by_hand_for_fido_keys_openssh_takes_too() {
    with_openssh(|folder| {
        for pen in [Pen::ed25519(1), Pen::sk_ed25519(0x05), Pen::sk_ecdsa(0x01)] {
            let file = allowed(folder, &format!("ann {}\n", pen.line()));
            let record = pen.signed(&approval());
            assert!(file.verify(&record, now()).is_ok(), "{}", pen.kind());
            assert!(verified_by_openssh(folder, &record, "ann"), "{}", pen.kind());
        }
    });
}

#[test]
fn a_key_counts_at_the_same_times_and_for_the_same_purposes_as_for_openssh() {
    with_openssh(|folder| {
        let key = new_key(folder, "key", &["ed25519"]);
        let line = fs::read_to_string(public(&key)).unwrap();
        let mut record = approval();
        record.signature = Some(sign(&key, &record.statement().unwrap(), &[]));
        let options = [
            "valid-after=\"20261124120000Z\"",
            "valid-after=\"202611241201Z\"",
            "valid-before=\"20261124120000Z\"",
            "VALID-BEFORE=\"20261124Z\"",
            "namespaces=\"*,!cordon\"",
            "namespaces=\"c?rdo*\"",
            "namespaces=\"Cordon\"",
        ];
        for options in options {
            let file = allowed(folder, &format!("\"*@x,!eve@x,eve@x,ann@x\" {options} {line}"));
            let ours = file.verify(&record, now());
            assert_eq!(ours.is_ok(), verified_by_openssh(folder, &record, "ann@x"), "{options} {ours:?}");
            assert!(!verified_by_openssh(folder, &record, "eve@x"), "we never name eve, openssh does not take her");
        }
    });
}

#[test]
fn a_certificate_is_no_key_of_the_file() {
    with_openssh(|folder| {
        let (authority, key) = (new_key(folder, "ca", &["ed25519"]), new_key(folder, "key", &["ed25519"]));
        let mut command = Command::new("ssh-keygen");
        good(command.args(["-q", "-I", "id", "-n", "ann", "-s"]).arg(&authority).arg(public(&key)), b"");
        let line = fs::read_to_string(public(&key)).unwrap();
        let file = allowed(folder, &format!("ann {line}"));
        let mut record = approval();
        let statement = record.statement().unwrap();
        let agent = Agent::start(folder);
        agent.add(&key);
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "sign", "-n", "cordon", "-f"]).arg(folder.join("key-cert.pub"));
        record.signature = Some(good(agent.known_to(&mut command), &statement));
        let refused = file.verify(&record, now()).unwrap_err();
        assert!(matches!(refused, InvalidSignature::UnknownKey { .. }), "{refused}");
    });
}

/// An agent of this test's own; it ends with it.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !socket.exists() {
            assert!(std::time::Instant::now() < until, "ssh-agent opens no socket");
            std::thread::yield_now();
        }
        Self { child, socket }
    }

    fn known_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SSH_AUTH_SOCK", &self.socket)
    }

    fn add(&self, key: &Path) {
        good(self.known_to(Command::new("ssh-add").arg("-q").arg(key)), b"");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_key_that_only_the_agent_holds_signs() {
    with_openssh(|folder| {
        let key = new_key(folder, "key", &["ed25519"]);
        let agent = Agent::start(folder);
        agent.add(&key);
        fs::remove_file(&key).unwrap();
        let file = allowed(folder, &format!("ann {}", fs::read_to_string(public(&key)).unwrap()));
        let mut record = approval();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "sign", "-U", "-n", "cordon", "-f"]).arg(public(&key));
        record.signature = Some(good(agent.known_to(&mut command), &record.statement().unwrap()));
        assert_eq!(file.verify(&record, now()).unwrap().principal, "ann");
        assert!(verified_by_openssh(folder, &record, "ann"));
    });
}
