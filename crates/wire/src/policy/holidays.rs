//! Which days are not worked.

use dunning_rules::{Calendar, Day, Holidays};

use super::contact::{ClosedOn, WrittenHours};
use super::raw;
use super::ready::Reader;

impl Reader<'_, '_> {
    pub(super) fn calendar(&mut self, file: &raw::PolicyFile) -> Calendar {
        let written = file.business_days.as_ref();
        let mut weekend = [false; 7];
        match written.and_then(|b| b.weekend.as_ref()) {
            Some(days) => days.iter().for_each(|day| weekend[*day as usize] = true),
            None => (weekend[5], weekend[6]) = (true, true),
        }
        if weekend == [true; 7] {
            let help = "name the days that are not worked, and leave one at least";
            self.error("business_days.weekend", "no day of the week is a business day", help);
        }
        let mut holidays = Vec::new();
        for (region, listed) in written.iter().flat_map(|b| &b.holidays) {
            let path = format!("business_days.holidays.{region}");
            let here = self.holidays(&path, if region == "all" { "" } else { region }, listed);
            holidays.push(here);
        }
        let closed = |h: &WrittenHours| h.not_on.contains(&ClosedOn::Holidays);
        let closed = file.contact.as_ref().is_some_and(|c| c.hours.iter().any(closed));
        if !uses_business_days(file) {
            if closed {
                return Calendar { weekend: [false; 7], holidays };
            }
            if written.is_some() {
                let help = "write a distance such as `5bd`, or leave it out";
                self.warn("business_days", "no step counts in business days", help);
            }
            return Calendar::default();
        }
        Calendar { weekend, holidays }
    }

    fn holidays(&mut self, path: &str, region: &str, listed: &[String]) -> Holidays {
        let mut here = Holidays { region: region.into(), ..Holidays::default() };
        for (i, text) in listed.iter().enumerate() {
            // A year with a 29 February, which is a holiday where it exists.
            let yearly = || Day::parse(&format!("2024-{text}"));
            if let Some(day) = yearly().filter(|_| text.len() == 5) {
                here.yearly.extend(day.month_and_day());
            } else if let Some(day) = Day::parse(text) {
                here.days.push(day);
            } else {
                let help = "write `2027-03-26`, or `12-25` for every year (in quotes)";
                self.error(&format!("{path}[{i}]"), format!("`{text}` is not a day"), help);
            }
        }
        here.days.sort_unstable();
        here
    }
}

fn uses_business_days(file: &raw::PolicyFile) -> bool {
    let steps = file.procedures.values().flat_map(|p| &p.steps).chain(&file.before_due);
    steps.into_iter().any(|s| s.at.contains("bd") || s.repeat.as_ref().is_some_and(|r| r.every.contains("bd")))
}
