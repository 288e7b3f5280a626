//! Amounts and days as people write them, in the language of a notice: ready for a template. By the CLDR, as ICU4X has it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use chrono::{Datelike, NaiveDate};
use dunning_rules::{Currency, Day, Minor};
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::YMD;
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::Locale;

use crate::api::decimals;

/// A lane writes in few languages; where a source makes up more, they are made anew.
const LANGUAGES_MAX: usize = 64;
/// What is written where a language is not known.
const DEFAULT: &str = "en";
/// 1970-01-01, counted from the first day of the year 1.
const EPOCH: i32 = 719_163;
/// Between an amount and its currency.
const NO_BREAK: char = '\u{a0}';

struct Language {
    number: DecimalFormatter,
    date: FixedCalendarDateTimeFormatter<Gregorian, YMD>,
}

thread_local! {
    static LANGUAGES: RefCell<HashMap<Box<str>, Option<Rc<Language>>>> = RefCell::default();
}

/// Writes amounts and days in a language.
pub(super) struct Local(Option<Rc<Language>>);

impl Local {
    /// Of a BCP 47 tag; what is no language is written in English.
    pub(super) fn of(tag: &str) -> Self {
        let known = LANGUAGES.with_borrow_mut(|known| {
            if let Some(language) = known.get(tag) {
                return language.clone();
            }
            if known.len() >= LANGUAGES_MAX {
                known.clear();
            }
            let language = Language::of(tag).or_else(|| Language::of(DEFAULT)).map(Rc::new);
            known.insert(tag.into(), language.clone());
            language
        });
        Self(known)
    }

    /// An amount with as many decimals as its currency has, and the currency's code.
    pub(super) fn amount(&self, amount: Minor, currency: Option<Currency>) -> String {
        let code = currency.as_ref().map_or("", |currency| currency.as_str());
        let mut value = Decimal::from(amount.get());
        let digits = i16::try_from(decimals(code)).unwrap_or(2);
        value.multiply_pow10(-digits);
        let number = match &self.0 {
            Some(language) => language.number.format(&value).to_string(),
            None => value.to_string(),
        };
        if code.is_empty() { number } else { format!("{number}{NO_BREAK}{code}") }
    }

    /// A day, its month in a word.
    pub(super) fn day(&self, day: Day) -> String {
        let date = NaiveDate::from_num_days_from_ce_opt(day.epoch().saturating_add(EPOCH));
        let number = |n: u32| u8::try_from(n).unwrap_or(0);
        let date = date.and_then(|d| Date::try_new_gregorian(d.year(), number(d.month()), number(d.day())).ok());
        match (&self.0, date) {
            (Some(language), Some(date)) => language.date.format(&date).to_string(),
            _ => day.to_string(),
        }
    }
}

impl Language {
    fn of(tag: &str) -> Option<Self> {
        let locale: Locale = tag.parse().ok()?;
        Some(Self {
            number: DecimalFormatter::try_new(
                (&locale).into(),
                icu_decimal::options::DecimalFormatterOptions::default(),
            )
            .ok()?,
            date: FixedCalendarDateTimeFormatter::try_new((&locale).into(), YMD::long()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_days_are_written_as_people_there_do() {
        let day = Day::parse("2026-09-02").expect("a day");
        // Tag, currency, minor units, amount and day.
        let rows = [
            ("de", "EUR", 1_234_550, "12.345,50 EUR", "2. September 2026"),
            ("de-AT", "EUR", 1_234_550, "12 345,50 EUR", "2. September 2026"),
            ("en", "EUR", 1_234_550, "12,345.50 EUR", "September 2, 2026"),
            ("en-GB", "GBP", 5, "0.05 GBP", "2 September 2026"),
            ("fr-BE", "EUR", 1_234_550, "12 345,50 EUR", "2 septembre 2026"),
            ("ja", "JPY", 12_345, "12,345 JPY", "2026年9月2日"),
            ("en", "KWD", 12_345, "12.345 KWD", "September 2, 2026"),
            ("no language", "EUR", -100, "-1.00 EUR", "September 2, 2026"),
            ("th", "THB", 100, "1.00 THB", "2 กันยายน ค.ศ. 2026"),
        ];
        for (tag, code, minor, amount, date) in rows {
            let local = Local::of(tag);
            let written = local.amount(Minor::new(minor), Currency::parse(code));
            // Spaces within a number are of several kinds.
            let plain = |text: &str| text.replace(['\u{a0}', '\u{202f}'], " ");
            assert_eq!((plain(&written), plain(&local.day(day))), (amount.to_owned(), date.to_owned()), "{tag}");
        }
        assert_eq!(Local::of("de").amount(Minor::new(100), None), "1,00");
    }

    #[test]
    fn made_up_languages_do_not_fill_the_memory() {
        for n in 0..3 * LANGUAGES_MAX {
            Local::of(&format!("en-x-made{n}"));
        }
        assert!(LANGUAGES.with_borrow(|known| known.len() <= LANGUAGES_MAX));
    }
}
