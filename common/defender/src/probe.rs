//! Questions that only `cordon check` asks.

use jiff::SignedDuration;
use tokio::time::Instant;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::{Failure, exchange};
use crate::odata::Query;

/// Without a token the answer is a 401 with a short body.
const MAX_BYTES: u64 = 64 * 1024;

impl Defender {
    /// How far the API's clock is ahead of ours, to about a second; nothing when its answer has no date. It is
    /// asked without a token, so it needs no permission and costs no quota, and any answer will do.
    ///
    /// # Errors
    /// Transient when the API cannot be reached.
    pub async fn server_clock_ahead(&self) -> Result<Option<SignedDuration>, ApiError> {
        let endpoint = Endpoint::AlertList.name();
        let url = self.transport.base.join("/api/alerts", &Query::new().option("$top", "1"));
        let sent = self.transport.ports.clock.now();
        let deadline = Instant::now() + self.transport.ports.timeouts.read;
        let answer = match exchange(self.transport.anonymous(url), MAX_BYTES, deadline).await {
            Ok(answer) => answer,
            Err(Failure::Connect(why)) => return Err(ApiError::Unreachable { endpoint, why }),
            Err(Failure::Broken(why) | Failure::Body { why, .. }) => {
                return Err(ApiError::Interrupted { endpoint, why });
            }
            Err(Failure::TooLarge { .. }) => return Ok(None),
        };
        let half_way = self.transport.ports.clock.now().duration_since(sent) / 2;
        Ok(answer.date.map(|date| date.duration_since(sent) - half_way))
    }
}
