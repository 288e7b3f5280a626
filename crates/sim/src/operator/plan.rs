//! What happens to one account: decided from the seed and its number alone.

use dunning_rules::DAY_MS;

use super::OperatorOptions;
use crate::random::Random;

const HOUR_MS: i64 = 3_600_000;
/// Days between two bills of an account.
const MONTH_DAYS: i64 = 30;
/// Days from a bill to its last day in time.
const TERM_DAYS: i64 = 14;

/// How a customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// In time, by hand.
    InTime,
    /// By direct debit on the last day.
    DirectDebit,
    /// Some days late, once reminded.
    AfterReminder,
    /// Weeks late, once warned.
    AfterWarning,
    /// When service is restricted.
    AfterBar,
    /// A part of each bill.
    Partly,
    /// Contests a bill.
    Disputes,
    /// By direct debit that the bank sends back.
    ReturnedDebit,
    /// Never.
    Never,
}

impl Behaviour {
    /// Each with its share, in a thousand.
    const SHARES: [(Self, u64); 9] = [
        (Self::InTime, 400),
        (Self::DirectDebit, 260),
        (Self::AfterReminder, 120),
        (Self::AfterWarning, 60),
        (Self::AfterBar, 50),
        (Self::Partly, 25),
        (Self::Disputes, 40),
        (Self::ReturnedDebit, 15),
        (Self::Never, 30),
    ];

    fn draw(random: &mut Random) -> Self {
        let mut at = random.number() % 1_000;
        for (behaviour, share) in Self::SHARES {
            if at < share {
                return behaviour;
            }
            at -= share;
        }
        Self::InTime
    }
}

/// Who a customer is, as far as the plan needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Customer {
    pub(super) behaviour: Behaviour,
    /// Index into the segments.
    pub(super) segment: usize,
    /// Index into the countries.
    pub(super) country: usize,
    pub(super) vulnerable: bool,
    pub(super) opted_out: bool,
    pub(super) has_contacts: bool,
}

/// A bill's smallest and largest amount by segment, in minor units.
const AMOUNTS: [(i64, i64); 3] = [(1_500, 6_000), (7_000, 19_000), (12_000, 60_000)];

impl Customer {
    pub(super) fn draw(random: &mut Random) -> Self {
        Self {
            behaviour: Behaviour::draw(random),
            segment: random.pick(&[0, 0, 0, 0, 0, 1, 1, 1, 1, 2]),
            country: random.pick(&[0, 0, 0, 0, 0, 0, 1, 2, 2, 3]),
            vulnerable: random.chance(20),
            opted_out: random.chance(50),
            has_contacts: !random.chance(30),
        }
    }
}

/// One thing that happens to an account. Bills, payments and so on are numbered within the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happening {
    /// Milliseconds since the epoch.
    pub(super) at: i64,
    pub(super) account: u32,
    /// Within the account, in the order of planning.
    pub(super) number: u16,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Profile,
    Bill { bill: u8, amount: i64 },
    Adjusted { bill: u8, delta: i64 },
    Cancelled { bill: u8 },
    WrittenOff { bill: u8, amount: i64 },
    Credited { amount: i64 },
    Paid { payment: u8, amount: i64, bill: Option<u8> },
    PaymentFailed { payment: u8, amount: i64 },
    Reversed { payment: u8, amount: i64 },
    Disputed { bill: u8, amount: Option<i64> },
    Resolved { credited: Option<i64> },
    BarApproved,
    Used,
}

impl What {
    /// Days from the first to the last day in time of a bill issued on a day.
    pub(super) const TERM_DAYS: i64 = TERM_DAYS;
}

/// Plans one account.
pub(super) struct Planner<'a> {
    options: &'a OperatorOptions,
    account: u32,
    random: Random,
    pub(super) customer: Customer,
    happenings: &'a mut Vec<Happening>,
    number: u16,
    payments: u8,
}

impl<'a> Planner<'a> {
    pub(super) fn new(options: &'a OperatorOptions, account: u32, happenings: &'a mut Vec<Happening>) -> Self {
        let mut random = Random::new(options.seed, u64::from(account));
        let customer = Customer::draw(&mut random);
        Self { options, account, random, customer, happenings, number: 0, payments: 0 }
    }

    pub(super) fn plan(mut self) {
        // Profiles come first of all, a few at each millisecond.
        self.put(i64::from(self.account / 8), What::Profile);
        let first_day = self.random.between(0, MONTH_DAYS - 3);
        let mut open = 0;
        for bill in 0..u8::try_from((self.options.days / 30).max(1)).unwrap_or(u8::MAX) {
            let day = first_day + i64::from(bill) * MONTH_DAYS;
            open = self.month(bill, day, open);
        }
        let weeks = i64::from(self.options.days) / 7;
        for week in 0..weeks {
            let at = week * 7 * DAY_MS + self.random.between(HOUR_MS, 7 * DAY_MS - HOUR_MS);
            self.put(at, What::Used);
        }
        if self.random.chance(10) {
            let day = self.random.between(5, 80);
            let at = self.hours(day);
            self.put(at, What::Profile);
        }
    }

