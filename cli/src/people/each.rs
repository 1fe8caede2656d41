//! What respond says to one command about many actions: the command counts or not, and each action has a report of its own.
//! Pure.

use cordon_records::ActionKey;
use cordon_runtime::kafka::Inbound;

use super::answer::{Asked, Heard};
use crate::escape;
use crate::exit::Exit;

/// A command about many, and what was heard of it.
#[derive(Debug)]
pub struct Each {
    command: Asked,
    actions: Vec<(Asked, String, Option<Heard>)>,
    counted: bool,
    read: bool,
    refused: Option<String>,
}

impl Each {
    /// Nothing was heard yet. Each action comes with what people call its machine.
    pub fn of(command: Asked, actions: Vec<(ActionKey, String)>) -> Self {
        let asked = |(key, label)| (Asked { key: Some(key), ..command.clone() }, label, None);
        let actions = actions.into_iter().map(asked).collect();
        Self { command, actions, counted: false, read: false, refused: None }
    }

    /// Takes a record; says whether everything was heard.
    pub fn hear(&mut self, record: &Inbound) -> bool {
        // Without a key only what is said to the command itself is heard.
        match self.command.hear(record) {
            Some(Heard::Refused(why)) => self.refused = Some(why),
            Some(Heard::Counted) => self.counted = true,
            Some(Heard::Read) => self.read = true,
            Some(Heard::Taken(_)) | None => {}
        }
        for (asked, _, heard) in &mut self.actions {
            if let Some(answer @ (Heard::Taken(_) | Heard::Refused(_))) = asked.hear(record) {
                *heard = Some(answer);
            }
        }
        self.refused.is_some() || self.actions.iter().all(|(_, _, heard)| heard.is_some())
    }

    /// Whether respond has read it, and it came to nothing.
    pub const fn is_over(&self) -> bool {
        self.read && !self.counted
    }

    /// What came of it, line by line, and the exit code.
    pub fn told(&self) -> (String, Exit) {
        if let Some(why) = &self.refused {
            return (format!("REFUSED: {}\n", escape::text(why)), Exit::Negative);
        }
        let (mut text, mut negative, mut open) = (String::new(), 0, 0);
        for (_, label, heard) in &self.actions {
            let label = escape::text(label);
            match heard {
                Some(Heard::Taken(report)) => text += &format!("{label}: {}\n", escape::text(report)),
                Some(Heard::Refused(why)) => {
                    negative += 1;
                    text += &format!("{label}: REFUSED: {}\n", escape::text(why));
                }
                Some(Heard::Counted | Heard::Read) | None => open += 1,
            }
        }
        let all = self.actions.len();
        if self.counted || open < all {
            text += &format!("taken: {} of {all} have a report so far, {negative} came to nothing\n", all - open);
            return (text, if negative > 0 { Exit::Negative } else { Exit::Ok });
        }
        if self.read {
            return ("respond has read it, and does nothing for it\n".to_owned(), Exit::Negative);
        }
        (String::new(), Exit::Unreachable)
    }
}
