//! Mail through Graph. Source: Microsoft's page "user: sendMail" (MIME format: base64 as `text/plain`, answered
//! with 202). It needs the app role Mail.Send, best limited to the sending mailbox.

use base64::Engine as _;

use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::graph::Graph;
use crate::odata::{Query, percent_encode};
use crate::quota::Priority;
use crate::transport::{Call, Content};

impl Graph {
    /// Hands a whole MIME message to the sender's mailbox, given by its address or object id. Recipients are those
    /// in the message's headers.
    ///
    /// # Errors
    /// Fatal when the sender is no mailbox.
    /// Ambiguous when the answer was lost or is not 202: the mail may have gone out. Otherwise as for every
    /// call with an effect: Transient, Poison and Fatal mean that it did not.
    pub async fn send_mail(&self, sender: &str, mime: &[u8]) -> Result<(), ApiError> {
        let endpoint = Endpoint::SendMail;
        if sender.is_empty() || sender.contains(['/', '\\']) || sender.chars().all(|c| c == '.') {
            return Err(ApiError::setup("the mail's sender", "is not a mailbox; give an address or an object id"));
        }
        let path = format!("/v1.0/users/{}/sendMail", percent_encode(sender));
        let call = Call {
            endpoint,
            url: self.transport.base.join(&path, &Query::new()),
            content: Content::Text(base64::engine::general_purpose::STANDARD.encode(mime).into_bytes()),
            priority: Priority::Ordinary,
            permitted: None,
        };
        let answer = self.transport.act(&call).await?;
        if answer.status == 202 {
            return Ok(());
        }
        Err(ApiError::Lost { endpoint: endpoint.name(), why: format!("HTTP {} came instead of 202", answer.status) })
    }
}
