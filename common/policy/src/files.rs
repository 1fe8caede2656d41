//! The operator's rules and guards on disk: read, checked, and told apart from what they were before.

use std::path::{Path, PathBuf};

use cordon_records::{PolicyFile, digest};
use cordon_settings::{Problem, Problems, read_text};
use cordon_signing::AllowedSigners;

use crate::guards::Guards;
use crate::rules::{RecordedTest, RuleSet, is_recorded_test_of, run_all_tests};

/// Rules and guards that are whole and right.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The rules.
    pub rules: RuleSet,
    /// The files that they were read from.
    pub rule_files: Vec<PolicyFile>,
    /// The guards.
    pub guards: Guards,
    /// Whose signatures count: the file that the guards name, or nobody's.
    pub signers: AllowedSigners,
}

/// Where they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles {
    /// Rule files, and folders of them.
    pub rules: Vec<PathBuf>,
    /// The guards' file; without it the built-in guards hold.
    pub guards: Option<PathBuf>,
}

/// One file with its text, or why there is none.
type Content = (PathBuf, Result<String, String>);

/// The files as they were at one moment: what is told apart is what is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    rules: Vec<Content>,
    /// Recorded alerts beside the rule files, which are tests of theirs.
    recorded: Vec<Content>,
    guards: Option<Content>,
    signers: Option<Content>,
}

impl PolicyFiles {
    /// Reads every file once. What cannot be read is part of the answer.
    #[must_use]
    pub fn read(&self) -> PolicyText {
        let guards = self.guards.as_deref().map(content);
        let signers = guards.as_ref().and_then(signers_file).map(|path| content(&path));
        let rules: Vec<Content> = self.rules.iter().flat_map(|place| rule_files(place)).collect();
        let recorded = rules.iter().flat_map(|(path, _)| recorded_beside(path)).collect();
        PolicyText { rules, recorded, guards, signers }
    }
}

/// The recorded tests of one rule file, in the order of their names.
fn recorded_beside(rule: &Path) -> Vec<Content> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = rule.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| is_recorded_test_of(&name(path), &name(rule)));
    paths.sort();
    paths.iter().map(|path| content(path)).collect()
}

/// The file that the guards name; a relative path counts from their folder.
fn signers_file((path, text): &Content) -> Option<PathBuf> {
    let guards = Guards::load(&path.display().to_string(), text.as_ref().ok()?).ok()?;
    let named = guards.approvals().allowed_signers.as_deref()?;
    Some(path.parent().unwrap_or(Path::new("")).join(named))
}

