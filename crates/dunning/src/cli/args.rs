//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use dunning_rules::Day;

use super::deadletters::args::DeadLetters;
use super::shadow::Shadow;

/// Decides who is reminded, warned, barred and restored, from an operator's event bus; each command exactly once.
#[derive(Debug, Parser)]
#[command(name = "dunning", version, max_term_width = 100, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  dunning demo                                   see it work, without Kafka
  dunning run --config deploy/dunning.yaml       run it
  dunning explain 4711                           why does account 4711 stand where it does?

Exit codes: `dunning help exit-codes`.")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read events, decide, send commands; until SIGTERM or Ctrl-C.
    ///
    /// Every key of the file can also be set by a variable, which wins: `kafka.group_id` by DUNNING_KAFKA_GROUP_ID.
    /// `dunning config keys` lists them all.
    Run(Run),
    /// See the main job on this machine: no Kafka, 10,000 made-up accounts, 90 days in seconds.
    ///
    /// The same engine, rules, wire format and store as in production, on a bus in memory. Everything is synthetic and
    /// nothing of it is for production.
    Demo(Demo),
    /// Check the topics, and make those that are missing.
    Topics(Topics),
    /// Where an account stands, from a running instance; or all that is held of it, from the bus.
    Account(Account),
    /// Why an account stands where it does: its last decisions, from a running instance.
    Explain(Lookup),
    /// Records that could not be taken: list them, look at them, put them back.
    #[command(name = "deadletters")]
    DeadLetters(DeadLetters),
    /// Let bars go that wait for a person.
    Bars(Bars),
    /// Check and test policies.
    Policy(Policy),
    /// Beside another system: where the two differ.
    Shadow(Shadow),
    /// Look at the configuration.
    Config(Config),
    /// List the exit codes, what they mean and what to do.
    #[command(long_about = crate::exit::Exit::table())]
    ExitCodes,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dunning run --config deploy/dunning.yaml
  dunning run --config deploy/dunning.yaml --print-config
  DUNNING_MODE=shadow dunning run --config deploy/dunning.yaml

