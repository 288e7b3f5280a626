//! The schema registry: writers' schemas by id, and ids for our own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dunning_engine::SchemaAnswer;
use dunning_wire::schema::{embedded_id, embedded_schema};
use dunning_wire::topic::{OutputTopic, TopicNames, schema_text};
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, perform_sr_call, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType, SrCall, SuppliedSchema};
use tokio::runtime::Handle;

/// How long an answer may take, all addresses together.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most schemas that are kept in memory; one that is pushed out is on disk.
const KEPT: usize = 1_024;
/// What Apicurio says of a subject whose first schema is being stored.
const STORED_ALREADY: &str = "already exists";
/// A longer text is not kept on disk, in bytes.
const TEXT_MAX: usize = 1024 * 1024;

/// Where the registry is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// The built-in schemas under ids of their own; no server.
    Embedded,
    /// A Confluent-compatible server.
    Server {
        /// Its addresses, asked in order.
        urls: Vec<String>,
        /// User and password.
        login: Option<(String, String)>,
    },
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("Embedded"),
            Self::Server { urls, .. } => f.debug_struct("Server").field("urls", urls).finish_non_exhaustive(),
        }
    }
}

/// Why a schema of ours has no id.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer: try again later.
    #[error("the schema registry does not answer: {0}")]
    Away(String),
    /// It answers, and says no.
    #[error("the schema registry refuses the schema of `{subject}`: {text}")]
    Refused {
        /// Under which subject it was to be.
        subject: String,
        /// What the registry says.
        text: String,
    },
    /// The client could not be made.
    #[error("`registry.url` cannot be used: {0}")]
    Settings(String),
}

/// The registry. Calls block their thread, which must not be one of Tokio's.
pub struct Registry {
    server: Option<Server>,
    known: Mutex<BTreeMap<u32, String>>,
}

struct Server {
    settings: SrSettings,
    runtime: Handle,
    /// Schemas that were seen, for a start while the registry is down.
    folder: Option<PathBuf>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("embedded", &self.server.is_none()).finish_non_exhaustive()
    }
}

impl Registry {
    /// A client. Schemas that were seen are kept under `directory`, where one is given.
    ///
    /// # Errors
    /// Where the settings cannot be used; nothing is asked yet.
    pub fn new(address: &Address, directory: Option<&Path>, runtime: Handle) -> Result<Self, RegistryError> {
        let Address::Server { urls, login } = address else {
            return Ok(Self { server: None, known: Mutex::default() });
        };
        let (first, others) = urls.split_first().ok_or_else(|| RegistryError::Settings("it is empty".to_owned()))?;
        let mut builder = SrSettings::new_builder(first.trim_end_matches('/').to_owned());
        for url in others {
            builder.add_url(url.trim_end_matches('/').to_owned());
        }
        if let Some((username, password)) = login {
            builder.set_basic_authorization(username, Some(password));
        }
        // A share of it each, so that a second address has its turn.
        let share = PATIENCE / u32::try_from(urls.len()).unwrap_or(u32::MAX);
        let settings = builder.set_timeout(share).build().map_err(|e| RegistryError::Settings(said(&e)))?;
        // Ids of one registry are not those of another.
        let folder = directory.map(|d| d.join("schemas").join(checksum(first)));
        Ok(Self { server: Some(Server { settings, runtime, folder }), known: Mutex::default() })
    }

