//! Names that no machine and no user has.

use cordon_records::known;

use super::{Warning, warning};
use crate::guards::Guards;
use crate::guards::alert::bare;

/// Patterns over machines' names and entries of users that can never fit.
pub fn about(guards: &Guards) -> Vec<Warning> {
    let mut warnings = patterns("never.names", &guards.never.names);
    for (index, item) in guards.maintenance.iter().enumerate() {
        warnings.extend(patterns(&format!("maintenance[{index}].names"), &item.names));
    }
    warnings.extend(guards.hold.users.iter().filter_map(|user| Some(warning("hold.users", odd_user(user)?))));
    warnings
}

fn patterns(path: &str, patterns: &[String]) -> Vec<Warning> {
    let odd = |c: &char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '*' | '?'));
    let told = patterns.iter().filter_map(|pattern| {
        let text = match pattern.chars().find(odd)? {
            '[' | ']' | '{' | '}' => "brackets stand for themselves; only * and ? stand for others".to_owned(),
            c => format!("no machine's name holds {c:?}"),
        };
        Some(warning(path, format!("{pattern} can never fit: {text}")))
    });
    told.collect()
}

/// Users are told by their user principal name or their account's name, with or without its Windows domain; what is none of
/// these is never met.
fn odd_user(user: &str) -> Option<String> {
    let is_account = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '$'))
    };
    if user.contains(['*', '?']) {
        return Some(format!("{user} can never fit: * and ? stand for themselves here; name each user"));
    }
    let name = known(user).map_or("", bare);
    let account = name.split('@').next().unwrap_or(name);
    let fits = if name.contains('@') { known(account).is_some() } else { is_account(account) };
    if fits {
        return None;
    }
    Some(format!(
        "{user} can never fit: it is neither a user principal name (eve@corp.example) nor an account name (eve, CORP\\eve)"
    ))
}
