//! One YAML document with the places of its parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ledger::join;
use crate::node::{self, Kind, Node, Source, Spot};
use crate::problem::{Place, Problem, Problems};

/// A parsed settings file. Mistakes that do not stop the parsing (a key given twice, a bad variable) wait here until a
/// [`crate::Reader`] reports them with all others.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) root: Arc<Node>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) folder: PathBuf,
}

impl Document {
    /// Parses one document. `origin` is the file's name in messages. An empty text is an empty document.
    ///
    /// # Errors
    /// The text is not YAML, holds several documents, nests too deeply, or is not a mapping.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Problems> {
        let source = Arc::new(Source { name: origin.to_owned(), text: text.to_owned() });
        let mut problems = Vec::new();
        let mut root = node::parse(&source, &mut problems).map_err(|problem| Problems::from(*problem))?;
        match &root.kind {
            Kind::Map(_) => {}
            Kind::Null => root = Arc::new(node::empty(Spot::start_of(&source))),
            Kind::Scalar { .. } | Kind::List(_) => {
                let message = format!("expected keys and values (`key: value`), found {}", root.described());
                return Err(root.spot.problem("", message).into());
            }
        }
        Ok(Self { root, problems, folder: PathBuf::new() })
    }

    /// Says which file this is: relative paths that it names, or that variables laid over it name, count from its folder.
    #[must_use]
    pub fn of_file(self, file: &Path) -> Self {
        Self { folder: file.parent().map(Path::to_path_buf).unwrap_or_default(), ..self }
    }

    /// Every place where a key of this name is `true`, in any section, with its path. For switches that weaken
    /// security and must be called out whoever reads them.
    #[must_use]
    pub fn switched_on(&self, key: &str) -> Vec<(String, Place)> {
        let mut found = Vec::new();
        search(&self.root, "", key, &mut found);
        found
    }
}

fn search(node: &Node, path: &str, key: &str, found: &mut Vec<(String, Place)>) {
    for entry in node.entries() {
        let path = join(path, &entry.key);
        if entry.key == key && matches!(&entry.value.kind, Kind::Scalar { text, .. } if text == "true") {
            found.push((path.clone(), entry.value.spot.place()));
        }
        search(&entry.value, &path, key, found);
    }
    if let Kind::List(items) = &node.kind {
        for (index, item) in items.iter().enumerate() {
            search(item, &format!("{path}[{index}]"), key, found);
        }
    }
}
