//! Asking once more, by name: a key is easily pasted from the wrong mail.

use std::io::{BufRead, Write};

/// Whether what is typed is the name.
pub fn confirmed(name: &str, answers: &mut impl BufRead, questions: &mut impl Write) -> std::io::Result<bool> {
    write!(questions, "Type the machine's name ({name}) to approve: ")?;
    questions.flush()?;
    let mut typed = String::new();
    answers.read_line(&mut typed)?;
    Ok(typed.trim() == name)
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
            assert_eq!(confirmed("PC-1", &mut typed.as_bytes(), &mut asked).unwrap(), good, "{typed:?}");
            assert!(String::from_utf8(asked).unwrap().contains("PC-1"));
        }
    }
}
