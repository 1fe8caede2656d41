//! A pipeline on a broker of its own, and a relay before that broker for whoever is told to come through it.

use crate::broker::{relayed_broker, settings, unique_prefix};
use crate::cluster::Cluster;
use crate::pipeline::{Pipeline, Setup};
use crate::relay::Relay;

/// `kafka.bootstrap_servers`, for those who come through the relay.
pub const BOOTSTRAP: &str = "CORDON_KAFKA__BOOTSTRAP_SERVERS";

/// Nothing runs yet. The test itself reads and writes beside the relay.
pub struct Site {
    /// Its stages.
    pub pipeline: Pipeline,
    /// The way to the broker.
    pub relay: Relay,
    /// The broker; it ends with this.
    pub cluster: Cluster,
}

impl Site {
    /// Topics, tenant and configuration, and no process yet; nothing where no broker can be had.
    pub async fn prepare(test: &str, setup: Setup) -> Option<Self> {
        let (cluster, relay) = relayed_broker()?;
        let kafka = settings(cluster.bootstrap(), &unique_prefix(test));
        Some(Self { pipeline: Pipeline::prepare_on(kafka, setup).await, relay, cluster })
    }

    /// Starts every stage, each behind the relay.
    pub async fn launch(&mut self) {
        self.pipeline.environment.push((BOOTSTRAP, self.relay.bootstrap()));
        self.pipeline.launch(1).await;
    }
}
