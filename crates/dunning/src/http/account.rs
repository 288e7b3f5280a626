//! Account pages: every lane is asked, and at most one knows.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use dunning_engine::{Answer, Ask, Known};
use dunning_rules::Policy;
use dunning_wire::api::{AccountView, ExplainView};
use dunning_wire::state::StoredRow;
use serde::Serialize;

use super::{Pages, accepts};

/// Lanes answer between two transactions: within milliseconds, or after a commit that the broker holds up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a page says beside the account itself.
#[derive(Debug, Serialize)]
struct Page<T> {
    /// The partition that the account is in.
    shard: u32,
    /// The instant that the shard has reached.
    clock: String,
    /// True where a record of the shard could not be read at all: no bar there.
    shard_stale: bool,
    #[serde(flatten)]
    view: T,
}

/// What the lanes say together.
#[derive(Debug)]
enum Found {
    Known(Box<Known>),
    NotHere,
    Restoring,
    /// A lane that may have it did not answer.
    Busy,
}

pub(super) async fn show(State(pages): State<Arc<Pages>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(pages, id, &headers, |known, policy| account_view(known, policy).0).await
}

pub(super) async fn explain(State(pages): State<Arc<Pages>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(pages, id, &headers, |known, policy| {
        let (account, decisions) = account_view(known, policy);
        // What this program wrote and cannot read is left out; the others still explain.
        let decisions = decisions.iter().filter_map(|datum| dunning_wire::decision::decode(datum).ok());
        ExplainView::new(account, decisions)
    })
    .await
}

fn account_view(known: Known, policy: &Policy) -> (AccountView, Vec<Vec<u8>>) {
    let row = StoredRow { stale: known.stale, account: known.account };
    (AccountView::new(&row, Some(policy)), known.decisions)
}

async fn answer<T: Serialize + std::fmt::Display>(
    pages: Arc<Pages>,
    id: String,
    headers: &HeaderMap,
    view: impl FnOnce(Known, &Policy) -> T,
) -> Response {
    let asking = Arc::clone(&pages);
    // A lane answers through a channel that blocks.
    let found = tokio::task::spawn_blocking(move || ask(&asking, &id)).await.unwrap_or(Found::Busy);
    match found {
        Found::Known(known) => {
            let (shard, clock, shard_stale) = (known.partition, known.clock.to_string(), known.shard_stale);
            let view = view(*known, &pages.policy);
            if accepts(headers, "text/plain") {
                let stale = if shard_stale { "no bar in this shard: a record of it could not be read\n" } else { "" };
                return format!("{view}\nshard {shard}, at {clock}\n{stale}").into_response();
            }
            Json(Page { shard, clock, shard_stale, view }).into_response()
        }
        Found::NotHere => words(
            StatusCode::NOT_FOUND,
            "not_here",
            "this instance does not know the account: nothing was heard of it, or its shard runs on another instance",
        ),
        Found::Restoring => words(
            StatusCode::SERVICE_UNAVAILABLE,
            "restoring",
            "shards are being restored, and the account may be in one of them: ask again, and see /readyz",
        ),
        Found::Busy => words(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "a worker did not answer in time; it may wait for the broker: ask again, and see /readyz",
        ),
    }
}

fn words(status: StatusCode, word: &str, text: &str) -> Response {
    (status, Json(serde_json::json!({ "error": word, "text": text }))).into_response()
}

/// Asks all lanes at once and takes the first account that comes back.
fn ask(pages: &Pages, id: &str) -> Found {
    let (reply, answers) = sync_channel(pages.lanes.len());
    let asked = pages
        .lanes
        .iter()
        .filter(|lane| lane.send(Ask { account: id.to_owned(), reply: reply.clone() }).is_ok())
        .count();
    drop(reply);
    let until = Instant::now() + PATIENCE;
    let (mut heard, mut restoring) = (0, false);
    loop {
        match answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Answer::Account(known)) => return Found::Known(known),
            Ok(Answer::Restoring) => restoring = true,
            Ok(Answer::NotHere) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        heard += 1;
    }
    match (restoring, heard == asked && asked == pages.lanes.len()) {
        (true, _) => Found::Restoring,
        (false, true) => Found::NotHere,
        (false, false) => Found::Busy,
    }
}
