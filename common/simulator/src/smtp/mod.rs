//! An SMTP sink: it accepts mail on loopback, keeps it, and plays scripted faults for each phase of a session.

pub(crate) mod fault;
mod session;

pub use fault::{SmtpFault, SmtpFaultKind, SmtpPhase};

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::state::Inner;

/// Serves sessions until the simulator stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let accepted = tokio::select! {
            () = inner.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            let stop = inner.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                ended = session::run(stream, inner) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "an SMTP session ended early");
                    }
                }
            }
        });
    }
}
