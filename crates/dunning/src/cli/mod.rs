//! The command line: arguments in, an exit code out.

mod account;
mod args;
mod bars;
mod bus;
mod config;
mod deadletters;
mod demo;
mod export;
mod policy;
mod shadow;
mod topics;

use std::io::Write as _;

use clap::Parser as _;

use crate::exit::{Exit, Failure};
use args::{Cli, Command};

/// Runs the program. What failed is printed here, once.
#[must_use]
pub fn main() -> Exit {
    // A mistyped command ends here, with code 2 and a hint.
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(exit) => exit,
        Err(failure) => {
            say_error(&failure);
            failure.exit
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Account(args) => account::run(&args),
        Command::Explain(args) => account::explain(&args),
        Command::DeadLetters(args) => deadletters::run(&args),
        Command::Bars(args) => bars::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Shadow(args) => shadow::run(&args),
        Command::Config(args) => config::run(&args),
        Command::ExitCodes => print(&Exit::table()),
    }
}

fn run(args: &args::Run) -> Result<Exit, Failure> {
    let loaded = config::load(args.config.as_deref())?;
    if args.print_config {
        return print(&loaded.shown);
    }
    crate::log::start(&loaded.config.log)?;
    match crate::run::run(&loaded.config) {
        Ok(()) => Ok(Exit::Ok),
        Err(failure) => {
            // With the log running, this is where it is read; the terminal is the log's.
            let (code, todo) = (failure.exit.code(), failure.exit.advice());
            tracing::error!(exit_code = code, todo, "ends: {}", failure.chain());
            Ok(failure.exit)
        }
    }
}

/// Writes to standard output. A reader that has gone (`| head`) is no failure.
fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::because(Exit::System, "standard output cannot be written", e))
        }
        _ => Ok(Exit::Ok),
    }
}

fn say_error(failure: &Failure) {
    // Nothing is left to be done where even this fails.
    let _ = writeln!(std::io::stderr().lock(), "dunning: {}", failure.chain());
}
