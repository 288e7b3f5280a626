//! Logging: lines on standard error, as text or as JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use crate::exit::{Exit, Failure};

/// Starts logging; once in a process.
///
/// # Errors
/// Where it runs already, or the level is none.
pub fn start(config: &LogConfig) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|e| Failure::because(Exit::Config, "`log.level` cannot be understood", e))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    started.map_err(|e| Failure::new(Exit::Internal, format!("logging cannot be started: {e}")))
}
