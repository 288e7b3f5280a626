use crate::{Calendar, Channel, Timestamp, Withdraw, Zone};

/// When and how often customers are told anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactRules {
    /// The hours of channels; a channel that is in none is open at all times.
    pub hours: Vec<ContactHours>,
    /// How many notices go out at most.
    pub caps: Vec<Cap>,
    /// How long customers are left alone after they were spoken to.
    pub quiet: Vec<Quiet>,
    /// Planned notices are spread over so many milliseconds, each account always at the same place.
    pub spread_ms: i64,
    /// Messages that are not wanted any more, and may still lie unsent.
    pub withdraw: Vec<Withdraw>,
}

/// Some channels; none: all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels(u8);

/// Hours in which something may be sent on some channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactHours {
    /// Which channels.
    pub channels: Channels,
    /// Minutes after local midnight.
    pub from: u16,
    /// Minutes after local midnight, at most 1440; nothing is sent from then on.
    pub until: u16,
    /// The days of the week on which nothing is sent, Monday first.
    pub closed: [bool; 7],
    /// True: nothing is sent on holidays either.
    pub closed_on_holidays: bool,
}

/// At most so many notices in a time that ends with each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// On which channels, counted together.
    pub channels: Channels,
    /// At least one.
    pub most: u16,
    /// Milliseconds.
    pub within_ms: i64,
}

/// Nothing goes out on some channels for so long after a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// On which channels.
    pub channels: Channels,
    /// Milliseconds.
    pub for_ms: i64,
}

/// A contact that was made, as far as caps count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contacted {
    /// When.
    pub at: Timestamp,
    /// How.
    pub channel: Channel,
}

/// Where an account lives: where its days begin, and which are holidays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) zone: Zone,
    pub(crate) region: &'a str,
    pub(crate) calendar: &'a Calendar,
}

/// Rules that agree on no instant within so many steps never do.
const ROUNDS_MAX: usize = 400;

impl Channels {
    /// These channels.
    #[must_use]
    pub fn of(channels: &[Channel]) -> Self {
        Self(channels.iter().fold(0, |bits, c| bits | 1 << (*c as u8)))
    }

    /// True where a channel is among them.
    #[must_use]
    pub const fn has(self, channel: Channel) -> bool {
        self.0 == 0 || self.0 & 1 << (channel as u8) != 0
    }
}

impl ContactRules {
    /// True where some cap counts a channel.
    pub(crate) fn counts(&self, channel: Channel) -> bool {
        self.caps.iter().any(|cap| cap.channels.has(channel))
    }

    /// Contacts before this are counted by no cap any more.
    pub(crate) fn forgotten_before(&self, at: Timestamp) -> Timestamp {
        at.plus(-self.caps.iter().map(|cap| cap.within_ms).max().unwrap_or(0))
    }

    /// The first instant not before `at` in which a channel is open.
    pub(crate) fn open_from(&self, channel: Channel, at: Timestamp, place: Place<'_>) -> Timestamp {
        let mut at = at;
        let hours = || self.hours.iter().filter(|h| h.channels.has(channel));
        for _ in 0..ROUNDS_MAX {
            let Some(later) = hours().map(|h| h.open_from(at, place)).find(|open| *open > at) else { break };
            at = later;
        }
        at
    }

    /// The first instant not before `at` in which a channel is open and no cap is full.
    pub(crate) fn free_from(
        &self,
        channel: Channel,
        at: Timestamp,
        place: Place<'_>,
        contacts: &[Contacted],
        conversed: Option<Timestamp>,
    ) -> Timestamp {
        let mut at = self.open_from(channel, at.max(self.quiet_until(channel, conversed)), place);
        let caps = || self.caps.iter().filter(|cap| cap.channels.has(channel));
        for _ in 0..ROUNDS_MAX {
            let Some(later) = caps().map(|cap| cap.free_from(at, contacts)).find(|free| *free > at) else { break };
            at = self.open_from(channel, later, place);
        }
        at
    }
}

impl ContactRules {
    /// The end of the time in which a customer who was spoken to is left alone on a channel.
    pub(crate) fn quiet_until(&self, channel: Channel, conversed: Option<Timestamp>) -> Timestamp {
        let of = self.quiet.iter().filter(|quiet| quiet.channels.has(channel)).map(|quiet| quiet.for_ms).max();
        conversed.zip(of).map_or(Timestamp::MIN, |(at, for_ms)| at.plus(for_ms))
    }
}

impl ContactHours {
    /// The first instant not before `at` of these hours; `at` itself where the day has none, for the next round.
    fn open_from(&self, at: Timestamp, place: Place<'_>) -> Timestamp {
        let mut day = place.zone.day_of(at);
        let closed = |day: crate::Day| {
            self.closed[usize::from(day.weekday())]
                || (self.closed_on_holidays && place.calendar.is_holiday(day, place.region))
        };
        if !closed(day) && at < self.end_of(day, place.zone) {
            return at.max(place.zone.at(day, self.from));
        }
        for _ in 0..ROUNDS_MAX {
            day = day.plus(1);
            if !closed(day) {
                return place.zone.at(day, self.from);
            }
        }
        at
    }

    fn end_of(&self, day: crate::Day, zone: Zone) -> Timestamp {
        if self.until >= 1_440 { zone.end_of_day(day) } else { zone.at(day, self.until) }
    }
}