    /// One bill and what becomes of it; gives what stays open, with what was open before.
    fn month(&mut self, bill: u8, day: i64, open: i64) -> i64 {
        let (low, high) = AMOUNTS[self.customer.segment];
        let amount = self.random.between(low, high);
        let at = day * DAY_MS + self.random.between(2 * HOUR_MS, 3 * HOUR_MS);
        self.put(at, What::Bill { bill, amount });
        if self.random.chance(15) {
            // Billed wrongly: withdrawn, and not billed anew before the next month.
            let at = self.hours(day + 3);
            self.put(at, What::Cancelled { bill });
            return open;
        }
        let mut owed = amount;
        if self.random.chance(25) {
            let delta = self.random.between(-amount / 5, amount / 10);
            let at = self.hours(day + 5);
            self.put(at, What::Adjusted { bill, delta });
            owed += delta;
        }
        if self.random.chance(10) {
            let at = self.hours(day + 6);
            self.put(at, What::Credited { amount: 500 });
        }
        self.settle(bill, day + TERM_DAYS, owed, open)
    }

    /// How the customer meets a bill whose last day is `due`.
    fn settle(&mut self, bill: u8, due: i64, owed: i64, open: i64) -> i64 {
        // Who has learned pays the later bills in time.
        let behaviour = match self.customer.behaviour {
            Behaviour::AfterBar if bill >= 2 => Behaviour::InTime,
            Behaviour::Disputes | Behaviour::ReturnedDebit if bill >= 1 => Behaviour::InTime,
            other => other,
        };
        match behaviour {
            Behaviour::InTime => self.pay_between(due - 10, due, bill, owed),
            Behaviour::DirectDebit => {
                self.pay(due * DAY_MS + 5 * HOUR_MS, owed, Some(bill));
            }
            Behaviour::AfterReminder => {
                if self.random.chance(200) {
                    let payment = self.payments;
                    let at = self.hours(due);
                    self.put(at, What::PaymentFailed { payment, amount: owed });
                }
                self.pay_between(due + 5, due + 9, bill, owed);
            }
            Behaviour::AfterWarning => self.pay_between(due + 12, due + 29, bill, owed),
            Behaviour::AfterBar if bill == 0 => return open + owed,
            Behaviour::AfterBar => self.pay_all(due, owed + open),
            Behaviour::Partly => {
                let part = owed * self.random.between(20, 80) / 100;
                self.pay_between(due - 3, due + 20, bill, part.max(1));
            }
            Behaviour::Disputes => self.dispute(bill, due, owed),
            Behaviour::ReturnedDebit => self.return_debit(bill, due, owed),
            Behaviour::Never => self.default(bill, due, owed),
        }
        open
    }

    /// The first bill and the second are paid with one transfer, some days after the first one's bar.
    fn pay_all(&mut self, second_due: i64, amount: i64) {
        let first_due = second_due - MONTH_DAYS;
        let day = first_due + self.random.between(33, 48);
        let at = self.hours(day);
        self.pay(at, amount, None);
    }

    /// The whole bill or a part of it, soon after the reminder or only after the bar; upheld or rejected.
    fn dispute(&mut self, bill: u8, due: i64, owed: i64) {
        let day =
            if self.random.chance(300) { due + self.random.between(33, 36) } else { due + self.random.between(5, 25) };
        let whole = self.random.chance(700);
        let amount = (!whole).then(|| (owed / 2).max(1));
        let at = self.hours(day);
        self.put(at, What::Disputed { bill, amount });
        if !whole {
            self.pay(at + HOUR_MS, owed - owed / 2, None);
        }
        let upheld = self.random.chance(500);
        let credited = upheld.then(|| amount.unwrap_or(owed));
        let end = day + self.random.between(8, 20);
        let at = self.hours(end);
        self.put(at, What::Resolved { credited });
        if !upheld && self.random.chance(700) {
            self.pay_between(end + 2, end + 12, bill, owed);
        }
    }

    /// The bank takes the debit back; most then pay by transfer.
    fn return_debit(&mut self, bill: u8, due: i64, owed: i64) {
        let payment = self.payments;
        self.pay(due * DAY_MS + 5 * HOUR_MS, owed, Some(bill));
        let at = self.hours(due + 4);
        self.put(at, What::Reversed { payment, amount: owed });
        if self.random.chance(700) {
            self.pay_between(due + 10, due + 30, bill, owed);
        }
    }

    fn default(&mut self, bill: u8, due: i64, owed: i64) {
        if bill > 0 {
            return;
        }
        if self.customer.vulnerable && self.random.chance(500) {
            let at = self.hours(due + 40);
            self.put(at, What::BarApproved);
        }
        if self.random.chance(100) {
            let at = self.hours(due + 60);
            self.put(at, What::WrittenOff { bill, amount: owed });
        }
    }

    fn pay_between(&mut self, from: i64, to: i64, bill: u8, amount: i64) {
        let day = self.random.between(from, to);
        let named = self.random.chance(800).then_some(bill);
        let at = self.hours(day);
        self.pay(at, amount, named);
    }

    fn pay(&mut self, at: i64, amount: i64, bill: Option<u8>) {
        let payment = self.payments;
        self.payments += 1;
        if amount > 0 {
            self.put(at, What::Paid { payment, amount, bill });
        }
    }

    /// An instant of a day, between six and twenty-two o'clock.
    fn hours(&mut self, day: i64) -> i64 {
        day * DAY_MS + self.random.between(6 * HOUR_MS, 22 * HOUR_MS)
    }

    /// `at` counts from the start. What lies beyond the last day does not happen.
    fn put(&mut self, at: i64, what: What) {
        if (0..i64::from(self.options.days) * DAY_MS).contains(&at) {
            let at = self.options.start.millis() + at;
            self.happenings.push(Happening { at, account: self.account, number: self.number, what });
            self.number += 1;
        }
    }
}
