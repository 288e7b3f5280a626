//! `dunning deadletters`: records that could not be taken.

mod advice;
pub(super) mod args;
mod choose;
mod letter;
mod list;
mod release;
mod replay;
mod show;

use args::{DeadLetters, DeadLettersCommand};

use crate::exit::{Exit, Failure};

pub(super) fn run(args: &DeadLetters) -> Result<Exit, Failure> {
    match &args.command {
        DeadLettersCommand::List(args) => list::run(args),
        DeadLettersCommand::Show(args) => show::run(args),
        DeadLettersCommand::Replay(args) => replay::run(args),
        DeadLettersCommand::Release(args) => release::run(args),
    }
}
