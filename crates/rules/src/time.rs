use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Milliseconds in a day of 24 hours.
pub const DAY_MS: i64 = 86_400_000;

/// 1970-01-01, counted from the first day of year 1.
const EPOCH: i32 = 719_163;

/// An instant: milliseconds since the epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event.
    pub const MAX: Self = Self(i64::MAX);

    /// An instant from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The instant `millis` later (earlier where negative).
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(t) => write!(f, "{}", t.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Day(i32);

/// The months as they are written in conditions.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Day {
    /// Before every day.
    pub const MIN: Self = Self(i32::MIN);

    /// Behind every day.
    pub const MAX: Self = Self(i32::MAX);

    /// A day from days since 1970-01-01.
    #[must_use]
    pub const fn from_epoch(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn epoch(self) -> i32 {
        self.0
    }

    /// The day `days` later (earlier where negative).
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day of the week, Monday 0 to Sunday 6.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        u8::try_from((i64::from(self.0) + 3).rem_euclid(7)).unwrap_or(0)
    }

    /// The last day of its month; itself beyond the calendar.
    #[must_use]
    pub fn month_end(self) -> Self {
        let left = self.date().map_or(0, |d| u32::from(d.num_days_in_month()) - d.day());
        self.plus(i32::try_from(left).unwrap_or(0))
    }

    /// Month and day, from 1; `None` beyond the calendar.
    #[must_use]
    pub fn month_and_day(self) -> Option<(u8, u8)> {
        let date = self.date()?;
        Some((u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?))
    }

    /// A day as it is written: `2027-03-23`; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self::of)
    }

    fn of(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH)
    }

    fn date(self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(self.0.checked_add(EPOCH)?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(d) => write!(f, "{d}"),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// A time zone: where a day begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// A zone by its IANA name, such as `Europe/Berlin`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The first instant of the day here. Where the clocks skip midnight, the first instant that exists.
    #[must_use]
    pub fn start_of_day(self, day: Day) -> Timestamp {
        self.at(day, 0)
    }

    /// The first instant behind the day here.
    #[must_use]
    pub fn end_of_day(self, day: Day) -> Timestamp {
        self.start_of_day(day.plus(1))
    }

    /// The instant of the day at so many minutes after midnight on the wall clock here. Where the clocks skip that
    /// minute, the first one after it that exists; where they show it twice, the first.
    #[must_use]
    pub fn at(self, day: Day, minutes: u16) -> Timestamp {
        let plain = Timestamp(i64::from(day.0) * DAY_MS + i64::from(minutes) * 60_000);
        if self.0 == Tz::UTC {
            return plain;
        }
        let Some(local) = day.date().and_then(|d| d.and_hms_opt(0, 0, 0)) else { return plain };
        // A gap is at most a day long (a zone that crossed the date line).
        (0..=96)
            .map_while(|quarter| local.checked_add_signed(TimeDelta::minutes(i64::from(minutes) + 15 * quarter)))
            .find_map(|local| self.0.from_local_datetime(&local).earliest())
            .map_or(plain, |t| Timestamp(t.timestamp_millis()))
    }

    /// The calendar day here at an instant.
    #[must_use]
    pub fn day_of(self, at: Timestamp) -> Day {
        if self.0 == Tz::UTC {
            return utc_day(at);
        }
        match self.local(at) {
            Some(t) => Day::of(t.date()),
            None => utc_day(at),
        }
    }

    /// The same time after midnight so many days later.
    #[must_use]
    pub fn days_later(self, at: Timestamp, days: i32) -> Timestamp {
        let day = self.day_of(at);
        self.start_of_day(day.plus(days)).plus(at.since(self.start_of_day(day)))
    }

    /// The first instant not before `from` at which the wall clock here shows so many minutes after midnight.
    #[must_use]
    pub fn next_at(self, from: Timestamp, minutes: u16) -> Timestamp {
        let day = self.day_of(from);
        let today = self.at(day, minutes);
        if today >= from { today } else { self.at(day.plus(1), minutes) }
    }

    fn local(self, at: Timestamp) -> Option<NaiveDateTime> {
        let at = DateTime::<Utc>::from_timestamp_millis(at.0)?.with_timezone(&self.0);
        // `naive_local` would panic at the ends of the calendar.
        at.naive_utc().checked_add_offset(at.offset().fix())
    }
}

fn utc_day(at: Timestamp) -> Day {
    let days = at.0.div_euclid(DAY_MS).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    Day(i32::try_from(days).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).expect("a zone")
    }

    #[test]
    fn a_day_begins_at_local_midnight_in_summer_and_in_winter() {
        let berlin = zone("Europe/Berlin");
        let rows = [(20_666, "2026-07-31T22:00:00.000Z"), (20_820, "2027-01-01T23:00:00.000Z")];
        for (day, start) in rows {
            assert_eq!(berlin.start_of_day(Day(day)).to_string(), start);
            assert_eq!(berlin.day_of(berlin.start_of_day(Day(day))), Day(day));
            assert_eq!(berlin.day_of(berlin.start_of_day(Day(day)).plus(-1)), Day(day - 1));
        }
    }

    #[test]
    fn a_midnight_that_the_clocks_skip_is_the_first_instant_after_it() {
        // Beirut goes from 23:59:59 on 27 March 2027 to 01:00 on the 28th.
        let beirut = zone("Asia/Beirut");
        let day = beirut.day_of(Timestamp(1_806_228_000_000));
        let starts: Vec<_> = (-3..3).map(|n| beirut.start_of_day(day.plus(n))).collect();
        assert!(starts.windows(2).all(|w| w[0] < w[1]));
        assert!((-3..3).all(|n| beirut.day_of(beirut.start_of_day(day.plus(n))) == day.plus(n)));
    }

    #[test]
    fn a_minute_of_the_day_is_that_of_the_wall_clock() {
        let rows = [
            ("UTC", 20_666, 570, "2026-08-01T09:30:00.000Z"),
            ("Europe/Berlin", 20_666, 570, "2026-08-01T07:30:00.000Z"),
            ("Europe/Berlin", 20_820, 570, "2027-01-02T08:30:00.000Z"),
            ("Europe/Berlin", 20_666, 1_439, "2026-08-01T21:59:00.000Z"),
            ("America/New_York", 20_666, 1_439, "2026-08-02T03:59:00.000Z"),
            // 02:30 is skipped on 28 March 2027; on 25 October 2026 the clocks show it twice.
            ("Europe/Berlin", 20_905, 150, "2027-03-28T01:00:00.000Z"),
            ("Europe/Berlin", 20_751, 150, "2026-10-25T00:30:00.000Z"),
            // Half an hour, from 02:00 on, on 4 October 2026.
            ("Australia/Lord_Howe", 20_730, 135, "2026-10-03T15:30:00.000Z"),
            // Samoa had no 30 December 2011: it crossed the date line.
            ("Pacific/Apia", 15_338, 540, "2011-12-30T10:00:00.000Z"),
        ];
        for (name, day, minutes, instant) in rows {
            assert_eq!(zone(name).at(Day(day), minutes).to_string(), instant, "{name}");
            assert_eq!(zone(name).name(), name);
        }
        assert_eq!(Zone::parse("Europe/Atlantis"), None);
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for text in ["1969-12-31", "1970-01-01", "2024-02-29", "2027-03-23"] {
            assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Day::parse("1970-01-02"), Some(Day(1)));
        for text in ["", "2027-02-29", "2027-3", "23.03.2027", "2027-03-23 08:00"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_counted_from_1970_on_in_both_directions() {
        let rows = [
            ("UTC", 0, 0, "1970-01-01"),
            ("UTC", -1, -1, "1969-12-31"),
            ("Europe/Berlin", -1, 0, "1970-01-01"),
            ("America/New_York", 0, -1, "1969-12-31"),
            ("UTC", 20_666 * DAY_MS + DAY_MS - 1, 20_666, "2026-08-01"),
            ("UTC", 20_667 * DAY_MS, 20_667, "2026-08-02"),
        ];
        for (name, millis, day, text) in rows {
            let got = zone(name).day_of(Timestamp(millis));
            assert_eq!((got.epoch(), &*got.to_string()), (day, text), "{name} {millis}");
        }
        assert_eq!((Day(5).plus(-7), Day(i32::MAX).plus(1), Day::MIN.plus(-1)), (Day(-2), Day(i32::MAX), Day::MIN));
    }

    #[test]
    fn instants_are_apart_by_milliseconds_and_stop_at_the_ends() {
        let (a, b) = (Timestamp(7), Timestamp(-3));
        assert_eq!((a.since(b), b.since(a), b.plus(10)), (10, -10, a));
        assert_eq!((Timestamp::MAX.since(b), Timestamp::MIN.since(a)), (i64::MAX, i64::MIN));
        assert_eq!((Timestamp::MAX.plus(1), Timestamp::MIN.plus(-1)), (Timestamp::MAX, Timestamp::MIN));
    }

    #[test]
    fn beyond_the_calendar_a_day_has_24_hours_and_begins_as_in_utc() {
        for (day, at) in [(Day(i32::MAX), Timestamp::MAX), (Day::MIN, Timestamp::MIN)] {
            for name in ["Europe/Berlin", "America/New_York"] {
                assert_eq!(zone(name).at(day, 90), Zone::UTC.start_of_day(day).plus(90 * 60_000));
                assert_eq!((zone(name).day_of(at), Zone::UTC.day_of(at)), (day, day));
            }
        }
    }

    #[test]
    fn next_at_is_today_or_tomorrow_but_never_past() {
        let berlin = zone("Europe/Berlin");
        let midnight = berlin.start_of_day(Day(20_666));
        assert_eq!(berlin.next_at(midnight, 600), midnight.plus(10 * 3_600_000));
        assert_eq!(berlin.next_at(midnight.plus(10 * 3_600_000), 600), midnight.plus(10 * 3_600_000));
        assert_eq!(berlin.next_at(midnight.plus(10 * 3_600_000 + 1), 600), midnight.plus(34 * 3_600_000));
    }

    #[test]
    fn days_later_is_the_same_time_of_day_across_a_change_of_the_clocks() {
        let berlin = zone("Europe/Berlin");
        // 24 October 2026; the clocks go back on the 25th.
        let ten = berlin.at(Day(20_750), 600);
        assert_eq!(berlin.days_later(ten, 1).since(ten), DAY_MS);
        let midnight = berlin.at(Day(20_750), 0);
        assert_eq!(berlin.days_later(midnight, 2), berlin.at(Day(20_752), 0));
        assert_eq!(berlin.days_later(midnight, -1), berlin.at(Day(20_749), 0));
    }

    #[test]
    fn weekdays_and_ends_of_months_are_those_of_the_calendar() {
        // Epoch day, weekday from Monday, days to the end of the month.
        for (day, weekday, left) in [(0, 3, 30), (-1, 2, 0), (4, 0, 26), (20_788, 1, 30), (20_147, 4, 0)] {
            assert_eq!((Day(day).weekday(), Day(day).month_end()), (weekday, Day(day + left)), "{}", Day(day));
        }
        let edges = [Day(i32::MIN), Day(i32::MAX), Day(i32::MAX - EPOCH)];
        for day in edges {
            let _ = (day.weekday(), day.month_end(), day.month_and_day());
        }
    }

    #[test]
    fn days_out_of_the_calendar_do_not_panic() {
        let berlin = zone("Europe/Berlin");
        for day in [i32::MIN, i32::MAX, 0] {
            let _ = berlin.start_of_day(Day(day));
        }
        let _ = (berlin.day_of(Timestamp::MIN), berlin.day_of(Timestamp::MAX), Zone::UTC.day_of(Timestamp::MIN));
    }

    #[test]
    fn the_last_and_first_days_of_the_calendar_do_not_panic() {
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        for name in ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "UTC"] {
            for end in [first.timestamp_millis(), last.timestamp_millis()] {
                for at in (-50..=50).map(|hours| Timestamp(end + hours * 3_600_000)) {
                    let day = zone(name).day_of(at);
                    for minutes in [0, 1_439, u16::MAX] {
                        let _ = (zone(name).at(day, minutes), zone(name).next_at(at, minutes), at.to_string());
                    }
                }
            }
        }
    }
}
