//! `dunning deadletters list`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dunning_rules::Timestamp;
use serde_json::{Value, json};

use super::args::List;
use super::letter::{Letter, Letters, State, parts};
use crate::cli::bus::Bus;
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let bus = Bus::open(args.config.as_deref())?;
    let letters = Letters::read(&bus, &parts(&bus, &args.filter), &args.filter, args.show_keys)?;
    let mut shown: Vec<(&Letter, State)> = letters.all.iter().map(|l| (l, letters.state(l))).collect();
    if args.open {
        shown.retain(|(_, state)| *state == State::Open);
    }
    let classes = classes(shown.iter().map(|(letter, _)| *letter));
    shown.sort_by_key(|(letter, _)| (letter.timestamp, letter.id));
    let left_out = shown.len().saturating_sub(args.limit);
    let rows = &shown[left_out..];
    if args.json {
        let rows: Vec<Value> = rows.iter().map(|(letter, state)| row(letter, *state)).collect();
        let page = json!({ "letters": rows, "left_out": left_out, "classes": classes, "not_understood": letters.odd });
        return crate::cli::print(&serde_json::to_string_pretty(&page).unwrap_or_default());
    }
    let mut text = table(rows);
    if left_out > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{left_out} older ones are not shown; see --limit");
    }
    let _ = writeln!(text, "\n{} dead letters", shown.len());
    text.push_str(&counts(&classes));
    if letters.odd > 0 {
        let _ = writeln!(text, "{} records are no dead letters that this version understands", letters.odd);
    }
    crate::cli::print(&text)
}

/// How many letters each class has.
pub(super) fn classes<'a>(letters: impl Iterator<Item = &'a Letter>) -> BTreeMap<&'a str, u64> {
    let mut classes = BTreeMap::new();
    for letter in letters {
        *classes.entry(&*letter.class).or_default() += 1;
    }
    classes
}

/// The classes and their counts, a line each.
pub(super) fn counts(classes: &BTreeMap<&str, u64>) -> String {
    classes.iter().map(|(class, count)| format!("  {class:<24}{count:>10}\n")).collect()
}

fn row(letter: &Letter, state: State) -> Value {
    let mut row = json!({
        "letter": letter.id.to_string(),
        "topic": letter.place.topic.contract_name(),
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "class": &*letter.class,
        "timestamp": Timestamp::from_millis(letter.timestamp).to_string(),
        "bytes": letter.size,
        "state": state.word(),
    });
    if let (Some(key), Some(row)) = (&letter.key, row.as_object_mut()) {
        row.insert("key".to_owned(), (**key).into());
    }
    row
}

fn table(rows: &[(&Letter, State)]) -> String {
    let head = ["LETTER", "TOPIC", "OFFSET", "CLASS", "TIMESTAMP", "BYTES", "STATE", "KEY"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|(letter, state)| {
        [
            letter.id.to_string(),
            letter.place.topic.contract_name().to_owned(),
            format!("{}:{}", letter.place.partition, letter.place.offset),
            letter.class.to_string(),
            Timestamp::from_millis(letter.timestamp).to_string(),
            letter.size.to_string(),
            state.word().to_owned(),
            letter.key.as_deref().unwrap_or_default().to_owned(),
        ]
    }));
    if rows.iter().all(|(letter, _)| letter.key.is_none()) {
        lines[0][7].clear();
    }
    let width: Vec<usize> = (0..8).map(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0)).collect();
    let line = |cells: [String; 8]| {
        let padded = cells.iter().zip(&width).map(|(cell, width)| format!("{cell:<width$}  "));
        padded.collect::<String>().trim_end().to_owned() + "\n"
    };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use dunning_wire::deadletter::Place;
    use dunning_wire::topic::InputTopic;

    use super::super::letter::Id;
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_keys_only_where_there_are_any() {
        let place = Place { topic: InputTopic::Bills, partition: 1, offset: 70 };
        let id = Id { partition: 1, offset: 3 };
        let mut letter = Letter { id, place, class: "too_short".into(), timestamp: 0, size: 12, key: None };
        let text = table(&[(&letter, State::Open)]);
        let wanted = "LETTER  TOPIC          OFFSET  CLASS      TIMESTAMP                 BYTES  STATE\n\
                      1:3     billing.bills  1:70    too_short  1970-01-01T00:00:00.000Z  12     open\n";
        assert_eq!(text, wanted);
        letter.key = Some("acc-1".into());
        let text = table(&[(&letter, State::Open)]);
        assert!(text.contains("STATE  KEY\n") && text.ends_with("acc-1\n"), "{text}");
        assert_eq!(
            counts(&classes([&letter, &letter].into_iter())).trim_end(),
            format!("  {:<24}{:>10}", "too_short", 2)
        );
    }
}
