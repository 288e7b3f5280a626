//! When a step comes: `4d`, `-2d`, `5bd`, `30d end_of_month`, `1d 12h`.

use dunning_rules::{DAY_MS, Offset};

/// No distance in a policy is longer: ten years.
const LONGEST_DAYS: i64 = 3_650;
/// Business days are counted one by one.
const LONGEST_BUSINESS_DAYS: i64 = 1_000;

/// A distance as it is written, with its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Distance {
    pub(super) offset: Offset,
    /// True where days and hours are all there is.
    pub(super) is_span: bool,
}

impl Distance {
    /// Milliseconds, days of 24 hours and business days of a week with so many free days: about where it leads.
    pub(super) fn about_ms(&self, free_days: i64) -> i64 {
        let worked = (7 - free_days).max(1);
        let business = i64::from(self.offset.business_days.unwrap_or(0)) * 7 / worked;
        (i64::from(self.offset.days) + business) * DAY_MS + self.offset.rest_ms
    }

    /// How much later it can lead than `about_ms` says.
    pub(super) const fn spread_ms(&self) -> i64 {
        let month = if self.offset.end_of_month { 30 } else { 0 };
        // A week more for weekends and holidays in between.
        let business = if self.offset.business_days.is_some() { 7 } else { 0 };
        (month + business) * DAY_MS
    }

    pub(super) const fn is_before(&self) -> bool {
        let Offset { days, business_days, rest_ms, .. } = self.offset;
        days < 0 || rest_ms < 0 || matches!(business_days, Some(n) if n < 0)
    }
}

/// A distance; what is wrong otherwise.
pub(super) fn parse(text: &str) -> Result<Distance, String> {
    let wrong = || format!("`{text}` is not a span of time");
    let (before, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut offset = Offset::default();
    let (mut days, mut parts, mut rest) = (0_i64, 0, rest);
    while !rest.is_empty() {
        rest = rest.strip_prefix(' ').filter(|_| parts > 0).unwrap_or(rest);
        parts += 1;
        if let Some(after) = rest.strip_prefix("end_of_month") {
            if offset.end_of_month || before {
                return Err(wrong());
            }
            offset.end_of_month = true;
            rest = after;
            continue;
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        if let Some(after) = rest.strip_prefix("bd") {
            if offset.business_days.is_some() || number > LONGEST_BUSINESS_DAYS {
                return Err(if number > LONGEST_BUSINESS_DAYS { too_long(text) } else { wrong() });
            }
            offset.business_days = i32::try_from(if before { -number } else { number }).ok();
            rest = after;
            continue;
        }
        let unit = match rest.chars().next() {
            Some('d') => DAY_MS,
            Some('h') => 3_600_000,
            Some('m') => 60_000,
            Some('s') => 1_000,
            _ => return Err(wrong()),
        };
        rest = &rest[1..];
        let span = number.checked_mul(unit).filter(|ms| *ms <= LONGEST_DAYS * DAY_MS).ok_or_else(|| too_long(text))?;
        if unit == DAY_MS {
            days += number;
        } else {
            offset.rest_ms += span;
        }
        if days * DAY_MS + offset.rest_ms > LONGEST_DAYS * DAY_MS {
            return Err(too_long(text));
        }
    }
    if parts == 0 {
        return Err(wrong());
    }
    if before {
        (days, offset.rest_ms) = (-days, -offset.rest_ms);
    }
    offset.days = i32::try_from(days).map_err(|_| too_long(text))?;
    Ok(Distance { offset, is_span: !offset.end_of_month && offset.business_days.is_none() })
}

fn too_long(text: &str) -> String {
    format!("`{text}` is longer than ten years")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_read_and_slips_are_refused() {
        let offset = |days, end_of_month, business_days, rest_ms| Offset { days, end_of_month, business_days, rest_ms };
        let rows = [
            ("4d", offset(4, false, None, 0)),
            ("1d 12h", offset(1, false, None, 43_200_000)),
            ("1d12h", offset(1, false, None, 43_200_000)),
            ("5bd", offset(0, false, Some(5), 0)),
            ("4d 0bd", offset(4, false, Some(0), 0)),
            ("30d end_of_month", offset(30, true, None, 0)),
            ("end_of_month", offset(0, true, None, 0)),
            ("-2d", offset(-2, false, None, 0)),
            ("-3bd", offset(0, false, Some(-3), 0)),
            ("-12h", offset(0, false, None, -43_200_000)),
            ("90s", offset(0, false, None, 90_000)),
        ];
        for (text, wanted) in rows {
            assert_eq!(parse(text).map(|d| d.offset), Ok(wanted), "{text}");
        }
        let slips = [
            "",
            "-",
            "4",
            "d",
            "4 d",
            "4w",
            "4d12",
            "4d  1h",
            " 4d",
            "4d ",
            "--4d",
            "4d -1h",
            "2bd 3bd",
            "-end_of_month",
            "3651d",
            "1001bd",
            "87601h",
            "3650d 24h",
            "99999999999999999999d",
            "9223372036854775807d",
            "end_of_months",
        ];
        for text in slips {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
