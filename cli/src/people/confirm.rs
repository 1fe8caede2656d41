//! Asking once more, by name: a key is easily pasted from the wrong mail.

use std::io::{BufRead, Write};

/// Whether what is typed is what the question asks for: the machine's name, or the number of machines.
pub fn confirmed(
    (question, wanted): (&str, &str),
    answers: &mut impl BufRead,
    questions: &mut impl Write,
) -> std::io::Result<bool> {
    write!(questions, "{question}: ")?;
    questions.flush()?;
    let mut typed = String::new();
    answers.read_line(&mut typed)?;
    Ok(typed.trim() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_confirms() {
        for (typed, good) in
            [("PC-1\n", true), ("PC-1", true), ("pc-1\n", false), ("y\n", false), ("\n", false), ("", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(
                confirmed(("the name (PC-1)", "PC-1"), &mut typed.as_bytes(), &mut asked).unwrap(),
                good,
                "{typed:?}"
            );
            assert!(String::from_utf8(asked).unwrap().contains("PC-1"));
        }
    }
}
