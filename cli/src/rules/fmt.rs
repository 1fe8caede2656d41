//! `cordon rules fmt`.

use std::io::Write as _;
use std::path::Path;

use cordon_policy::format;
use cordon_settings::{Problem, Problems};

use super::args::FmtArgs;
use super::files::Sources;
use crate::exit::Exit;
use crate::output;

/// Formats every file; one that cannot be formatted stops no other.
pub fn run(args: &FmtArgs) -> anyhow::Result<Exit> {
    let sources = Sources::read(&args.paths)?;
    let (mut is_sound, mut changed) = (true, 0);
    for (file, text) in &sources.rules {
        match format(file, text) {
            Ok(formatted) if formatted == *text => {}
            Ok(formatted) => {
                changed += 1;
                output::put(&format!("{} {file}\n", if args.check { "would change" } else { "changed" }))?;
                if !args.check {
                    replace(Path::new(file), &formatted)?;
                }
            }
            Err(error) => {
                is_sound = false;
                eprintln!("{error}\n");
            }
        }
    }
    Ok(if is_sound && !(args.check && changed > 0) { Exit::Ok } else { Exit::Negative })
}

/// Puts the new text in the file's place in one step, so that a stage that reloads never reads half a file. What the
/// path is a link to is replaced, not the link.
fn replace(file: &Path, text: &str) -> Result<(), Problems> {
    let write = || -> std::io::Result<()> {
        let target = std::fs::canonicalize(file)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(std::fs::metadata(&target)?.permissions())?;
        new.persist(&target)?;
        Ok(())
    };
    write().map_err(|error| {
        Problem::whole(file.display().to_string(), format!("cannot be written: {error}; it is left as it is")).into()
    })
}
