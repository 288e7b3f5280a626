use std::path::PathBuf;

use clap::{Args, Subcommand};
use dunning_rules::Day;

use crate::cli::args::day;

/// Beside another system: `mode: shadow`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Shadow {
    #[command(subcommand)]
    pub(super) command: ShadowCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ShadowCommand {
    /// Say where this program would have done something else than the other system did.
    Diff(Diff),
}

#[derive(Debug, Args)]
#[command(after_help = "\
What was decided here is read from `dunning.decisions`. What the other system did comes from a CSV file with the columns
account_id, at, what (notice, bar or restoration; others are not compared) and, if you like, detail; `at` as
2026-08-05T09:00:00Z or as 2026-08-05. Without a file it is read from the command topics of the
configuration: another dunning, or an adapter, writes them while this one is silent.

Two acts are one where they are of one kind and account and lie no further apart than --within-hours.
For what only the other system did, it is counted what was last decided here before that.

Examples:
  dunning shadow diff --config shadow.yaml --theirs their-acts.csv
  dunning shadow diff --config shadow.yaml --from 2026-08-01 --until 2026-08-31 --json

Ends with 0 where both did the same, with 1 where they differ.")]
pub(super) struct Diff {
    /// What the other system did, as CSV.
    #[arg(long, value_name = "FILE")]
    pub(super) theirs: Option<PathBuf>,
    /// The first day that is compared, in UTC. Without it: seven days before the last one.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(super) from: Option<Day>,
    /// The last day that is compared, in UTC. Without it: up to now.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(super) until: Option<Day>,
    /// So far apart two acts may lie that are one.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
    pub(super) within_hours: u16,
    /// Show so many accounts of each difference. Personal data, so none without it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) accounts: usize,
    /// As JSON instead of text.
    #[arg(long)]
    pub(super) json: bool,
    /// The configuration of the shadow.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}