impl PolicyText {
    /// Tells this state of the files from every other: 16 hexadecimal digits over names and texts.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let contents = || {
            let rules = self.rules.iter().chain(&self.recorded);
            rules.chain(&self.guards).chain(&self.signers)
        };
        let names: Vec<String> = contents().map(|(path, _)| path.display().to_string()).collect();
        let texts = contents().map(|(_, text)| text.as_ref().unwrap_or_else(|why| why).as_str());
        let parts: Vec<&str> =
            names.iter().map(String::as_str).zip(texts).flat_map(|(name, text)| [name, text]).collect();
        digest(&parts, 8)
    }

    /// Checks everything; the rules' own tests too.
    ///
    /// # Errors
    /// Every mistake in every file. There is no half-read policy.
    pub fn check(&self) -> Result<Policy, Problems> {
        match (self.check_rules(), self.check_guards(), self.check_signers()) {
            (Ok(rules), Ok(guards), Ok(signers)) => {
                Ok(Policy { rules, rule_files: self.rule_files(), guards, signers })
            }
            (rules, guards, signers) => {
                let mut problems = Problems::default();
                let all = [rules.err(), guards.err(), signers.err()];
                all.into_iter().flatten().for_each(|more| problems.extend(more));
                Err(problems)
            }
        }
    }

    /// The rule files that could be read.
    fn rule_files(&self) -> Vec<PolicyFile> {
        let file = |(path, text): &Content| {
            Some(PolicyFile { name: path.display().to_string(), text: text.as_ref().ok()?.clone() })
        };
        self.rules.iter().filter_map(file).collect()
    }

    /// Checks the signers' file, if the guards name one.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn check_signers(&self) -> Result<AllowedSigners, Problems> {
        match &self.signers {
            None => Ok(AllowedSigners::default()),
            Some((path, Ok(text))) => AllowedSigners::parse(&path.display().to_string(), text),
            Some((path, Err(why))) => {
                let help = "approvals.allowed_signers names it: put one line for each person's key there";
                Err(unreadable(path, why, help))
            }
        }
    }

    fn check_rules(&self) -> Result<RuleSet, Problems> {
        let mut problems = Problems::default();
        let mut files = Vec::new();
        for (path, text) in &self.rules {
            match text {
                Ok(text) => files.push((path.display().to_string(), text.clone())),
                Err(why) => problems.extend(unreadable(path, why, "name rule files, or folders of *.yaml rule files")),
            }
        }
        if files.is_empty() && problems.is_empty() {
            problems.extend(unreadable(Path::new("rules"), "no rule is named, so nothing would ever be done", ""));
        }
        match RuleSet::load(&files) {
            Ok(rules) => {
                match self.recorded_tests(&rules) {
                    Ok(recorded) => problems.extend(failed_tests(&rules, &recorded)),
                    Err(more) => problems.extend(more),
                }
                problems.into_result().map(|()| rules)
            }
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }

    fn recorded_tests(&self, rules: &RuleSet) -> Result<Vec<RecordedTest>, Problems> {
        let mut problems = Problems::default();
        let mut files = Vec::new();
        for (path, text) in &self.recorded {
            match text {
                Ok(text) => files.push((path.display().to_string(), text.clone())),
                Err(why) => problems.extend(unreadable(path, why, "make this test readable, or take it away")),
            }
        }
        problems.into_result()?;
        let ids: Vec<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
        RecordedTest::load(&files, Some(&ids))
    }

    /// Checks the guards alone.
    ///
    /// # Errors
    /// Every mistake in their file.
    pub fn check_guards(&self) -> Result<Guards, Problems> {
        match &self.guards {
            None => Ok(Guards::built_in()),
            Some((path, Ok(text))) => Guards::load(&path.display().to_string(), text),
            Some((path, Err(why))) => Err(unreadable(path, why, "name the guards' file, or leave act.guards out")),
        }
    }
}

fn failed_tests(rules: &RuleSet, recorded: &[RecordedTest]) -> Problems {
    let failed = run_all_tests(rules, recorded).into_iter().filter(|outcome| !outcome.holds());
    let told = failed.map(|outcome| Problem {
        help: Some("correct the rule or its test; a rule that fails its test is not run".into()),
        ..Problem::whole(
            outcome.recorded_in.as_deref().unwrap_or("rules"),
            format!("rule {} fails its own test {:?}: {}", outcome.rule, outcome.test, outcome.reason),
        )
    });
    Problems(told.collect())
}

fn unreadable(path: &Path, why: &str, help: &str) -> Problems {
    let help = (!help.is_empty()).then(|| help.to_owned());
    Problems(vec![Problem { help, ..Problem::whole(path.display().to_string(), why) }])
}

/// A folder stands for its rule files, in the order of their names.
fn rule_files(place: &Path) -> Vec<Content> {
    if !place.is_dir() {
        return vec![content(place)];
    }
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) => return vec![(place.to_owned(), Err(format!("the folder cannot be read: {error}")))],
    };
    let paths: Result<Vec<PathBuf>, std::io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = match paths {
        Ok(paths) => paths,
        // Half a folder is no rule set.
        Err(error) => return vec![(place.to_owned(), Err(format!("the folder cannot be read: {error}")))],
    };
    paths.retain(|path| is_yaml(path));
    paths.sort();
    if paths.is_empty() {
        return vec![(place.to_owned(), Err("the folder holds no *.yaml rule file".to_owned()))];
    }
    paths.iter().map(|path| content(path)).collect()
}

