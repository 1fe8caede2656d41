//! Again at every save: rules and guards are looked at several times a second, and what changed is played anew.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_policy::PolicyFiles;
use cordon_records::{Clock as _, SystemClock};

use crate::args::BacktestArgs;
use crate::error::BacktestError;
use crate::print::harmless;
use crate::progress::Progress;
use crate::run;
use crate::settings::Settings;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Runs the backtest now and after every change of a file of rules or guards, until the process is ended. Mistakes in them
/// are shown in place of a result.
///
/// # Errors
/// When no result can be had whatever the files say: no broker, no input, nowhere to print.
pub fn watch(
    args: &BacktestArgs,
    out: &mut dyn Write,
    is_terminal: bool,
    progress: &dyn Progress,
) -> Result<(), BacktestError> {
    let (mut looks, mut config) = (Looks::default(), Config::default());
    loop {
        if looks.is_due(fingerprint(&files(args, &mut config))) {
            let mut page = Vec::new();
            match run::run(args, SystemClock.now(), &mut page, progress) {
                Ok(_) => {}
                Err(BacktestError::Misconfigured(problems)) => {
                    page.extend(harmless(&problems.to_string()).into_bytes())
                }
                Err(error) => return Err(error),
            }
            let clear = if is_terminal { CLEAR } else { "" };
            let written =
                out.write_all(clear.as_bytes()).and_then(|()| out.write_all(&page)).and_then(|()| out.flush());
            written.map_err(|source| BacktestError::Output { what: "standard output".to_owned(), source })?;
        }
        std::thread::sleep(LOOK);
    }
}

fn files(args: &BacktestArgs, config: &mut Config) -> Vec<PolicyFiles> {
    let side =
        |rules: &[PathBuf], guards: Option<&PathBuf>| PolicyFiles { rules: rules.to_vec(), guards: guards.cloned() };
    let configured = args.config.as_deref().filter(|_| args.input.is_empty());
    let configured = configured.and_then(|path| config.guards(path, guards_in));
    let guards = args.guards.as_ref().or(configured.as_ref());
    vec![side(&args.rules, guards), side(&args.against, args.against_guards.as_ref())]
}

/// The guards that a configuration names. Mistakes in it are told by the backtest.
fn guards_in(config: &Path) -> Option<PathBuf> {
    Settings::read(config).ok()?.guards
}

/// The configuration as it was last looked at.
#[derive(Debug, Default)]
struct Config {
    /// Its bytes, none where it cannot be read; nothing where it was not looked at yet.
    bytes: Option<Option<Vec<u8>>>,
    guards: Option<PathBuf>,
}

impl Config {
    /// The guards that it names; `read` finds out, and is asked again only when the file is another.
    fn guards(&mut self, path: &Path, read: impl FnOnce(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
        // First the bytes: what is written between the two is another file at the next look.
        let bytes = Some(std::fs::read(path).ok());
        if self.bytes != bytes {
            (self.bytes, self.guards) = (bytes, read(path));
        }
        self.guards.clone()
    }
}

fn fingerprint(files: &[PolicyFiles]) -> Vec<String> {
    files.iter().map(|files| files.read().fingerprint()).collect()
}

/// Decides when files are to be judged: at the first look, then once they differ from what was judged and two looks saw them
/// alike, so that a file that is half written is not.
#[derive(Debug, Default)]
struct Looks {
    judged: Option<Vec<String>>,
    last: Option<Vec<String>>,
}

impl Looks {
    fn is_due(&mut self, seen: Vec<String>) -> bool {
        let settled = self.judged.is_none() || self.last.as_ref() == Some(&seen);
        let due = settled && self.judged.as_ref() != Some(&seen);
        if due {
            self.judged = Some(seen.clone());
        }
        self.last = Some(seen);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_parsed_again_only_when_its_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cordon.yaml");
        let mut config = Config::default();
        let mut parsed = 0;
        let mut look = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => _ = std::fs::remove_file(&path),
            }
            let guards = config.guards(&path, |path| {
                parsed += 1;
                std::fs::read_to_string(path).ok().map(PathBuf::from)
            });
            (guards.map(|guards| guards.display().to_string()).unwrap_or_default(), parsed)
        };
        let seen = [None, None, Some("a"), Some("a"), Some("b"), None, Some("b")].map(&mut look);
        assert_eq!(
            seen,
            [("", 1), ("", 1), ("a", 2), ("a", 2), ("b", 3), ("", 4), ("b", 5)]
                .map(|(text, times)| (text.to_owned(), times))
        );
    }

    #[test]
    fn files_are_judged_at_once_and_again_when_a_change_has_settled_and_only_once() {
        let mut looks = Looks::default();
        let seen: Vec<bool> = ["a", "a", "b", "b", "b", "c", "d", "d", "b"]
            .iter()
            .map(|text| looks.is_due(vec![(*text).to_owned()]))
            .collect();
        assert_eq!(seen, [true, false, false, true, false, false, false, true, false]);
    }
}
