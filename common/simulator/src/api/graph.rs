//! Graph's `POST /v1.0/users/{id}/sendMail` in its MIME form: `text/plain` with the message in base64, 202 when taken.
//!
//! The JSON form is answered with 400; Cordon sends MIME.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Request, graph_refusal};
use crate::answer::Answer;
use crate::mail::{Mail, MailSource, recipients};
use crate::state::State;

/// Takes a mail.
pub(crate) fn send_mail(request: &Request<'_>, state: &mut State, sender: &str) -> Answer {
    let text: Vec<u8> = request.call.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let plain = request.call.content_type.to_ascii_lowercase().starts_with("text/plain");
    let Some(raw) = STANDARD.decode(&text).ok().filter(|raw| plain && !raw.is_empty()) else {
        let what = ("ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.");
        return graph_refusal(state, 400, what, request.now);
    };
    let to = recipients(&raw);
    if to.is_empty() {
        let what = ("ErrorInvalidRecipients", "At least one recipient is not valid.");
        return graph_refusal(state, 400, what, request.now);
    }
    let mail = Mail { at: request.now, source: MailSource::Graph, from: sender.to_owned(), to, raw };
    state.mails.push(mail);
    Answer::empty(202)
}
