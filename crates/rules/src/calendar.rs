use crate::Day;

/// Which days are worked: business days are counted in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// The free days of every week, Monday first.
    pub weekend: [bool; 7],
    /// By region.
    pub holidays: Vec<Holidays>,
}

/// The holidays of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    /// ISO 3166 code; empty: everywhere. Those of `DE` are free in `DE-BY`, too.
    pub region: Box<str>,
    /// Single days, in order.
    pub days: Vec<Day>,
    /// Month and day of those that come back every year.
    pub yearly: Vec<(u8, u8)>,
}

/// More days than this in a row are never free, whatever the calendar says: counting business days comes to an end.
const FREE_MAX: i32 = 60;

impl Calendar {
    /// True where the day is worked in a region.
    #[must_use]
    pub fn is_business_day(&self, day: Day, region: &str) -> bool {
        if self.weekend[usize::from(day.weekday())] {
            return false;
        }
        !self.is_holiday(day, region)
    }

    /// True where the day is a holiday in a region.
    #[must_use]
    pub fn is_holiday(&self, day: Day, region: &str) -> bool {
        let here = |h: &&Holidays| h.region.is_empty() || is_within(region, &h.region);
        self.holidays.iter().filter(here).any(|h| h.is_free(day))
    }

    /// So many business days after a day, or before it where negative; none: the day itself or the first business day
    /// after it.
    #[must_use]
    pub fn business_days_from(&self, day: Day, count: i32, region: &str) -> Day {
        let step = if count < 0 { -1 } else { 1 };
        let mut day = if count == 0 { self.next_free_of(day, 1, region) } else { day };
        for _ in 0..count.unsigned_abs() {
            day = self.next_free_of(day.plus(step), step, region);
        }
        day
    }

    /// The day itself or the next one, in the direction, that is worked.
    fn next_free_of(&self, day: Day, step: i32, region: &str) -> Day {
        let days = (0..FREE_MAX).map(|n| day.plus(n * step));
        days.into_iter().find(|day| self.is_business_day(*day, region)).unwrap_or(day)
    }
}

impl Holidays {
    fn is_free(&self, day: Day) -> bool {
        self.days.binary_search(&day).is_ok()
            || (!self.yearly.is_empty() && day.month_and_day().is_some_and(|day| self.yearly.contains(&day)))
    }
}

/// True where a region is another one or lies in it: `DE-BY` lies in `DE`.
#[must_use]
pub fn is_within(region: &str, other: &str) -> bool {
    region.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A distance in time as people count it: first the days, then to the end of that month, then business days, and so
/// long after the beginning of that day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    /// Calendar days; negative: before.
    pub days: i32,
    /// On to the last day of the month.
    pub end_of_month: bool,
    /// Business days; `Some(0)`: on to a business day where it is none.
    pub business_days: Option<i32>,
    /// Milliseconds after the beginning of the day; without days of any kind, after the very instant counted from.
    pub rest_ms: i64,
}

impl Offset {
    /// True where it is hours alone, which count from an instant and not from a day.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.days == 0 && !self.end_of_month && self.business_days.is_none() && self.rest_ms != 0
    }

    /// The day so far from another.
    #[must_use]
    pub fn day_from(&self, day: Day, calendar: &Calendar, region: &str) -> Day {
        let day = day.plus(self.days);
        let day = if self.end_of_month { day.month_end() } else { day };
        self.business_days.map_or(day, |count| calendar.business_days_from(day, count, region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weekends, Christmas everywhere, and a day in Bavaria: 2026-12-24 is a Thursday.
    fn calendar() -> Calendar {
        let of = |region: &str, days: Vec<Day>, yearly| Holidays { region: region.into(), days, yearly };
        Calendar {
            weekend: [false, false, false, false, false, true, true],
            holidays: vec![of("", vec![], vec![(12, 25)]), of("DE-BY", vec![day(28)], vec![])],
        }
    }

    /// A day of December 2026.
    fn day(of_december: i32) -> Day {
        Day::from_epoch(20_788 - 1 + of_december)
    }

    #[test]
    fn business_days_pass_over_weekends_and_the_holidays_of_the_region() {
        assert_eq!(day(24).to_string(), "2026-12-24");
        let rows = [
            (24, 0, "", 24),
            (25, 0, "", 28),
            (26, 0, "DE-BY", 29),
            (24, 1, "", 28),
            (24, 1, "DE", 28),
            (24, 1, "DE-BY", 29),
            (24, 1, "DE-BYX", 28),
            (24, 2, "", 29),
            (28, -1, "", 24),
            (29, -1, "DE-BY", 24),
            (26, -1, "", 24),
        ];
        for (from, count, region, wanted) in rows {
            let found = calendar().business_days_from(day(from), count, region);
            assert_eq!(found, day(wanted), "{count} from {from} in {region}");
        }
    }

    #[test]
    fn a_calendar_without_a_business_day_comes_to_an_end() {
        let never = Calendar { weekend: [true; 7], holidays: vec![] };
        assert_eq!(never.business_days_from(day(24), 2, ""), day(26));
        let _ = never.business_days_from(Day::from_epoch(i32::MAX), 3, "");
    }

    #[test]
    fn hours_alone_count_from_an_instant_and_anything_else_from_a_day() {
        let offset = |days, end_of_month, business_days, rest_ms| Offset { days, end_of_month, business_days, rest_ms };
        let rows = [
            (offset(0, false, None, 5), true),
            (offset(0, false, None, -5), true),
            (offset(0, false, None, 0), false),
            (offset(1, false, None, 5), false),
            (offset(0, true, None, 5), false),
            (offset(0, false, Some(0), 5), false),
        ];
        for (offset, exact) in rows {
            assert_eq!(offset.is_exact(), exact, "{offset:?}");
        }
    }

    #[test]
    fn days_come_before_the_end_of_the_month_and_business_days_after_it() {
        let offset = |days, end_of_month, business_days| Offset { days, end_of_month, business_days, rest_ms: 0 };
        let rows = [
            (offset(1, false, None), 5),
            (offset(-3, false, None), 1),
            (offset(0, true, None), 31),
            (offset(1, true, Some(0)), 31),
            (offset(22, false, Some(0)), 28),
            (offset(0, false, Some(1)), 7),
        ];
        for (offset, wanted) in rows {
            assert_eq!(offset.day_from(day(4), &calendar(), ""), day(wanted), "{offset:?}");
        }
        assert_eq!(offset(30, true, None).day_from(day(1), &calendar(), "").to_string(), "2026-12-31");
        assert_eq!(offset(31, true, None).day_from(day(31), &calendar(), "").to_string(), "2027-01-31");
    }
}
