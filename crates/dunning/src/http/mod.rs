//! Metrics, health and account pages, over the lanes of a process, whatever bus they read.

mod account;
pub mod health;
pub mod metrics;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dunning_engine::{Ask, Meters};
use dunning_rules::Policy;

use health::{Health, Reason};

/// What the pages show.
#[derive(Debug)]
pub struct Pages {
    /// What the lanes count.
    pub meters: Arc<Meters>,
    /// Whether they live and are ready.
    pub health: Arc<Health>,
    /// Where each lane takes questions.
    pub lanes: Vec<Sender<Ask>>,
    /// The policy of the file, for the names of its steps.
    pub policy: Arc<Policy>,
}

/// Takes the port.
///
/// # Errors
/// The system's: another process has it, or the address is not this machine's.
pub fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers until the runtime ends.
///
/// # Errors
/// The system's.
pub async fn serve(listener: TcpListener, pages: Arc<Pages>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router(pages)).await
}

fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/accounts/{id}", get(account::show))
        .route("/accounts/{id}/explain", get(account::explain))
        .fallback(async || (StatusCode::NOT_FOUND, "there is no such page; / lists all\n"))
        .with_state(pages)
}

async fn index() -> &'static str {
    "dunning\n\n\
     /metrics                what is counted, for Prometheus\n\
     /livez                  200 while the process works\n\
     /readyz                 200 once every shard runs; else 503 and why\n\
     /accounts/ID            where an account stands\n\
     /accounts/ID/explain    and why: its last decisions\n\n\
     Accounts come as JSON; as text with the header `Accept: text/plain`.\n"
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&pages.meters)).into_response()
}

async fn livez(State(pages): State<Arc<Pages>>, headers: HeaderMap) -> Response {
    state(&headers, "alive", &pages.health.dead())
}

async fn readyz(State(pages): State<Arc<Pages>>, headers: HeaderMap) -> Response {
    state(&headers, "ready", &pages.health.unready(&pages.meters))
}

/// 200 where nothing stands against it, else 503 and the reasons: text, or JSON where that is asked for.
fn state(headers: &HeaderMap, word: &str, against: &[Reason]) -> Response {
    let status = if against.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if accepts(headers, "application/json") {
        let body = serde_json::json!({ word: against.is_empty(), "reasons": against });
        return (status, axum::Json(body)).into_response();
    }
    let body = match against {
        [] => format!("{word}\n"),
        reasons => reasons.iter().map(|r| format!("{}: {}\n", r.word, r.text)).collect(),
    };
    (status, body).into_response()
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(kind))
}
