//! A connection that has served a mail and may serve the next: where mails come one after the other they share the greeting,
//! TLS and the login, each of which takes a server longer than the mail. It says goodbye when no mail comes for a moment.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::{sleep, timeout};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::FAREWELL;

/// How long a connection waits for the next mail. Servers close idle ones after minutes, and grant few at a time.
const IDLE: Duration = Duration::from_secs(2);
/// Mails on one connection at most: some servers take no more, and a rotated password is to be used.
const MAILS: u32 = 20;

/// An open connection, with how many mails it has served.
pub(super) struct Served {
    pub connection: AsyncSmtpConnection,
    pub mails: u32,
}

impl Served {
    /// A new connection.
    pub const fn none(connection: AsyncSmtpConnection) -> Self {
        Self { connection, mails: 0 }
    }

    /// Says goodbye. Nothing depends on how that goes.
    pub async fn leave(mut self) {
        let _ = timeout(FAREWELL, self.connection.quit()).await;
    }
}

/// Where the one connection waits that nobody uses just now.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    served: Option<Served>,
    /// How often one was put here: it tells whether the one that waits is still the same.
    turn: u64,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Kept {
    /// The connection that waits, if one does.
    pub fn take(&self) -> Option<Served> {
        self.with(|waiting| waiting.served.take())
    }

    /// Has this connection, which has served one mail more, wait for the next for a while.
    pub async fn put(&self, mut served: Served) {
        served.mails += 1;
        if served.mails >= MAILS {
            return served.leave().await;
        }
        let (before, turn) = self.with(|waiting| {
            waiting.turn += 1;
            (waiting.served.replace(served), waiting.turn)
        });
        let kept = self.clone();
        // Beside the log, as everything that is said to the server.
        tokio::spawn(async move { kept.leave_after(IDLE, turn).await }.with_subscriber(NoSubscriber::default()));
        if let Some(before) = before {
            before.leave().await;
        }
    }

    async fn leave_after(&self, time: Duration, turn: u64) {
        sleep(time).await;
        if let Some(served) = self.with(|waiting| waiting.served.take_if(|_| waiting.turn == turn)) {
            served.leave().await;
        }
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
