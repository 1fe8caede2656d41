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
