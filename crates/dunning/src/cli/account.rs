//! `dunning account show` and `dunning explain`: a running instance is asked.

use std::time::Duration;

use super::args::{Account, AccountCommand, Lookup};
use crate::config;
use crate::exit::{Exit, Failure};

/// Where an instance listens unless it is told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// An instance answers within five seconds or says that it cannot.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Account) -> Result<Exit, Failure> {
    match &args.command {
        AccountCommand::Show(lookup) => ask(lookup, ""),
        AccountCommand::Export(export) => super::export::run(export),
    }
}

pub(super) fn explain(lookup: &Lookup) -> Result<Exit, Failure> {
    ask(lookup, "/explain")
}

fn ask(lookup: &Lookup, page: &str) -> Result<Exit, Failure> {
    let base = address(lookup);
    let url = format!("{base}/accounts/{}{page}", escaped(&lookup.id));
    let (status, body) = fetch(&url, if lookup.json { "application/json" } else { "text/plain" }).map_err(|e| {
        let text = format!("the instance at {base} does not answer; is it running? name it with --url");
        Failure::because(Exit::Unreachable, text, e)
    })?;
    if status == 200 {
        return super::print(&if lookup.json { indented(&body) } else { body });
    }
    let error: Option<serde_json::Value> = serde_json::from_str(&body).ok();
    let words = error.as_ref().and_then(|e| e.get("text")?.as_str());
    match (status, words) {
        (404, Some(words)) => Err(Failure::new(Exit::Findings, words)),
        (_, Some(words)) => Err(Failure::new(Exit::Unreachable, words)),
        _ => {
            let text = format!("{base} is no instance of dunning, or not of this version: it answered with {status}");
            Err(Failure::new(Exit::Unreachable, text))
        }
    }
}

/// `--url`, else what the configuration says, else the default.
fn address(lookup: &Lookup) -> String {
    if let Some(url) = &lookup.url {
        return url.trim_end_matches('/').to_owned();
    }
    match config::peek(lookup.config.as_deref(), super::config::variables(), "http.listen") {
        // An instance that listens everywhere is asked here.
        Some(listen) => format!("http://{}", listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")),
        None => DEFAULT_URL.to_owned(),
    }
}

fn fetch(url: &str, accept: &str) -> Result<(u16, String), reqwest::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ask = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let answer = client.get(url).header("accept", accept).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    };
    match runtime {
        Ok(runtime) => runtime.block_on(ask),
        // Only without file descriptors; the answer is then the same as from an instance that is full.
        Err(_) => Ok((503, String::new())),
    }
}

/// The id as part of a path.
fn escaped(id: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    id.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn indented(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    value.and_then(|v| serde_json::to_string_pretty(&v)).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn an_id_stays_one_part_of_the_path() {
        assert_eq!(escaped("a-1.b_2~c"), "a-1.b_2~c");
        assert_eq!(escaped("a/b?c d%é"), "a%2Fb%3Fc%20d%25%C3%A9");
    }
}
