//! The port through which mails leave, and how far one mail has come with its readers.

use std::future::Future;

use lettre::Address;

use crate::error::DeliveryError;
use crate::render::Mail;

/// A way out for mails.
pub trait Transport: Send + Sync + 'static {
    /// Hands the mail to the readers that are still open, and settles each in `handover`. A reader whose mail the server
    /// does not take just now is put off, which is no error: the way out is open.
    ///
    /// # Errors
    /// [`DeliveryError`] when the way out failed before each reader had its answer. What was settled stays settled, so
    /// the next call serves only the rest.
    fn deliver(&self, mail: &Mail, handover: &mut Handover) -> impl Future<Output = Result<(), DeliveryError>> + Send;

    /// Sees whether the way is open, without sending anything.
    ///
    /// # Errors
    /// What stands in the way.
    fn check(&self) -> impl Future<Output = Result<(), DeliveryError>> + Send;

    /// What to call it in logs, without secrets.
    fn label(&self) -> String;
}

/// How far one mail has come with its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Readers without an answer.
    pub open: Vec<Address>,
    /// Number of readers whose mail was taken.
    pub taken: usize,
    /// Readers that were refused for good, with the answer.
    pub refused: Vec<(Address, String)>,
    /// Readers whose mail is not taken just now (a full mailbox, greylisting), with the answer.
    pub put_off: Vec<(Address, String)>,
}

impl Handover {
    /// Nobody has it yet.
    #[must_use]
    pub fn new(mail: &Mail) -> Self {
        Self::to(mail.to.clone())
    }

    /// Only these readers are still to have it.
    #[must_use]
    pub fn to(open: Vec<Address>) -> Self {
        Self { open, taken: 0, refused: Vec::new(), put_off: Vec::new() }
    }

    /// The reader's mail was taken.
    pub fn take(&mut self, reader: &Address) {
        self.open.retain(|open| open != reader);
        self.taken += 1;
    }

    /// The reader, or the mail for this reader, was refused for good.
    pub fn refuse(&mut self, reader: &Address, why: &str) {
        self.open.retain(|open| open != reader);
        self.refused.push((reader.clone(), why.to_owned()));
    }

    /// The reader's mail is not taken just now.
    pub fn put_off(&mut self, reader: &Address, why: &str) {
        self.open.retain(|open| open != reader);
        self.put_off.push((reader.clone(), why.to_owned()));
    }

    /// Whoever has no answer is put off.
    pub fn put_off_the_rest(&mut self, why: &str) {
        self.put_off.extend(self.open.drain(..).map(|reader| (reader, why.to_owned())));
    }

    /// All refusals in one line.
    #[must_use]
    pub fn refusals(&self) -> String {
        in_one_line(&self.refused)
    }
}

/// Readers, each with what was said, in one line.
#[must_use]
pub fn in_one_line(answers: &[(Address, String)]) -> String {
    answers.iter().map(|(reader, why)| format!("{reader}: {why}")).collect::<Vec<_>>().join("; ")
}
