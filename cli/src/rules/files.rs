//! Rule files, and the recorded tests beside them.
//!
//! A recorded test is named after its rule file: `isolate-high.march.json` beside `isolate-high.yaml`. In a folder, a
//! JSON file that is named after no rule file is no test; it is told, since a test that never runs protects nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cordon_policy::is_recorded_test_of;
use cordon_settings::{Problem, Problems, read_text};

/// File names and texts.
#[derive(Debug, Default)]
pub struct Sources {
    pub rules: Vec<(String, String)>,
    pub recorded: Vec<(String, String)>,
    /// JSON files that are named after no rule file.
    pub strays: Vec<Problem>,
}

impl Sources {
    /// Reads what the paths name, each file once, in the order of their names.
    ///
    /// # Errors
    /// Every file and folder that cannot be read, and folders without a rule file.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let (mut rules, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for path in paths {
            match rule_files(path) {
                Ok(found) if path.is_dir() => {
                    folders.insert(path.clone());
                    rules.extend(found);
                }
                Ok(found) => rules.extend(found),
                Err(problem) => problems.0.push(*problem),
            }
        }
        let beside: BTreeSet<PathBuf> = rules.iter().filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
        let json =
            beside.iter().filter_map(|folder| entries(folder).ok()).flatten().filter(|path| has(path, &["json"]));
        let (recorded, others): (Vec<PathBuf>, Vec<PathBuf>) = json.partition(|path| belongs(path, &rules));
        let strays = others.into_iter().filter(|path| path.parent().is_some_and(|folder| folders.contains(folder)));
        let mut sources = Self { strays: strays.map(|path| stray(&path)).collect(), ..Self::default() };
        sources.rules = texts(rules, &mut problems);
        sources.recorded = texts(recorded, &mut problems);
        problems.into_result()?;
        Ok(sources)
    }
}

fn rule_files(path: &Path) -> Result<Vec<PathBuf>, Box<Problem>> {
    let whole = |message: String| Box::new(Problem::whole(path.display().to_string(), message));
    if !path.is_dir() {
        return if has(path, &["json"]) {
            Err(whole("is no rule file; name the *.yaml file that it tests".to_owned()))
        } else {
            Ok(vec![path.to_path_buf()])
        };
    }
    let entries = entries(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
    let found: Vec<PathBuf> = entries.into_iter().filter(|path| has(path, &["yaml", "yml"])).collect();
    if found.is_empty() { Err(whole("the folder holds no *.yaml rule file".to_owned())) } else { Ok(found) }
}

fn entries(folder: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries: BTreeSet<PathBuf> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // `a.yaml` in the folder that we are in is `a.yaml`, however it was found.
    Ok(entries.into_iter().map(|path| path.strip_prefix("./").map(Path::to_path_buf).unwrap_or(path)).collect())
}

fn has(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
}

/// Whether a JSON file is named after a rule file beside it.
fn belongs(json: &Path, rules: &BTreeSet<PathBuf>) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = rules.iter().filter(|rule| rule.parent() == json.parent());
    beside.map(|rule| name(rule)).any(|rule| is_recorded_test_of(&name(json), &rule))
}

fn stray(path: &Path) -> Problem {
    let help = "name a recorded test after its rule file: isolate-high.march.json beside isolate-high.yaml";
    let message = "is named after no rule file beside it, so it is not run as a test";
    Problem { help: Some(help.to_owned()), ..Problem::whole(path.display().to_string(), message) }
}

fn texts(paths: impl IntoIterator<Item = PathBuf>, problems: &mut Problems) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for path in paths {
        let origin = path.display().to_string();
        match read_text(&path) {
            Ok(text) => texts.push((origin, text)),
            Err(error) => problems.0.push(Problem::whole(origin, format!("cannot be read: {error}"))),
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|name| std::fs::write(folder.path().join(name), *name).unwrap());
        folder
    }

    fn names(texts: &[(String, String)]) -> Vec<&str> {
        texts.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn a_folder_gives_its_rule_files_the_tests_named_after_them_and_tells_other_json() {
        let folder = folder(&["b.yml", "a.yaml", "a.x.json", "a.json", "ab.json", "a.x.y.json", "notes.txt"]);
        let sources = Sources::read(&[folder.path().to_path_buf()]).unwrap();
        assert_eq!(names(&sources.rules), ["a.yaml", "b.yml"]);
        assert_eq!(names(&sources.recorded), ["a.json", "a.x.json", "a.x.y.json"]);
        assert_eq!(sources.strays.len(), 1);
        assert!(sources.strays[0].origin.ends_with("ab.json"));
    }

    #[test]
    fn a_file_brings_its_own_tests_alone_and_is_read_once() {
        let folder = folder(&["a.yaml", "b.yaml", "a.x.json", "b.x.json"]);
        let sources = Sources::read(&[folder.path().join("a.yaml"), folder.path().join("a.yaml")]).unwrap();
        assert_eq!((names(&sources.rules), names(&sources.recorded)), (vec!["a.yaml"], vec!["a.x.json"]));
        assert!(sources.strays.is_empty(), "the folder was not asked for");
    }

    #[test]
    fn everything_that_cannot_be_read_is_told_at_once() {
        let folder = folder(&["a.x.json"]);
        let at = |name: &str| folder.path().join(name);
        let problems = Sources::read(&[folder.path().to_path_buf(), at("gone.yaml"), at("a.x.json")]).unwrap_err();
        let told = problems.to_string();
        for part in ["holds no *.yaml rule file", "gone.yaml", "is no rule file; name the *.yaml file"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
