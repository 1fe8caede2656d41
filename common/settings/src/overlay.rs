//! The environment over the file: `CORDON_INGEST__POLL_INTERVAL=5s` sets `ingest.poll_interval`.

use std::sync::Arc;

use crate::document::Document;
use crate::node::{self, Entry, Kind, Node, Source, Spot};

impl Document {
    /// Lays variables over the file; they win. A variable counts when it starts with `prefix` and names a section:
    /// `CORDON_NOTIFY__SMTP__URL` is `notify.smtp.url`, two underscores part the names, letters become small. Its value
    /// is read as YAML (`[a, b]` is a list). A variable without `__` or without a value is ignored. Mistakes are
    /// reported by the [`crate::Reader`].
    pub fn overlay(&mut self, prefix: &str, vars: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in vars {
            let Some(path) = name.strip_prefix(prefix).filter(|rest| rest.contains("__")) else { continue };
            if value.trim().is_empty() {
                continue;
            }
            let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            self.lay(format!("environment variable {name}"), &path, value);
        }
    }

    /// Lays one value, read as YAML, over the file at a path such as `caps.all_rules.1h`. `origin` is its name in messages.
    /// Mistakes are reported by the [`crate::Reader`].
    pub fn set(&mut self, origin: &str, path: &str, value: &str) {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        self.lay(origin.to_owned(), &path, value.to_owned());
    }

    fn lay(&mut self, name: String, path: &[String], value: String) {
        let source = Arc::new(Source { name, text: value });
        let start = Spot::start_of(&source);
        if path.iter().any(String::is_empty) {
            self.problems.push(start.problem("", "the name has an empty part; write CORDON_SECTION__KEY"));
            return;
        }
        match node::parse(&source, &mut self.problems) {
            Ok(value) => {
                if !set(&mut self.root, path, &start, value) {
                    self.problems.push(start.problem(&path.join("."), "lies inside a value that is not a section"));
                }
            }
            Err(mut problem) => {
                problem.help.get_or_insert_with(|| "put the value in quotes if it is a text".to_owned());
                self.problems.push(*problem);
            }
        }
    }
}

/// Puts a value at a path, making sections on the way; false when something that is no section is in the way.
fn set(node: &mut Arc<Node>, path: &[String], spot: &Spot, value: Arc<Node>) -> bool {
    let Some((key, rest)) = path.split_first() else {
        *node = value;
        return true;
    };
    let node = Arc::make_mut(node);
    if let Kind::Null = node.kind {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else { return false };
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
        return set(&mut entry.value, rest, spot, value);
    }
    let mut fresh = Arc::new(node::empty(spot.clone()));
    let done = set(&mut fresh, rest, spot, value);
    entries.push(Entry { key: key.clone(), spot: spot.clone(), value: fresh });
    done
}
