//! Values as they are written: spans of time, instants, numbers in bounds.

use std::time::Duration;

use chrono::DateTime;
use dunning_rules::Timestamp;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A span such as `30s`, `100ms`, `400d` or `1h 30m`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a span of time: write a number with its unit, such as 100ms, 30s, 5m, 24h or 400d");
    let mut rest = text.trim();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(wrong)?;
        total = number.checked_mul(*unit).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
    }
    if text.trim().is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(total)) }
}

/// A span within bounds, both included.
pub(super) fn span_within(text: &str, least: &str, most: &str) -> Result<Duration, String> {
    let value = span(text)?;
    // The bounds are constants of this crate, read by the same function.
    let bounds = (span(least)?, span(most)?);
    if value < bounds.0 || value > bounds.1 {
        return Err(format!("`{text}` is out of bounds: {least} to {most}"));
    }
    Ok(value)
}

/// A whole number within bounds, both included.
pub(super) fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    match plain.parse::<u64>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        Ok(_) => Err(format!("`{text}` is out of bounds: {least} to {most}")),
        Err(_) => Err(format!("`{text}` is not a whole number from {least} to {most}")),
    }
}

/// A whole number within bounds, as an index.
pub(super) fn count(text: &str, least: u32, most: u32) -> Result<usize, String> {
    // It is at most a u32, which every machine that runs this can index.
    number(text, least.into(), most.into()).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// Nothing where the text is `none`, else a value.
pub(super) fn or_none<T>(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == "none" { Ok(None) } else { read(text).map(Some) }
}

/// An instant with its offset, such as `2026-11-01T00:00:00Z`.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|t| Timestamp::from_millis(t.timestamp_millis()))
        .map_err(|_| format!("`{text}` is not an instant: write it as 2026-11-01T00:00:00Z, with its offset"))
}

/// One of several words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        format!("`{text}` is none of {}", all.join(", "))
    })
}

/// A name that Kafka takes in ids and topics: letters, digits, dot, hyphen and underscore.
pub(super) fn name(text: &str, longest: usize) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > longest || !text.chars().all(fits) || text == "." || text == ".." {
        return Err(format!("`{text}` is not a name: 1 to {longest} letters, digits, dots, hyphens and underscores"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_units() {
        for (text, ms) in [
            ("100ms", 100),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("400d", 34_560_000_000),
        ] {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", " ", "30", "s", "-1s", "1.5h", "3w", "99999999999999999999d", "99999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_carry_their_offset() {
        assert_eq!(instant("2026-11-01T01:00:00+01:00"), instant("2026-11-01T00:00:00Z"));
        assert!(instant("2026-11-01").is_err());
        assert!(instant("2026-11-01T00:00:00").is_err());
    }

    #[test]
    fn names_have_no_blanks() {
        assert!(name("prod-1.dunning_a", 100).is_ok());
        for wrong in ["", "a b", "ä", "..", &"x".repeat(101)] {
            assert!(name(wrong, 100).is_err(), "{wrong}");
        }
    }
}
