//! `dunning deadletters show`.

use std::fmt::Write as _;

use dunning_engine::SchemaAnswer;
use dunning_rules::Timestamp;
use dunning_wire::deadletter::{self, Marks};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{frame, schema};

use super::advice::{advice, on_bars};
use super::args::{Filter, Show};
use super::letter::{Id, Letters, State, parts_of};
use crate::cli::bus::{Bus, Found, scan};
use crate::exit::{Exit, Failure};
use crate::registry::Registry;

/// At most so many bytes of a value or a header are shown.
const BYTES_MAX: usize = 4_096;
const HEADER_MAX: usize = 256;

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let bus = Bus::open(args.config.as_deref())?;
    let id = args.letter;
    let missing = || {
        let text =
            format!("there is no dead letter at {id}: it never was, or it expired; see `dunning deadletters list`");
        Failure::new(Exit::Findings, text)
    };
    if id.partition >= bus.partitions {
        return Err(missing());
    }
    let from = parts_of([id].into_iter());
    let letters = Letters::read(&bus, &from, &Filter::default(), false)?;
    let letter = letters.all.iter().find(|l| l.id == id).ok_or_else(missing)?;
    let state = letters.state(letter);
    let mut text = String::new();
    scan(&bus, bus.topics().output(OutputTopic::DeadLetters), &from, |found| {
        if found.offset == id.offset
            && let Some(marks) = deadletter::read(&found.headers)
        {
            text = page(id, &found, &marks, state, bus.registry());
        }
        Ok(())
    })?;
    if text.is_empty() { Err(missing()) } else { crate::cli::print(&text) }
}

fn page(id: Id, found: &Found<'_>, marks: &Marks, state: State, registry: &Registry) -> String {
    let mut text = format!("dead letter {id}, {}\n\n", state.word());
    let at = marks.timestamp_ms.map(Timestamp::from_millis).map_or_else(|| "-".to_owned(), |t| t.to_string());
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<10}{value}");
    };
    line("record", &format!("{}, partition {}, offset {}", marks.topic, marks.partition, marks.offset));
    line("timestamp", &at);
    line("class", &marks.error_class);
    line("reason", &marks.error_text);
    line("to do", advice(&marks.error_class));
    if let Some(topic) = InputTopic::from_contract_name(&marks.topic) {
        line("bars", on_bars(topic, marks.key_readable, state));
    }
    line("key", &found.key.map_or_else(|| "none".to_owned(), |key| shown(key, HEADER_MAX)));
    text.push_str("\nheaders\n");
    for (name, value) in &found.headers {
        let value = value.as_ref().map_or_else(|| "null".to_owned(), |v| shown(v, HEADER_MAX));
        let _ = writeln!(text, "  {name}: {value}");
    }
    text.push_str("\nvalue\n");
    text.push_str(&value(found.value, registry));
    text
}

/// The value as its schema has it; else its bytes.
fn value(value: Option<&[u8]>, registry: &Registry) -> String {
    let Some(value) = value else { return "  none: a tombstone\n".to_owned() };
    let decoded = frame::split(value).ok().and_then(|(id, datum)| match registry.schema(id) {
        SchemaAnswer::Known(text) => Some((id, schema::to_json(&text, datum)?)),
        SchemaAnswer::Unknown | SchemaAnswer::Away => None,
    });
    match decoded {
        Some((id, json)) => {
            let json = serde_json::to_string_pretty(&json).unwrap_or_default();
            format!("  {} bytes, of schema {id}\n{json}\n", value.len())
        }
        None => format!("  {} bytes that no schema known here explains\n{}", value.len(), dump(value)),
    }
}

/// Bytes as text where they are text, else in hexadecimal; cut after so many.
fn shown(bytes: &[u8], most: usize) -> String {
    let cut = &bytes[..bytes.len().min(most)];
    let more = if cut.len() < bytes.len() { format!(" … ({} bytes)", bytes.len()) } else { String::new() };
    match std::str::from_utf8(cut) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text}{more}"),
        _ => cut.iter().fold("hex ".to_owned(), |text, b| text + &format!("{b:02x}")) + &more,
    }
}

/// Sixteen bytes a line, with their places, and as characters where they are.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (i, line) in bytes[..bytes.len().min(BYTES_MAX)].chunks(16).enumerate() {
        let hex: String = line.iter().map(|b| format!("{b:02x} ")).collect();
        let chars: String = line.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' }).collect();
        let _ = writeln!(text, "  {:06x}  {hex:<48} {chars}", i * 16);
    }
    if bytes.len() > BYTES_MAX {
        let _ = writeln!(text, "  … {} bytes more", bytes.len() - BYTES_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_cut_and_never_upset_a_terminal() {
        assert_eq!(shown("ü1".as_bytes(), 9), "ü1");
        assert_eq!(shown(b"\x1b[31m", 9), "hex 1b5b33316d");
        assert_eq!(shown(b"abcdef", 3), "abc … (6 bytes)");
        let text = dump(&[b'A'; BYTES_MAX + 1]);
        assert_eq!(text.lines().count(), BYTES_MAX / 16 + 1);
        assert!(text.starts_with("  000000  41 41 ") && text.ends_with("  … 1 bytes more\n"), "{text}");
    }
}
