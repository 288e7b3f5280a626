//! Which dead letters something is done with: those that are named, or all that fit and a person agrees to.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};

use super::args::{Chosen, Filter};
use super::letter::{Letter, Letters, State, parts, parts_of};
use super::list::{classes, counts};
use crate::cli::bus::Bus;
use crate::exit::{Exit, Failure};

const MISSING: &str = "there is no dead letter; see `dunning deadletters list`";

/// What is to be done with letters.
pub(super) struct Deed<'a> {
    /// In a word, for the question.
    pub(super) verb: &'a str,
    /// Why it cannot be done with a letter, whatever is said.
    pub(super) refuses: &'a dyn Fn(&Letter, State) -> Option<String>,
}

/// The letters, in order. Where one that was named cannot be taken, all are refused; `None`: the answer was no.
pub(super) fn choose(bus: &Bus, chosen: &Chosen, deed: &Deed<'_>) -> Result<Option<Vec<Letter>>, Failure> {
    if chosen.all { all(bus, chosen, deed) } else { named(bus, chosen, deed).map(Some) }
}

fn named(bus: &Bus, chosen: &Chosen, deed: &Deed<'_>) -> Result<Vec<Letter>, Failure> {
    let mut ids = chosen.letters.clone();
    ids.sort_unstable();
    ids.dedup();
    let there = ids.iter().copied().filter(|id| id.partition < bus.partitions);
    let letters = Letters::read(bus, &parts_of(there), &Filter::default(), true)?;
    let (mut taken, mut refused) = (Vec::new(), String::new());
    for id in ids {
        let letter = letters.all.binary_search_by_key(&id, |l| l.id).ok().and_then(|i| letters.all.get(i));
        let why = letter.map_or_else(|| Some(MISSING.to_owned()), |l| refusal(&letters, l, chosen.again, deed));
        match (letter, why) {
            (Some(letter), None) => taken.push(letter.clone()),
            // Writing to a String cannot fail.
            (_, why) => drop(write!(refused, "\n  {id}: {}", why.unwrap_or_default())),
        }
    }
    if refused.is_empty() {
        return Ok(taken);
    }
    Err(Failure::new(Exit::Findings, format!("nothing was done, because of{refused}")))
}

/// Why nothing is to be done with a letter.
fn refusal(letters: &Letters, letter: &Letter, again: bool, deed: &Deed<'_>) -> Option<String> {
    let state = letters.state(letter);
    (deed.refuses)(letter, state).or_else(|| {
        let words = match state {
            State::Open => return None,
            State::Replayed => "it was replayed already; where that was refused, a newer letter says so",
            State::Released => "it was released already",
        };
        (!again).then(|| format!("{words}. To do it all the same: --again"))
    })
}

fn all(bus: &Bus, chosen: &Chosen, deed: &Deed<'_>) -> Result<Option<Vec<Letter>>, Failure> {
    let mut letters = Letters::read(bus, &parts(bus, &chosen.filter), &chosen.filter, true)?;
    let found = std::mem::take(&mut letters.all);
    let total = found.len();
    let taken: Vec<Letter> =
        found.into_iter().filter(|letter| refusal(&letters, letter, chosen.again, deed).is_none()).collect();
    if taken.is_empty() {
        let text = format!("nothing to {}: of {total} dead letters that fit, none is open", deed.verb);
        return Err(Failure::new(Exit::Findings, text));
    }
    let mut text = format!("{} of {total} dead letters that fit, to {}:\n", taken.len(), deed.verb);
    text.push_str(&counts(&classes(taken.iter())));
    crate::cli::print(&text)?;
    if chosen.yes || agrees(deed.verb) {
        return Ok(Some(taken));
    }
    crate::cli::print("nothing was done; to do it without this question: --yes")?;
    Ok(None)
}

/// Whether a person says yes. Where nobody is there to ask, nobody does.
fn agrees(verb: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let asked = write!(out, "{verb} them? [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    asked.is_ok() && std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "yes")
}
