//! Accounts as Windows writes them in a text, `DOMAIN\account`, told from folders and keys of the registry.

use super::Pseudonyms;
use super::host::is_file;
use super::token::Start;

/// A domain and an account are shorter.
const LONGEST: usize = 64;

/// So far before it a path may begin.
const LONGEST_PATH: usize = 260;

/// What stands before a backslash and is no domain of a company: accounts that every machine has, keys, folders.
const NO_DOMAIN: [&str; 29] = [
    "authority",
    "service",
    "builtin",
    "apppool",
    "manager",
    "host",
    "system",
    "hklm",
    "hkcu",
    "hkcr",
    "hku",
    "hkcc",
    "hkey_local_machine",
    "hkey_current_user",
    "hkey_classes_root",
    "hkey_users",
    "hkey_current_config",
    "software",
    "hardware",
    "security",
    "sam",
    "windows",
    "system32",
    "syswow64",
    "temp",
    "tmp",
    "appdata",
    "programdata",
    "users",
];

impl Pseudonyms {
    /// The account that begins here: how long it is, and what stands for it. `before` has small letters.
    pub fn domain_account(&self, before: &str, rest: &str) -> Option<(usize, String)> {
        if before.ends_with(['\\', '/', '$', '{']) || before.ends_with("env:") {
            return None;
        }
        let domain = word(rest)?;
        let after = rest.get(domain.len()..).filter(|after| after.starts_with('\\'))?;
        if Start::after(before, rest.chars().next()?) == Start::Inside {
            return None;
        }
        let account = after.strip_prefix("\\\\").or_else(|| after.strip_prefix('\\'))?;
        let slashes = after.get(..after.len() - account.len())?;
        let account = word(account)?.trim_end_matches(['.', '-']);
        let length = domain.len() + slashes.len() + account.len();
        let is_longer = rest.get(length..).is_some_and(|more| more.starts_with('\\'));
        let is_name = |text: &str| text.chars().any(char::is_alphanumeric);
        let is_domain = domain.chars().any(char::is_alphabetic) && !NO_DOMAIN.contains(&&*domain.to_lowercase());
        if is_longer || !is_domain || !is_name(account) || is_file(account) || is_in_path(before) {
            return None;
        }
        Some((length, format!("{}{slashes}{}", self.by_shape(domain), self.user(account))))
    }
}

/// The letters of a name that begin here, if they are not too many.
fn word(text: &str) -> Option<&str> {
    let within = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let end = text.char_indices().take(LONGEST + 1).find(|(_, c)| !within(*c)).map(|(at, _)| at);
    let is_rest = || text.chars().take(LONGEST + 1).count() <= LONGEST;
    let end = end.or_else(|| is_rest().then_some(text.len()))?;
    text.get(..end).filter(|word| !word.is_empty())
}

/// Whether a path goes on here, a folder of which has a blank in its name, as `C:\Program Files\…`.
fn is_in_path(before: &str) -> bool {
    if !before.ends_with(' ') {
        return false;
    }
    let ends = |c: char| matches!(c, '"' | '\'' | '<' | '>' | '|' | ';' | ',' | '=' | '\n');
    let begin = before.char_indices().rev().take(LONGEST_PATH).take_while(|(_, c)| !ends(*c)).last();
    let path = begin.and_then(|(at, _)| before.get(at..)).unwrap_or_default();
    let Some((folders, last)) = path.rsplit_once('\\') else { return false };
    let is_rooted = folders.contains(":\\") || folders.contains("%\\") || folders.ends_with([':', '%']);
    let is_deep = folders.rsplit_once('\\').is_some_and(|(_, folder)| !folder.is_empty() && !folder.contains(' '));
    // A program has begun, and what follows is its own.
    let mut parts = folders.split('\\').chain([last.trim_end()]);
    let is_command = parts.any(|part| part.contains('.') && part.contains(' '))
        || last.contains('.')
        || last.split(' ').any(|word| word.starts_with(['-', '/']));
    (is_rooted || is_deep) && !is_command
}
