//! Scripted faults of the SMTP sink.

use std::time::Duration;

/// Where in a session a fault plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpPhase {
    /// Before the greeting.
    Connect,
    /// EHLO or HELO.
    Hello,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// The DATA command.
    Data,
    /// After the final dot, before the mail is kept: a reply here means that it was not taken.
    Message,
    /// After the mail was kept, before the 250: a cut here is the lost answer.
    Accepted,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFaultKind {
    /// This reply instead of the good one (`421 4.3.2 try later`). 421 closes the session.
    Reply(String),
    /// Silence for this long, then the connection closes.
    Hang(Duration),
    /// The connection closes at once.
    Drop,
}

/// One scripted fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpFault {
    /// Where it plays.
    pub phase: SmtpPhase,
    /// A part of the command line it fits (one recipient's address, say); empty fits every one.
    pub contains: String,
    /// How many times it still plays.
    pub times: u32,
    /// What happens.
    pub what: SmtpFaultKind,
}

impl SmtpFault {
    /// A fault that plays once for whatever command.
    #[must_use]
    pub fn at(phase: SmtpPhase, what: SmtpFaultKind) -> Self {
        Self { phase, contains: String::new(), times: 1, what }
    }

    /// The same fault, this many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault, only for command lines that contain this.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        text.clone_into(&mut self.contains);
        self
    }
}

/// The script of the sink.
#[derive(Debug, Default)]
pub(crate) struct SmtpScript {
    faults: Vec<SmtpFault>,
}

impl SmtpScript {
    pub(crate) fn add(&mut self, fault: SmtpFault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn take(&mut self, phase: SmtpPhase, line: &str) -> Option<SmtpFaultKind> {
        let fits = |fault: &&mut SmtpFault| fault.times > 0 && fault.phase == phase && line.contains(&fault.contains);
        let fault = self.faults.iter_mut().find(fits)?;
        fault.times -= 1;
        Some(fault.what.clone())
    }
}
