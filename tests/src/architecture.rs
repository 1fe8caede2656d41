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

/// The files of the stages by their names, without folder and ending.
fn files_of_the_stages(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<_> = ["ingest", "enrich", "act", "notify"].map(|stage| root.join(stage).join("src")).into();
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
fn the_files_that_an_isolation_passes_are_there_as_many_as_the_architecture_says_and_fewer_than_thirty() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, way) = text.split_once("An isolation without a fault passes ").unwrap();
    let (said, way) = way.split_once(" files of the stages").unwrap();
    let (way, _) = way.split_once("Not counted").unwrap();
    let named: BTreeSet<&str> = way.split('`').skip(1).step_by(2).collect();
    let files = files_of_the_stages(&root);
    let missing: Vec<_> = named.iter().filter(|name| !files.contains(**name)).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
    assert_eq!(said.parse(), Ok(named.len()), "{named:?}");
    assert!(named.len() < 30);
}
