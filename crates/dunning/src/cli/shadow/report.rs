//! What was found, for people and for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::Diff;
use super::compare::{Alone, Found, Kind};
use crate::exit::{Exit, Failure};

/// How often each word comes, the most frequent first.
fn counted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.for_each(|word| *counts.entry(word).or_insert(0) += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// For people. Writing to a String cannot fail.
pub(super) fn text(found: &Found, diff: &Diff) -> String {
    let mut text = format!("{:<14}{:>12}{:>12}{:>12}\n", "", "both", "only here", "only there");
    for kind in Kind::ALL {
        let n = kind as usize;
        let (here, there) = (found.here[n].len(), found.there[n].len());
        let _ = writeln!(text, "{:<14}{:>12}{here:>12}{there:>12}", kind.word(), found.both[n]);
    }
    for kind in Kind::ALL {
        let (here, there) = (&found.here[kind as usize], &found.there[kind as usize]);
        if !there.is_empty() {
            let _ = writeln!(text, "\n{} of the other system alone, by what was last decided here:", kind.word());
            lines(&mut text, &counted(there.iter().map(|alone| &*alone.stood)));
            accounts(&mut text, there, diff.accounts);
        }
        if !here.is_empty() {
            let _ = writeln!(text, "\n{} from here alone, by step:", kind.word());
            lines(&mut text, &counted(here.iter().map(|alone| &*alone.what)));
            accounts(&mut text, here, diff.accounts);
        }
    }
    if found.passed_over > 0 {
        let _ = writeln!(text, "\n{} acts of the other system are of kinds that are not compared", found.passed_over);
    }
    if found.unreadable > 0 {
        let _ = writeln!(text, "\n{} records cannot be read by this version", found.unreadable);
    }
    let end = if found.differs() {
        "\nThey differ. `dunning explain ACCOUNT` says why for one account.\n"
    } else {
        "\nBoth did the same.\n"
    };
    text + end
}

fn lines(text: &mut String, counts: &[(&str, usize)]) {
    for (word, count) in counts {
        let _ = writeln!(text, "{count:>10}  {word}");
    }
}

fn accounts(text: &mut String, all: &[Alone], most: usize) {
    for Alone { account, at, what, stood } in all.iter().take(most) {
        let more = [what, stood].into_iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "            {at}  {account}  {more}");
    }
}

/// For machines.
pub(super) fn json(found: &Found, diff: &Diff) -> Result<String, Failure> {
    let alone = |all: &[Alone], word: fn(&Alone) -> &str| {
        let by: BTreeMap<_, _> = counted(all.iter().map(word)).into_iter().collect();
        let row =
            |a: &Alone| json!({ "account_id": a.account, "at": a.at.to_string(), "what": a.what, "stood": a.stood });
        let accounts: Vec<Value> = all.iter().take(diff.accounts).map(row).collect();
        json!({ "count": all.len(), "by": by, "accounts": accounts })
    };
    let kinds: BTreeMap<_, _> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let n = kind as usize;
            let row = json!({
                "both": found.both[n],
                "only_here": alone(&found.here[n], |a| &a.what),
                "only_there": alone(&found.there[n], |a| &a.stood),
            });
            (kind.word(), row)
        })
        .collect();
    let page = json!({ "kinds": kinds, "unreadable": found.unreadable, "not_compared": found.passed_over });
    serde_json::to_string_pretty(&page).map_err(|e| Failure::because(Exit::Internal, "the report cannot be written", e))
}