fn content(path: &Path) -> Content {
    (path.to_owned(), read_text(path).map_err(|error| format!("the file cannot be read: {error}")))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "id: r\nwhen: alert.severity == \"High\"\nactions: []\n";

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PolicyFiles) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let guards = files.iter().any(|(name, _)| *name == "g.yml_").then(|| folder.path().join("g.yml_"));
        let files = PolicyFiles { rules: vec![folder.path().to_owned()], guards };
        (folder, files)
    }

    #[test]
    fn a_state_of_the_files_is_told_from_every_other_also_by_a_comment_or_a_name() {
        let (folder, files) = folder(&[("a.yaml", RULE)]);
        let first = files.read().fingerprint();
        assert_eq!(files.read().fingerprint(), first);
        std::fs::write(folder.path().join("a.yaml"), format!("{RULE}# why\n")).unwrap();
        let second = files.read().fingerprint();
        std::fs::rename(folder.path().join("a.yaml"), folder.path().join("b.yaml")).unwrap();
        let third = files.read().fingerprint();
        std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
        let all = [first, second, third, files.read().fingerprint()];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{all:?}");
    }

    #[test]
    fn every_mistake_of_rules_guards_and_tests_is_told_at_once() {
        let broken = "id: b\nwhen: alert.severty == \"High\"\nactions: []\n";
        let (_folder, files) = folder(&[("a.yaml", RULE), ("b.yaml", broken), ("g.yml_", "neverr: {}\n")]);
        let told = files.read().check().unwrap_err().to_string();
        for part in ["severty", "neverr"] {
            assert!(told.contains(part), "{part} is not in:\n{told}");
        }
        let failing =
            "id: f\nwhen: alert.severity == \"High\"\nactions: []\ntests: [{name: t, given: {}, expect: [isolate]}]\n";
        let (_folder, files) = self::folder(&[("f.yaml", failing)]);
        let told = files.read().check().unwrap_err().to_string();
        assert!(told.contains("rule f fails its own test \"t\""), "{told}");
    }

    #[test]
    fn a_rule_that_fails_a_recorded_alert_is_not_run_and_a_changed_recording_is_a_change() {
        let recorded = |expect: &str| {
            format!(
                r#"{{"rule": "r", "name": "the alert of March", "expect": {expect},
                    "given": {{"now": "2026-01-01T00:00:00Z", "alert": {{"id": "a1", "severity": "High"}}}}}}"#
            )
        };
        let (folder, files) = folder(&[("a.yaml", RULE), ("a.march.json", &recorded("[]"))]);
        let first = files.read();
        assert!(first.check().is_ok(), "{:?}", first.check().map(|_| ()));
        std::fs::write(folder.path().join("a.march.json"), recorded("[\"isolate\"]")).unwrap();
        let second = files.read();
        assert_ne!(second.fingerprint(), first.fingerprint());
        let told = second.check().unwrap_err().to_string();
        assert!(told.contains("a.march.json") && told.contains("fails its own test \"the alert of March\""), "{told}");
    }

    #[test]
    fn whose_signatures_count_stands_beside_the_guards_and_is_checked_and_taken_over_with_them() {
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk8SPzyQsQHQm2xg2IXLn6xfHxJ7rdFYWCS1Rsd6VXf";
        let guards = "approvals: {allowed_signers: people}\n";
        let (folder, files) = folder(&[("a.yaml", RULE), ("g.yml_", guards)]);
        let told = files.read().check().unwrap_err().to_string();
        assert!(told.contains("people") && told.contains("approvals.allowed_signers names it"), "{told}");
        std::fs::write(folder.path().join("people"), format!("ann@example.com {KEY}\n")).unwrap();
        let first = files.read();
        assert!(!first.check().unwrap().signers.is_empty());
        std::fs::write(folder.path().join("people"), "ann@example.com ssh-dss AAAA\n").unwrap();
        let second = files.read();
        assert_ne!(second.fingerprint(), first.fingerprint());
        assert!(second.check().is_err(), "a file with a mistake is refused, and the old one stays in force");
    }

    #[test]
    fn a_folder_without_rules_and_a_file_that_is_not_there_are_mistakes() {
        let (folder, mut files) = folder(&[]);
        assert!(files.read().check().unwrap_err().to_string().contains("no *.yaml rule file"));
        files.rules = vec![folder.path().join("none.yaml")];
        assert!(files.read().check().unwrap_err().to_string().contains("cannot be read"));
    }
}
