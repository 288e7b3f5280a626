use dunning_rules::DAY_MS;

/// No span in a policy is longer: ten years.
const LONGEST_MS: i64 = 3_650 * DAY_MS;

/// The milliseconds of `4d`, `12h` or `1d 12h`; what is wrong otherwise.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    let mut units = 0;
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            ' ' if digits.is_empty() && units > 0 => continue,
            'd' => DAY_MS,
            'h' => 3_600_000,
            'm' => 60_000,
            's' => 1_000,
            _ => return Err(not_a_span(text)),
        };
        let number: i64 = digits.parse().map_err(|_| not_a_span(text))?;
        total = number.checked_mul(unit).and_then(|ms| total.checked_add(ms)).unwrap_or(i64::MAX);
        if total > LONGEST_MS {
            return Err(format!("`{text}` is longer than ten years"));
        }
        digits.clear();
        units += 1;
    }
    if units == 0 || !digits.is_empty() {
        return Err(not_a_span(text));
    }
    Ok(total)
}

fn not_a_span(text: &str) -> String {
    format!("`{text}` is not a span of time")
}

/// A span for people: `14d`, `1d 12h`.
pub(crate) fn words(ms: i64) -> String {
    let parts = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let mut left = ms;
    let mut words = Vec::new();
    for (unit, letter) in parts {
        if left >= unit {
            words.push(format!("{}{letter}", left / unit));
            left %= unit;
        }
    }
    if words.is_empty() { "0d".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown_alike() {
        for (text, ms) in [("4d", 4 * DAY_MS), ("12h", 43_200_000), ("1d 12h", 129_600_000), ("90s", 90_000), ("0d", 0)]
        {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
        assert_eq!(words(129_600_000), "1d 12h");
        for wrong in
            ["", "4", "d", "4 d", "4w", "-4d", "4d12", "3651d", "99999999999999999999d", "9223372036854775807d"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