    /// The writer's schema of an id. Failures are not remembered.
    #[must_use]
    pub fn schema(&self, id: u32) -> SchemaAnswer {
        let Some(server) = &self.server else {
            return embedded_schema(id).map_or(SchemaAnswer::Unknown, |s| SchemaAnswer::Known(s.to_owned()));
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(text) = known.or_else(|| server.recall(id)) {
            self.keep(id, &text);
            return SchemaAnswer::Known(text);
        }
        let answer = server.fetch(id);
        if let SchemaAnswer::Known(text) = &answer {
            self.keep(id, text);
            server.remember(id, text);
        }
        answer
    }

    fn keep(&self, id: u32, text: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT && !known.contains_key(&id) {
            known.pop_first();
        }
        known.entry(id).or_insert_with(|| text.to_owned());
    }

    /// The ids of our outputs' schemas; what the registry does not have yet is registered.
    ///
    /// # Errors
    /// See [`RegistryError`]; [`RegistryError::Away`] can be tried again.
    pub fn register(&self, names: &TopicNames) -> Result<Vec<(OutputTopic, u32)>, RegistryError> {
        let with_schema = OutputTopic::ALL.into_iter().filter_map(|t| schema_text(t.contract_name()).map(|s| (t, s)));
        with_schema
            .map(|(topic, text)| match &self.server {
                None => Ok((topic, embedded_id(topic.contract_name()))),
                Some(server) => Ok((topic, server.id(&format!("{}-value", names.output(topic)), text)?)),
            })
            .collect()
    }

    /// True where the registry answers.
    #[must_use]
    pub fn is_there(&self) -> bool {
        // No registry gives out this id.
        self.server.as_ref().is_none_or(|s| s.fetch(u32::MAX >> 1) != SchemaAnswer::Away)
    }
}

impl Server {
    fn fetch(&self, id: u32) -> SchemaAnswer {
        let call = get_schema_by_id(id, &self.settings);
        match self.runtime.block_on(async { tokio::time::timeout(PATIENCE, call).await }) {
            Ok(Ok(schema)) => SchemaAnswer::Known(schema.schema),
            Ok(Err(error)) if not_found(&error) => SchemaAnswer::Unknown,
            Ok(Err(error)) => {
                tracing::warn!(id, reason = said(&error), "the schema registry does not answer");
                SchemaAnswer::Away
            }
            Err(_) => {
                tracing::warn!(id, "the schema registry does not answer in time");
                SchemaAnswer::Away
            }
        }
    }

    /// Looks a schema up, which needs no right to write; registers it where it is new.
    fn id(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let body = serde_json::json!({ "schema": schema }).to_string();
        let found = self.ask(perform_sr_call(&self.settings, SrCall::PostForVersion(subject, &body)))?;
        let error = match found {
            Ok(raw) => match raw.id {
                Some(id) => return Ok(id),
                None => return Err(refused(subject, "its answer has no id")),
            },
            Err(error) => error,
        };
        if !not_found(&error) {
            return Err(failure(subject, &error));
        }
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned());
        let refusal = match self.ask(post_schema(&self.settings, subject.to_owned(), supplied))? {
            Ok(posted) => return Ok(posted.id),
            Err(error) => failure(subject, &error),
        };
        // Another instance may have registered it at the same moment, and some registries refuse the second.
        let found = self.ask(perform_sr_call(&self.settings, SrCall::PostForVersion(subject, &body)))?;
        match found {
            Ok(raw) => raw.id.ok_or(refusal),
            Err(error) if !not_found(&error) => Err(failure(subject, &error)),
            // Apicurio says so where the other, or an attempt that it gave up, is still being stored.
            Err(_) if matches!(&refusal, RegistryError::Refused { text, .. } if text.contains(STORED_ALREADY)) => {
                Err(RegistryError::Away(format!("`{subject}` is being stored by another")))
            }
            Err(_) => Err(refusal),
        }
    }

