//! The listener for probes and Prometheus: `/metrics`, `/livez`, `/readyz`, `/version`. It reads only; nothing can be
//! done to a stage through it.

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::TelemetryError;
use super::health::Health;

/// Content type of the Prometheus text format (its "Exposition formats" page).
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Served {
    registry: Registry,
    healths: Vec<Health>,
}

/// Listens and serves in the background until `shutdown`. Returns the address, which tells the port when 0 was asked
/// for.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(
    listen: SocketAddr,
    registry: Registry,
    healths: Vec<Health>,
    shutdown: CancellationToken,
) -> Result<SocketAddr, TelemetryError> {
    let failed = |source| TelemetryError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async |State(served): State<Served>| probe(&served, Health::stuck)))
        .route("/readyz", get(async |State(served): State<Served>| probe(&served, Health::missing)))
        .route("/version", get(async || Json(serde_json::json!({"version": env!("CARGO_PKG_VERSION")}))))
        .with_state(Served { registry, healths });
    tokio::spawn(async move {
        let stopped = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "the metrics listener stopped");
        }
    });
    tracing::info!(%bound, "metrics and health are served");
    Ok(bound)
}

async fn metrics(State(served): State<Served>) -> Response {
    match TextEncoder::new().encode_to_string(&served.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// 200 `ok`, or 503 with one complaint a line.
fn probe(served: &Served, complaints: impl Fn(&Health) -> Vec<String>) -> Response {
    let all: Vec<String> = served.healths.iter().flat_map(complaints).collect();
    if all.is_empty() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", all.join("\n"))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::StageMetrics;
    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_is_503_with_the_reasons_of_all_stages_until_all_are_ready() {
        let registry = Registry::new();
        StageMetrics::register(&registry, "enrich").unwrap().received();
        let (one, two) = (Health::new("ingest"), Health::new("enrich"));
        one.set_ready("kafka", false, "broker unreachable");
        two.set_ready("kafka", false, "topics missing");
        let shutdown = CancellationToken::new();
        let listen = "127.0.0.1:0".parse().unwrap();
        let at = serve(listen, registry, vec![one.clone(), two.clone()], shutdown.clone()).await.unwrap();

        let answer = get(at, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.ends_with("ingest/kafka: broker unreachable\nenrich/kafka: topics missing\n"), "{answer}");
        assert!(get(at, "/livez").await.starts_with("HTTP/1.1 200"));

        one.set_ready("kafka", true, "");
        assert!(get(at, "/readyz").await.starts_with("HTTP/1.1 503"));
        two.set_ready("kafka", true, "");
        assert!(get(at, "/readyz").await.starts_with("HTTP/1.1 200"));

        let answer = get(at, "/metrics").await;
        assert!(answer.contains("version=0.0.4"), "{answer}");
        assert!(answer.contains("cordon_records_received_total{stage=\"enrich\"} 1"), "{answer}");
        assert!(get(at, "/version").await.contains(env!("CARGO_PKG_VERSION")));
        shutdown.cancel();
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named_in_the_error() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = taken.local_addr().unwrap();
        let error = serve(listen, Registry::new(), vec![], CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(&listen.to_string()), "{error}");
    }
}