impl Cap {
    /// The first instant not before `at` at which one more is not too many.
    fn free_from(&self, at: Timestamp, contacts: &[Contacted]) -> Timestamp {
        let counted = || contacts.iter().filter(|c| self.channels.has(c.channel) && at.since(c.at) < self.within_ms);
        let over = (counted().count() + 1).saturating_sub(usize::from(self.most.max(1)));
        // So many of the oldest have to be out of the time first.
        let last = over.checked_sub(1).and_then(|n| counted().nth(n));
        last.map_or(at, |c| at.max(c.at.plus(self.within_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DAY_MS, Holidays};

    const HOUR: i64 = 3_600_000;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MS + hour * HOUR)
    }

    fn rules() -> ContactRules {
        let days = Channels::of(&[Channel::Sms, Channel::Voice]);
        let closed = [false, false, false, false, false, false, true];
        let hours = |channels, from: u16, until: u16| ContactHours {
            channels,
            from: from * 60,
            until: until * 60,
            closed,
            closed_on_holidays: true,
        };
        let cap =
            |channels: &[Channel], most, days| Cap { channels: Channels::of(channels), most, within_ms: days * DAY_MS };
        ContactRules {
            hours: vec![hours(days, 8, 21), hours(Channels::of(&[Channel::Voice]), 10, 18)],
            caps: vec![cap(&[Channel::Sms], 2, 7), cap(&[], 3, 7)],
            quiet: vec![Quiet { channels: days, for_ms: 3 * DAY_MS }],
            ..ContactRules::default()
        }
    }

    fn calendar() -> Calendar {
        // Day 8 is a Friday.
        let holidays = vec![Holidays { region: "DE".into(), days: vec![crate::Day::from_epoch(8)], yearly: vec![] }];
        Calendar { weekend: [false; 7], holidays }
    }

    #[test]
    fn what_falls_into_quiet_hours_comes_when_all_rules_of_its_channel_allow_it() {
        let calendar = calendar();
        // Day 7 is a Thursday, day 10 a Sunday.
        let rows = [
            (Channel::Sms, "AT", (7, 9), (7, 9)),
            (Channel::Sms, "AT", (7, 7), (7, 8)),
            (Channel::Sms, "AT", (7, 21), (8, 8)),
            (Channel::Sms, "DE", (7, 21), (9, 8)),
            (Channel::Sms, "AT", (9, 22), (11, 8)),
            (Channel::Voice, "AT", (7, 9), (7, 10)),
            (Channel::Voice, "AT", (7, 18), (8, 10)),
            (Channel::Email, "DE", (10, 3), (10, 3)),
        ];
        for (channel, region, from, wanted) in rows {
            let place = Place { zone: Zone::UTC, region, calendar: &calendar };
            let found = rules().open_from(channel, at(from.0, from.1), place);
            assert_eq!(found, at(wanted.0, wanted.1), "{channel:?} {region} {from:?}");
        }
    }

    #[test]
    fn a_full_cap_is_free_when_the_oldest_of_those_that_count_is_out_of_it() {
        let calendar = Calendar::default();
        let place = Place { zone: Zone::UTC, region: "", calendar: &calendar };
        let sent = |rows: &[(i64, Channel)]| -> Vec<_> {
            rows.iter().map(|(day, channel)| Contacted { at: at(*day, 9), channel: *channel }).collect()
        };
        let rows = [
            (vec![], (5, 9)),
            (vec![(1, Channel::Sms)], (5, 9)),
            (vec![(1, Channel::Sms), (2, Channel::Sms)], (8, 9)),
            // The week is over at the very hour.
            (vec![(-2, Channel::Sms), (2, Channel::Sms)], (5, 9)),
            (vec![(1, Channel::Email), (2, Channel::Email), (4, Channel::Letter)], (8, 9)),
            (vec![(1, Channel::Sms), (2, Channel::Sms), (4, Channel::Letter), (5, Channel::Letter)], (9, 9)),
        ];
        for (contacts, wanted) in rows {
            let found = rules().free_from(Channel::Sms, at(5, 9), place, &sent(&contacts), None);
            assert_eq!(found, at(wanted.0, wanted.1), "{contacts:?}");
        }
        let two = sent(&[(1, Channel::Sms), (2, Channel::Sms)]);
        assert_eq!(rules().free_from(Channel::Email, at(5, 9), place, &two, None), at(5, 9));
    }

    #[test]
    fn who_was_spoken_to_is_left_alone_for_a_while() {
        let calendar = calendar();
        let place = Place { zone: Zone::UTC, region: "AT", calendar: &calendar };
        let rows = [
            (Channel::Sms, (3, 12), (6, 12)),
            // Three days later at night: in the morning.
            (Channel::Sms, (3, 23), (7, 8)),
            (Channel::Sms, (2, 9), (5, 9)),
            (Channel::Email, (4, 12), (5, 9)),
        ];
        for (channel, spoken, wanted) in rows {
            let found = rules().free_from(channel, at(5, 9), place, &[], Some(at(spoken.0, spoken.1)));
            assert_eq!(found, at(wanted.0, wanted.1), "{channel:?} {spoken:?}");
        }
    }

    #[test]
    fn channels_are_those_named_once_or_twice_and_all_where_none_is() {
        let two = Channels::of(&[Channel::Sms, Channel::Email, Channel::Sms]);
        let has: Vec<_> = Channel::ALL.into_iter().filter(|channel| two.has(*channel)).collect();
        assert_eq!(has, [Channel::Email, Channel::Sms]);
        assert!(Channel::ALL.into_iter().all(|channel| Channels::of(&[]).has(channel)));
    }

    #[test]
    fn hours_that_never_open_come_to_an_end() {
        let mut rules = rules();
        rules.hours[0].closed = [true; 7];
        let calendar = Calendar::default();
        let place = Place { zone: Zone::UTC, region: "", calendar: &calendar };
        assert_eq!(rules.open_from(Channel::Sms, at(5, 9), place), at(5, 9));
    }
}
