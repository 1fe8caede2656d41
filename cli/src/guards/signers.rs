//! The people whose signatures count: the file that the guards name as `approvals.allowed_signers`.

use std::path::Path;

use cordon_policy::Guards;
use cordon_settings::{Problem, Problems, read_text};
use cordon_signing::AllowedSigners;

/// The file that these guards name, checked; a relative path counts from the folder of the guards file. `None` when they
/// name none.
///
/// # Errors
/// The file cannot be read, or every mistake in it.
pub fn read(guards_file: &Path, guards: &Guards) -> Result<Option<AllowedSigners>, Problems> {
    let Some(named) = guards.approvals().allowed_signers.as_deref() else { return Ok(None) };
    let path = guards_file.parent().unwrap_or(Path::new("")).join(named);
    let origin = path.display().to_string();
    match read_text(&path) {
        Ok(text) => AllowedSigners::parse(&origin, &text).map(Some),
        Err(error) => {
            let help = "approvals.allowed_signers names it: put one line for each person's key there";
            let problem = Problem::whole(origin, format!("the file of allowed signers cannot be read: {error}"));
            Err(Problem { help: Some(help.to_owned()), ..problem }.into())
        }
    }
}

/// Whose keys there are, in words.
pub fn meaning(signers: &AllowedSigners) -> String {
    let counted = |number: usize, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    let (keys, people) = (signers.keys(), signers.people());
    if keys == 0 {
        return "nobody: the file holds no key".to_owned();
    }
    format!("{} of {}", counted(keys, "key", "keys"), counted(people, "person", "people"))
}