    fn ask<T>(&self, call: impl Future<Output = Result<T, SRCError>>) -> Result<Result<T, SRCError>, RegistryError> {
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, call).await })
            .map_err(|_| RegistryError::Away("no answer in time".to_owned()))
    }

    fn file(&self, id: u32) -> Option<PathBuf> {
        self.folder.as_ref().map(|f| f.join(format!("{id}.avsc")))
    }

    /// A schema that is not as it was written is asked for again: read with another schema, good records would be bad
    /// ones, or say something else.
    fn recall(&self, id: u32) -> Option<String> {
        let kept = std::fs::read_to_string(self.file(id)?).ok()?;
        let (sum, text) = kept.split_once('\n')?;
        (sum == checksum(text)).then(|| text.to_owned())
    }

    /// A failure costs a question at the next start, nothing else.
    fn remember(&self, id: u32, text: &str) {
        let (Some(file), Some(folder)) = (self.file(id), &self.folder) else { return };
        if text.len() > TEXT_MAX {
            return;
        }
        // Whole or not at all: another lane may read it, or write the same.
        let half = folder.join(format!("{id}.{:?}.half", std::thread::current().id()));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&half, format!("{}\n{text}", checksum(text))))
            .and_then(|()| std::fs::rename(&half, &file));
        if let Err(error) = written {
            tracing::warn!(%error, "a schema could not be kept on disk");
        }
    }
}

/// What the registry itself said, where it answered.
fn answer(error: &SRCError) -> Option<&RawError> {
    // Code 0: an answer that is not a registry's, such as that of a proxy.
    error.source()?.downcast_ref::<RawError>().filter(|raw| raw.error_code != 0)
}

/// It answers and does not have it. A bare 404 is a wrong address, not an answer.
fn not_found(error: &SRCError) -> bool {
    answer(error).is_some_and(|raw| matches!(raw.error_code, 404 | 40_401..=40_403))
}

fn failure(subject: &str, error: &SRCError) -> RegistryError {
    match answer(error) {
        // 400 to 499, or those with two digits more.
        Some(raw) if raw.error_code / 100 == 4 || raw.error_code / 10_000 == 4 => refused(subject, &raw.message),
        _ => RegistryError::Away(said(error)),
    }
}

fn refused(subject: &str, text: &str) -> RegistryError {
    RegistryError::Refused { subject: subject.to_owned(), text: text.to_owned() }
}

/// The error and its causes on one line. Addresses hold no password: the configuration refuses them.
fn said(error: &SRCError) -> String {
    let mut text = error.error.clone();
    let mut cause = error.source();
    while let Some(c) = cause {
        text = format!("{text}: {c}");
        cause = c.source();
    }
    text
}

/// FNV-1a, in hex.
fn checksum(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    #[test]
    fn the_embedded_registry_knows_the_built_in_schemas() {
        let runtime = runtime();
        let registry = Registry::new(&Address::Embedded, None, runtime.handle().clone()).expect("a registry");
        let ids = registry.register(&TopicNames::default()).expect("ids");
        assert_eq!(ids.len(), OutputTopic::ALL.len() - 1);
        for (topic, id) in ids {
            assert_eq!(
                registry.schema(id),
                SchemaAnswer::Known(schema_text(topic.contract_name()).expect("text").to_owned())
            );
        }
        assert_eq!(registry.schema(999_999), SchemaAnswer::Unknown);
    }

    #[test]
    fn a_server_that_is_down_is_away_and_what_was_seen_is_still_known() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
        // Port 9 of this machine: nothing listens there.
        let urls = vec!["http://127.0.0.1:9".to_owned()];
        let address = Address::Server { urls, login: Some(("user".to_owned(), "hidden".to_owned())) };
        let make = || Registry::new(&address, Some(folder.path()), runtime.handle().clone()).expect("a registry");
        assert_eq!(make().schema(7), SchemaAnswer::Away);
        make().server.expect("a server").remember(7, "\"string\"");
        assert_eq!(make().schema(7), SchemaAnswer::Known("\"string\"".to_owned()));
        let file = make().server.expect("a server").file(7).expect("a file");
        for damaged in [String::new(), "\"strinh\"".to_owned(), format!("{}\n\"strinh\"", checksum("\"string\""))] {
            std::fs::write(&file, damaged).expect("a file");
            assert_eq!(make().schema(7), SchemaAnswer::Away, "what is damaged on disk is not known");
        }
        assert!(matches!(make().register(&TopicNames::default()), Err(RegistryError::Away(_))));
        assert!(!make().is_there());
        assert!(!format!("{address:?}{:?}", make()).contains("hidden"));
    }
}
