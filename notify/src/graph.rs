//! Mail through Microsoft Graph's `sendMail`, for tenants without an SMTP server.
//!
//! One call sends to all readers, so all are settled alike, but for a mail that is refused: then each reader gets a call of
//! their own, so that an address that does not exist costs nobody else the mail. A full mailbox is Exchange's business
//! after the mail was taken: it tries again and tells the sender's mailbox. Graph takes 30 mails a minute from one mailbox (Microsoft's
//! page "Exchange Online limits"); beyond, it says when to come back.

use cordon_defender::{ApiError, Graph};
use cordon_records::{Classified, ErrorClass};
use lettre::Address;

use crate::error::DeliveryError;
use crate::render::Mail;
use crate::transport::{Handover, Transport};

/// The way out through Microsoft Graph.
#[derive(Clone)]
pub struct GraphMail {
    graph: Graph,
    sender: String,
}

impl GraphMail {
    /// A transport that sends from the mailbox of `sender`.
    #[must_use]
    pub fn new(graph: Graph, sender: String) -> Self {
        Self { graph, sender }
    }

    async fn send(&self, mail: &Mail, readers: &[Address]) -> Result<(), ApiError> {
        self.graph.send_mail(&self.sender, &mail.mime_for(readers)).await
    }
}

fn later(error: &ApiError) -> DeliveryError {
    DeliveryError { after: error.retry_after(), ..DeliveryError::later(error.to_string()) }
}

impl Transport for GraphMail {
    async fn deliver(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        let open = handover.open.clone();
        match self.send(mail, &open).await {
            Ok(()) => open.iter().for_each(|reader| handover.take(reader)),
            Err(error) if refuses_the_mail(&error) && open.len() == 1 => {
                open.iter().for_each(|reader| handover.refuse(reader, &error.to_string()));
            }
            // One of several may be the cause ("ErrorInvalidRecipients"); the answer does not say which.
            Err(error) if refuses_the_mail(&error) => {
                for reader in &open {
                    match self.send(mail, std::slice::from_ref(reader)).await {
                        Ok(()) => handover.take(reader),
                        Err(error) if refuses_the_mail(&error) => handover.refuse(reader, &error.to_string()),
                        // Graph has seen the mail: it may be this mail that fails.
                        Err(error) => return Err(DeliveryError { begun: true, ..later(&error) }),
                    }
                }
            }
            Err(error) => return Err(later(&error)),
        }
        Ok(())
    }

    /// Only the identity: whether it may send cannot be seen in a token, because Exchange can grant that too.
    async fn check(&self) -> Result<(), DeliveryError> {
        match self.graph.token_facts().await {
            Ok(_) => Ok(()),
            Err(error) => Err(DeliveryError::later(error.to_string())),
        }
    }

    fn label(&self) -> String {
        format!("Microsoft Graph, mailbox {}", self.sender)
    }
}

/// A mailbox that does not exist (404) is the set-up's fault, as a missing permission is: both can be fixed while
/// the mail waits. A lost answer may mean a mail that arrived; a second one has the same `Message-ID`.
fn refuses_the_mail(error: &ApiError) -> bool {
    match error.class() {
        ErrorClass::Poison => !error.is_not_found(),
        ErrorClass::Transient | ErrorClass::Ambiguous | ErrorClass::Fatal => false,
    }
}
