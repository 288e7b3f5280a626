//! What can be typed after `dunning deadletters`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dunning_rules::Timestamp;
use dunning_wire::topic::InputTopic;

use super::letter::Id;
use crate::exit::{Exit, Failure};

/// Look at records that could not be taken, put them back, or let the bars go that they hold.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeadLetters {
    #[command(subcommand)]
    pub(in crate::cli) command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DeadLettersCommand {
    /// List dead letters, the newest last, and count them by class.
    List(List),
    /// Show one dead letter: why it is one, what to do, and what is in it. This is a customer's data.
    Show(Show),
    /// Put records back on their topic, each once, and lift their marks when they take effect.
    Replay(Replay),
    /// Say that records were looked at and need not be taken: they hold no bar any more.
    Release(Release),
}

/// Which dead letters.
#[derive(Debug, Default, PartialEq, Args)]
pub(super) struct Filter {
    /// Only of this topic, by its name in the contract, such as `billing.payments`.
    #[arg(long, value_parser = topic)]
    pub(super) topic: Option<InputTopic>,
    /// Only of this class, such as `unknown_schema`.
    #[arg(long)]
    pub(super) class: Option<String>,
    /// Only of this partition.
    #[arg(long, value_name = "N")]
    pub(super) partition: Option<u32>,
    /// Only of this account.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
    /// Only records with this timestamp or a later one, such as `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "INSTANT", value_parser = crate::config::instant)]
    pub(super) since: Option<Timestamp>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
LETTER is what the other commands take: partition and offset among the dead letters. STATE is
`open`, `replayed` (it was put back; where it was refused again, a newer letter says so) or
`released`.

Examples:
  dunning deadletters list --config deploy/dunning.yaml --open
  dunning deadletters list --config dunning.yaml --topic billing.payments --class too_old
  dunning deadletters list --config dunning.yaml --since 2026-11-01T00:00:00Z --json | jq .classes")]
pub(in crate::cli) struct List {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only those that were neither replayed nor released.
    #[arg(long)]
    pub(super) open: bool,
    /// At most so many rows, the newest; all are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) limit: usize,
    /// The keys too: these are account ids.
    #[arg(long)]
    pub(super) show_keys: bool,
    /// As JSON instead of text.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 1 where no dead letter is there.

Example:
  dunning deadletters show 3:1542 --config deploy/dunning.yaml")]
pub(in crate::cli) struct Show {
    /// Partition and offset of the dead letter, as `list` names it.
    #[arg(value_name = "PARTITION:OFFSET")]
    pub(super) letter: Id,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Which dead letters something is done with.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// Partition and offset of each dead letter, as `list` names them.
    #[arg(value_name = "PARTITION:OFFSET", required_unless_present = "all", conflicts_with = "all")]
    pub(super) letters: Vec<Id>,
    /// All that are open and fit --topic, --class, --partition, --account and --since; asks first.
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// With --all: do not ask.
    #[arg(long, requires = "all")]
    pub(super) yes: bool,
    /// Also those that were replayed or released before.
    #[arg(long)]
    pub(super) again: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The record goes back to the end of its own partition as it was: key, value, headers and timestamp,
with the header `dunning.replayed`. Correct first what made it a dead letter; what is still wrong
becomes a dead letter again. An event that took effect already changes nothing when it comes again.

Ends with 1 where a letter is not there or was dealt with already; then nothing is written.

Examples:
  dunning deadletters replay 3:1542 3:1543 --config deploy/dunning.yaml
  dunning deadletters replay --all --class unknown_schema --config deploy/dunning.yaml")]
pub(in crate::cli) struct Replay {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
From then on the letter holds no bar of its account, or of its partition where its key cannot be
read: whoever still owes may be barred. Make sure that no payment is lost by it.

Ends with 1 where a letter is not there, was dealt with already, or holds no bar; then nothing is written.

Examples:
  dunning deadletters release 3:1542 --actor j.doe --reason 'a test, no money' --config dunning.yaml
  dunning deadletters release --all --class not_framed --actor j.doe --reason INC-4711")]
pub(in crate::cli) struct Release {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// Who releases them: your name, for the record.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) actor: String,
    /// Why, for the record. No account ids.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) reason: String,
    /// Lift it from the partition even where the key can be read: an account remembers a hundred letters, those beyond
    /// hold the whole partition.
    #[arg(long)]
    pub(super) shard: bool,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl Chosen {
    /// Filters choose among all; beside letters that are named they would be passed over.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.all || self.filter == Filter::default() {
            return Ok(());
        }
        let text =
            "--topic, --class, --partition, --account and --since go with --all, not with letters that are named";
        Err(Failure::new(Exit::Usage, text))
    }
}

fn topic(name: &str) -> Result<InputTopic, String> {
    InputTopic::from_contract_name(name).ok_or_else(|| {
        let names: Vec<&str> = InputTopic::ALL.iter().map(|t| t.contract_name()).collect();
        format!("it is not one of {}", names.join(", "))
    })
}
