//! Asking once more, by name: a key is easily pasted from the wrong mail.

use std::io::{BufRead, Write};

/// Whether what is typed is what the question asks for, as `is_wanted` says: the machine's name, or the number of machines.
pub fn confirmed(
    (question, is_wanted): (&str, impl Fn(&str) -> bool),
    answers: &mut impl BufRead,
    questions: &mut impl Write,
) -> std::io::Result<bool> {
    write!(questions, "{question}: ")?;
    questions.flush()?;
    let mut typed = String::new();
    answers.read_line(&mut typed)?;
    let typed = typed.trim();
    Ok(!typed.is_empty() && is_wanted(typed))
}

#[cfg(test)]
mod tests {
    use super::super::ledger::is_called;
    use super::*;

    #[test]
    fn the_name_confirms_with_and_without_its_domain_in_any_case_as_mails_write_it_and_nothing_else_does() {
        for (typed, good) in [
            ("pc-1.corp.example\n", true),
            ("PC-1", true),
            ("pc-1\n", true),
            ("pc-1.corp\n", false),
            ("pc-\n", false),
            ("y\n", false),
            ("\n", false),
            ("", false),
        ] {
            let mut asked = Vec::new();
            let is_wanted = |typed: &str| is_called("pc-1.corp.example", typed);
            let question = ("the name (PC-1)", is_wanted);
            assert_eq!(confirmed(question, &mut typed.as_bytes(), &mut asked).unwrap(), good, "{typed:?}");
            assert!(String::from_utf8(asked).unwrap().contains("PC-1"));
        }
    }
}
