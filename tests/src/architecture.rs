//! ARCHITECTURE.md names files; a reader who follows a name must find one.

use std::collections::BTreeSet;
use std::path::Path;

/// What stands between backticks and is a path.
fn paths(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).filter(|name| name.contains('/') && !name.contains(' ')).collect()
}

#[test]
fn every_path_that_the_architecture_names_is_there_and_the_page_stays_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    // What follows a fence would be taken for code, and code for what follows.
    let text: String = text.split("```").step_by(2).collect();
    let named = paths(&text);
    assert!(named.len() > 50, "only {} paths were found: {named:?}", named.len());
    let missing: Vec<_> = named.iter().filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
    assert!(text.lines().count() <= 200);
}

/// The files of a stage by their names, without folder and ending.
fn files_of(stage: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![stage.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(name) = path.file_stem() {
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    names
}

#[test]
fn the_files_that_the_architecture_counts_are_there_each_in_its_stage_as_many_as_it_says_and_fewer_than_thirty() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, way) = text.split_once("An isolation without a fault passes ").unwrap();
    let (said, way) = way.split_once(" files of the stages").unwrap();
    let (way, _) = way.split_once("Not counted").unwrap();
    let mut count = 0;
    let mut rest = way;
    for (stage, next) in [("ingest", "in enrich"), ("enrich", "in act"), ("act", "in notify"), ("notify", "\0")] {
        let (here, behind) = rest.split_once(next).unwrap_or((rest, ""));
        let named: Vec<&str> = here.split('`').skip(1).step_by(2).collect();
        let files = files_of(&root.join(stage));
        let missing: Vec<_> = named.iter().filter(|name| !files.contains(**name)).collect();
        assert!(!named.is_empty() && missing.is_empty(), "not in {stage}: {missing:?}");
        assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "one twice: {named:?}");
        count += named.len();
        rest = behind;
    }
    assert_eq!(said.parse(), Ok(count));
    assert!(count < 30);
}