Exit codes: `dunning help exit-codes`.")]
pub(super) struct Run {
    /// The configuration file. Without it, everything comes from variables.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print the configuration that holds, secrets masked, and where each value was set; then end.
    #[arg(long)]
    pub(super) print_config: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dunning demo
  dunning demo --accounts 100000 --seed 7 --exit
  dunning demo --kafka --config demo.yaml        the same over a real Kafka")]
pub(super) struct Demo {
    /// How many accounts.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub(super) accounts: u32,
    /// The same seed makes the same customers.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Where metrics and account pages listen. Without it: the configured address with --kafka, else 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) http: Option<SocketAddr>,
    /// End when the days are over; else it stays, to be asked.
    #[arg(long)]
    pub(super) exit: bool,
    /// Write the events to the Kafka of --config, and run as `dunning run` does.
    #[arg(long, requires = "config")]
    pub(super) kafka: bool,
    /// The configuration for --kafka.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Check the topics, and make those that are missing.
#[derive(Debug, Args)]
pub(super) struct Topics {
    #[command(subcommand)]
    pub(super) command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    /// Make the topics that this program writes and that are missing; those that are there stay as they are.
    Create(TopicsCreate),
    /// Say whether all topics are there with equal numbers of partitions.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Needs the right to create topics; `dunning run` does not.

Examples:
  dunning topics create --config deploy/dunning.yaml
  dunning topics create --config deploy/dunning.yaml --partitions 24 --replication 3
  dunning topics create --config deploy/reference.yaml --inputs --partitions 8 --keep    for tests")]
pub(super) struct TopicsCreate {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Partitions of each topic; not to change later. Without it: as many as the inputs have.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) partitions: Option<u32>,
    /// Copies of each partition. Without it: as the brokers are set.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10))]
    pub(super) replication: Option<u32>,
    /// The input topics too; in production they are made by those who write them.
    #[arg(long)]
    pub(super) inputs: bool,
    /// Nothing expires: for replays and tests, whose records are old.
    #[arg(long)]
    pub(super) keep: bool,
}

/// Look at an account, or export all that is held of it.
#[derive(Debug, Args)]
pub(super) struct Account {
    #[command(subcommand)]
    pub(super) command: AccountCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Where an account stands.
    Show(Lookup),
    /// All that is held of an account, for the person whose it is: personal data in full.
    Export(Export),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dunning account show 4711
  dunning explain 4711 --url http://dunning-0.internal:8080
  dunning explain 4711 --json | jq .decisions

Ends with 1 where the instance does not know the account, with 69 where it cannot answer.")]
pub(super) struct Lookup {
    /// The billing account.
    #[arg(value_name = "ACCOUNT")]
    pub(super) id: String,
    /// The instance. Without it: `http.listen` of --config, else http://127.0.0.1:8080.
    #[arg(long)]
    pub(super) url: Option<String>,
    /// The configuration file of the instance, to find its address.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// As JSON instead of text.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the account's partition of the state, of the decisions and of every command topic from its
beginning, which takes as long as it is; no instance needs to run. What the inputs hold is held by
those who write them.

Examples:
  dunning account export 4711 --config dunning.yaml --out 4711.json
  dunning account export 4711 --config dunning.yaml | jq .person

Ends with 1 where nothing is held of the account.")]
pub(super) struct Export {
    /// The billing account.
    #[arg(value_name = "ACCOUNT")]
    pub(super) id: String,
    /// Write it to this new file, which only you can read. Without it: to standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Let bars go that wait for a person.
#[derive(Debug, Args)]
pub(super) struct Bars {
    #[command(subcommand)]
    pub(super) command: BarsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum BarsCommand {
    /// Let bars go that the budget holds, after a person looked at why there are so many.
    Release(BarsRelease),
}

#[derive(Debug, Args)]
#[command(after_help = "\
With --all the budget does not count for an hour, in every partition. Whoever has paid meanwhile is
not barred, and bars that wait for a dead letter or for a clock go on to wait.

Examples:
  dunning bars release --account 4711 --actor j.doe --reason INC-4711 --config dunning.yaml
  dunning bars release --all --actor j.doe --reason 'billing run, as planned' --config dunning.yaml")]
pub(super) struct BarsRelease {
    /// The bar of one account.
    #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all",
        value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) account: Option<String>,
    /// All bars that the budget holds.
    #[arg(long)]
    pub(super) all: bool,
    /// Who releases them: your name, for the record.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) actor: String,
    /// Why, for the record. No account ids.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) reason: String,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// A day as it is written.
pub(super) fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "write a day such as 2027-03-23".to_owned())
}

/// Check and test policies.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say everything that is wrong with a policy, with file, line and column.
    #[command(after_help = "\
Ends with 0 where it can be used, with 1 where something looks wrong and --strict is given or it cannot meet
customers and --strict is given, with 65 where it cannot be used.

Example:
  dunning policy check --strict deploy/policies/consumer.yaml")]
    Check {
        /// The policy file.
        file: PathBuf,
        /// Warnings count, and so do shortcuts that no policy for customers may have.
        #[arg(long)]
        strict: bool,
        /// As JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Say a policy in numbered sentences, and what comes to one customer who never pays.
    #[command(after_help = "\
Ends with 65 where the policy cannot be used.

Example:
  dunning policy print deploy/policies/consumer.yaml --due 2027-03-23")]
    Print {
        /// The policy file.
        file: PathBuf,
        /// Also a calendar: of a bill that is due on this day.
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        due: Option<Day>,
        /// Amount of that bill, in minor units (cents); without it twice the minimum.
        #[arg(long, value_name = "AMOUNT", requires = "due", value_parser = clap::value_parser!(i64).range(1..=1_000_000_000_000_000))]
        amount: Option<i64>,
    },
    /// Run the scenarios that lie beside policies: dated events in, expected commands and silences out.
    #[command(after_help = "\
Ends with 1 where a scenario fails or none is there.

Examples:
  dunning policy test deploy/policies
  dunning policy test deploy/policies/consumer.yaml
  dunning policy test deploy/policies/consumer.scenarios/full-ladder.yaml")]
    Test {
        /// A policy, a folder of policies, a folder of scenarios, or one scenario.
        path: PathBuf,
        /// End with 1 also where no scenario reaches a step or a rule.
        #[arg(long)]
        strict: bool,
    },
    /// Print the JSON Schema of the policy file, for editors.
    Schema {
        /// Of the scenario file instead.
        #[arg(long)]
        scenario: bool,
    },
}

/// Look at the configuration.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    pub(super) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check a configuration without running it; the policy too.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// List every key with its variable, its default and what it is for.
    Keys {
        /// As a Markdown table.
        #[arg(long)]
        markdown: bool,
    },
}
