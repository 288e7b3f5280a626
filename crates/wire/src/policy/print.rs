//! A policy as it is read aloud: numbered sentences, and one customer's calendar under it.

use dunning_rules::{
    Account, Action, Anchor, BarLevel, BelowMinimum, Body, Cap, Channel, Channels, Contact, ContactHours, Currency,
    Day, Event, FlagOf, GateAnswer, Input, LedgerKind, Minor, NumberOf, Offset, PlanOffer, Policy, PolicyBook, Profile,
    Quiet, Repeat, Resumes, Shortcuts, Step, StepAction, Test, Timestamp, Unmet, Withdraw, WordOf, Zone, ZoneRule,
    step,
};

use super::{Loaded, change, charges, duration, early, notices, pauses, retries, service};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// A calendar shows no more: a ladder can go on as long as something is owed.
const LINES_MAX: usize = 20;

/// The policy in numbered sentences.
#[must_use]
pub fn print(loaded: &Loaded) -> String {
    let policy = &loaded.policy;
    let mut page = Page { text: heading(loaded), number: 0 };
    page.say(&zone(policy));
    page.say(&minimum(policy));
    page.say(&leaving(policy));
    page.say(&lateness(policy));
    if policy.shortcuts != Shortcuts::NONE {
        page.say(&format!("SHORTCUTS ARE ON, so this is no policy for customers: {}.", loaded.shortcuts_on.join(", ")));
    }
    page.say(&comes_back(policy.options.resumes));
    if let Some(sentence) = change::sentence(&policy.options.on_change) {
        page.say(&sentence);
    }
    contact(policy, &mut page);
    if policy.options.localised {
        page.say("Notices give amounts and days also as people write them in the customer's language.");
    }
    for sentence in pauses::sentences(&policy.options.pauses) {
        page.say(&sentence);
    }
    page.say(&retries::sentence(policy.options.retries.as_deref()));
    for sentence in service::sentences(policy.options.service.as_deref()) {
        page.say(&sentence);
    }
    for sentence in charges::sentences(policy) {
        page.say(&sentence);
    }
    page.say(&format!(
        "Where a person is to be forgotten, the profile goes at once, and all else when nothing is owed and {} have passed \
         since the last payment.",
        days(policy.options.payments_kept_days)
    ));
    early::sentence(policy).into_iter().for_each(|sentence| page.say(&sentence));
    for step in &policy.options.before_due {
        page.say(&format!("Before a bill is due that is owed and not disputed, {}", told(policy, step)));
    }
    select(policy, &mut page);
    for place in 0..u16::try_from(policy.options.procedures.len()).unwrap_or(0).max(1) {
        procedure(policy, place, &mut page);
    }
    page.text
}

/// What comes to one customer who never pays a bill that is due on a day, with the times of the policy's zone. The bill is
/// in the first currency that is dunned, without an amount of twice the minimum, and was issued 14 days before. Empty where
/// nobody is dunned.
#[must_use]
pub fn calendar(policy: &Policy, due: Day, amount: Option<Minor>) -> String {
    let Some((currency, least)) = dunned_currency(policy) else { return String::new() };
    let amount = amount.unwrap_or(least + least);
    let zone = match policy.zone {
        ZoneRule::Fixed(zone) | ZoneRule::Profile(zone) => zone,
    };
    let issued = due.plus(-14);
    let mut walk = Walk {
        account: Account::new("customer"),
        book: PolicyBook::new(std::sync::Arc::new(policy.clone()), None),
        lines: vec![(zone.start_of_day(issued), format!("the bill of {amount} {} is issued", currency.as_str()))],
    };
    walk.lines.push((zone.start_of_day(due), "the bill is due".to_owned()));
    let bill = Body::BillIssued {
        bill_id: "bill",
        amount,
        currency,
        issued_on: issued,
        due_on: due,
        terms: Vec::new(),
        lines: Vec::new(),
        kind: "regular",
        origin: None,
    };
    walk.meets("profile", Body::Profile(Box::new(profile(zone))), zone.start_of_day(issued));
    walk.meets("bill", bill, zone.start_of_day(issued));
    while let Some(at) = walk.account.deadline().filter(|_| walk.lines.len() < LINES_MAX) {
        walk.take(&Event::Deadline, at);
    }
    walk.lines.sort_by_key(|(at, _)| *at);
    let mut text = format!("One customer, whose bill is due on {due} and never paid:\n");
    for (at, line) in &walk.lines {
        let day = zone.day_of(*at);
        let minutes = at.since(zone.start_of_day(day)) / 60_000;
        let weekday = &WEEKDAYS[usize::from(day.weekday())][..3];
        text.push_str(&format!("  {weekday} {day} {:02}:{:02}  {line}\n", minutes / 60, minutes % 60));
    }
    let end =
        if walk.account.deadline().is_some() { "… and so on, as long as it is owed." } else { "Nothing more comes." };
    text + "  " + end + "\n"
}

struct Walk {
    account: Account,
    book: PolicyBook,
    lines: Vec<(Timestamp, String)>,
}

impl Walk {
    fn meets(&mut self, event_id: &str, body: Body<'_>, at: Timestamp) {
        self.take(&Event::Input(Input { event_id, occurred_at: at, body }), at);
    }

    fn take(&mut self, event: &Event<'_>, now: Timestamp) {
        let account = std::mem::replace(&mut self.account, Account::new(""));
        let after = step(account, event, &self.book, now);
        self.account = after.account;
        for command in after.commands {
            let named = |day: Option<Day>| day.map(|day| format!(", naming {day}")).unwrap_or_default();
            let line = match &command.action {
                Action::Notify { channel, announced_for, .. } => {
                    format!("{} by {}{}", command.step, channel.symbol(), named(*announced_for))
                }
                Action::Bar { level, .. } => format!("{}: barred, {}", command.step, level.symbol()),
                Action::Withdraw { .. } => format!("{} is withdrawn", command.step),
                Action::Restore { .. } => "everything is restored".to_owned(),
                Action::Retry { .. } => "a payment that failed is collected again".to_owned(),
                Action::Ledger { kind: LedgerKind::Waiver, .. } => {
                    format!("{}: {} of it is given up", command.step, command.amount_due)
                }
                Action::Ledger { kind: LedgerKind::WriteOff, .. } => {
                    format!("{}: billing is asked to give up {}", command.step, command.amount_due)
                }
                Action::Ledger { .. } => format!("{}: {} is charged", command.step, command.amount_due),
            };
            self.lines.push((command.decided_at, line));
        }
        if self.account.pending().is_some_and(|bar| bar.held.is_none()) {
            self.take(&Event::Gate(GateAnswer::Cleared), self.account.line);
        }
    }
}

/// A customer without particulars, reached on every channel.
fn profile(zone: Zone) -> Profile {
    let contact = |channel: Channel| Contact { channel, address: "".into(), consent: true };
    Profile {
        segment: "consumer".into(),
        region: "".into(),
        risk_class: "".into(),
        language: "en".into(),
        zone,
        vulnerable: false,
        customer_since: None,
        contacts: Channel::ALL.into_iter().map(contact).collect(),
        services: Vec::new(),
        payment_link: None,
        status: "active".into(),
        facts: None,
    }
}

fn dunned_currency(policy: &Policy) -> Option<(Currency, Minor)> {
    let listed = policy.minimum.iter().find(|(_, least)| *least < Minor::EVENT_MAX).copied();
    listed.or_else(|| Some((Currency::parse("EUR")?, policy.minimum_other?)))
}

pub(super) fn days(days: u16) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

struct Page {
    text: String,
    number: usize,
}

impl Page {
    fn say(&mut self, sentence: &str) {
        self.number += 1;
        self.text.push_str(&format!("{:>2}. {sentence}\n", self.number));
    }

    fn say_under(&mut self, number: usize, sentence: &str) {
        self.text.push_str(&format!("    {}.{number} {sentence}\n", self.number));
    }
}

fn heading(loaded: &Loaded) -> String {
    let about = loaded.description.as_deref().map(|text| format!(": {}", text.trim())).unwrap_or_default();
    format!("Policy {}{about}\n\n", loaded.policy.label)
}

fn zone(policy: &Policy) -> String {
    match policy.zone {
        ZoneRule::Fixed(zone) => format!("Days begin in {} for everybody.", zone.name()),
        ZoneRule::Profile(zone) => {
            format!("Days begin in the customer's own time zone; in {} where no profile is known.", zone.name())
        }
    }
}

fn minimum(policy: &Policy) -> String {
    let amounts = policy.minimum.iter().filter(|(_, least)| *least <= Minor::EVENT_MAX);
    let never = policy.minimum.iter().filter(|(_, least)| *least > Minor::EVENT_MAX);
    let mut parts: Vec<String> = amounts.map(|(c, least)| format!("{least} {}", c.as_str())).collect();
    let other = if policy.minimum.is_empty() { "any currency" } else { "any other currency" };
    parts.extend(policy.minimum_other.map(|least| format!("{least} in {other}")));
    let mut text = format!("Nobody is dunned who owes less than {}.", listed(&parts, "or"));
    let mut never: Vec<String> = never.map(|(c, _)| c.as_str().to_owned()).collect();
    if policy.minimum_other.is_none() {
        never.push("any other currency".to_owned());
    }
    if !never.is_empty() {
        text.push_str(&format!(" Accounts in {} are never dunned.", listed(&never, "or")));
    }
    if policy.shortcuts.below_minimum == BelowMinimum::Wait {
        text.push_str(" A step waits while less is owed.");
    }
    text
}

fn leaving(policy: &Policy) -> String {
    let options = &policy.options;
    let mut parts: Vec<String> = options.restore_below.iter().map(|(c, n)| format!("{n} {}", c.as_str())).collect();
    if options.restore_below_other > Minor::new(1) {
        parts.push(format!("{} in any other currency", options.restore_below_other));
    }
    if parts.is_empty() {
        return "A cycle ends, and every bar with it, once nothing is overdue that is not disputed.".to_owned();
    }
    format!("A cycle ends, and every bar with it, once less than {} is overdue.", listed(&parts, "or"))
}

fn comes_back(resumes: Resumes) -> String {
    let goes_on = [
        (resumes.reversal, "a payment is taken back"),
        (resumes.dispute_lost, "a dispute is rejected or withdrawn"),
        (resumes.write_off_reversed, "a write-off is taken back"),
    ];
    let goes_on: Vec<String> = goes_on.into_iter().filter(|(on, _)| *on).map(|(_, words)| words.to_owned()).collect();
    if goes_on.is_empty() {
        return "A debt that comes back is dunned from the first step on.".to_owned();
    }
    format!(
        "A debt that comes back is dunned on where it stood when {}, and else from the first step on.",
        listed(&goes_on, "or")
    )
}

fn lateness(policy: &Policy) -> String {
    let start = format!("Who is found late starts as if the debt were {} old.", duration::words(policy.late_start_ms));
    match policy.late_after_ms {
        Some(after) => format!(
            "{start} A step that comes more than {} late moves the steps after it by as much.",
            duration::words(after)
        ),
        None => format!("{start} Late steps move no others."),
    }
}

fn contact(policy: &Policy, page: &mut Page) {
    let Some(rules) = policy.options.contact.as_deref() else { return };
    for hours in &rules.hours {
        page.say(&hours_words(hours));
    }
    for Cap { channels, most, within_ms } in &rules.caps {
        let of = if all(*channels) { "notices".to_owned() } else { format!("notices by {}", names(*channels)) };
        page.say(&format!("At most {most} {of} go to a customer in {}.", duration::words(*within_ms)));
    }
    for Quiet { channels, for_ms } in &rules.quiet {
        let by = if all(*channels) { "any channel".to_owned() } else { names(*channels) };
        page.say(&format!("Who was spoken to is told nothing by {by} for {}.", duration::words(*for_ms)));
    }
    for Withdraw { channels, within_ms } in &rules.withdraw {
        let by = if all(*channels) { "any channel".to_owned() } else { names(*channels) };
        let within = duration::words(*within_ms);
        page.say(&format!(
            "A notice by {by} is withdrawn where its debt is gone within {within} and nothing was heard of it."
        ));
    }
    if rules.spread_ms > 0 {
        page.say(&format!("Planned notices are spread over {}.", duration::words(rules.spread_ms)));
    }
}

fn hours_words(hours: &ContactHours) -> String {
    let who = if all(hours.channels) { "any channel".to_owned() } else { names(hours.channels) };
    let mut closed: Vec<String> = (0..7).filter(|d| hours.closed[*d]).map(|d| format!("{}s", WEEKDAYS[d])).collect();
    if hours.closed_on_holidays {
        closed.push("holidays".to_owned());
    }
    let not = if closed.is_empty() { String::new() } else { format!(", never on {}", listed(&closed, "or")) };
    format!("By {who} customers are told only from {} until {}{not}.", time(hours.from), time(hours.until))
}

fn select(policy: &Policy, page: &mut Page) {
    if policy.options.procedures.is_empty() {
        return;
    }
    page.say(
        "When a cycle begins, the first rule that takes the account chooses its procedure, to the end of the cycle:",
    );
    let name = |procedure: u16| policy.procedure_name(procedure).map_or("", |name| name);
    for (i, rule) in policy.options.select.iter().enumerate() {
        let mut asks: Vec<String> = rule.when.iter().map(test).collect();
        if let Some(share) = &rule.share {
            let percent = f64::from(share.end - share.first) / 100.0;
            asks.push(format!("the account is among {percent}% drawn for `{}`", share.group));
        }
        page.say_under(i + 1, &format!("`{}`: where {}, `{}`.", rule.name, listed(&asks, "and"), name(rule.procedure)));
    }
    page.say_under(policy.options.select.len() + 1, &format!("Everybody else: `{}`.", name(0)));
}

fn procedure(policy: &Policy, place: u16, page: &mut Page) {
    match policy.procedure_name(place) {
        Some(name) => page.say(&format!("Procedure `{name}`, as long as the debt is owed:")),
        None => page.say("What happens, as long as the debt is owed:"),
    }
    for (i, step) in policy.steps.get(policy.ladder(place)).unwrap_or_default().iter().enumerate() {
        page.say_under(i + 1, &told(policy, step));
    }
}

/// A step as a sentence.
fn told(policy: &Policy, step: &Step) -> String {
    format!("`{}`: {}{}", step.name, when(step), deed(policy, step))
}

/// What is done, from when of the day on, and on which conditions.
pub(super) fn deed(policy: &Policy, step: &Step) -> String {
    let mut text = String::new();
    if let Some(minutes) = step.time_of_day {
        text.push_str(&format!(", from {}", time(minutes)));
    }
    match &step.action {
        StepAction::Notify { channel, purpose, mandatory, .. } => {
            let despite = if *mandatory { ", also to who opted out" } else { "" };
            let others = step.alternatives().iter().map(|other| other.symbol().to_owned());
            let ways: Vec<String> = std::iter::once(channel.symbol().to_owned()).chain(others).collect();
            text.push_str(&format!(", the customer is told by {} ({purpose}{despite})", listed(&ways, "or else")));
            text.push_str(&notices::words(step));
            if let Some(PlanOffer { parts, first_days, every_days }) = step.offer() {
                text.push_str(&format!(
                    " and offered to pay in {parts} parts, the first in {first_days} days and then every {every_days} days"
                ));
            }
        }
        StepAction::WriteOff { .. } => {
            text.push_str(", billing is asked to give up what is dunned, bill by bill");
        }
        StepAction::Bar { level, warning } => {
            match level {
                BarLevel::Terminated => {
                    text.push_str(", the service is ended (TERMINATED), and no payment brings it back")
                }
                level => text.push_str(&format!(", the account is barred ({})", level.symbol())),
            }
            let warned = warning.and_then(|rule| Some((policy.steps.get(rule.step)?, rule.notice_ms)));
            if let Some((warning, notice)) = warned {
                text.push_str(&format!(", if `{}` was sent at least {} before", warning.name, duration::words(notice)));
            }
        }
    }
    let asks: Vec<String> = step.when().iter().map(test).collect();
    if !asks.is_empty() {
        let unmet = step.rule.as_ref().map_or(Unmet::Skip, |rule| rule.unmet);
        let otherwise = if unmet == Unmet::Wait { "it waits until then" } else { "it is passed over" };
        text.push_str(&format!("; only where {}, else {otherwise}", listed(&asks, "and")));
    }
    if let Some(Repeat { every, times }) = step.repeat() {
        let often = times.map_or(String::new(), |times| format!(", {times} times at most"));
        text.push_str(&format!("; again every {}{often}, until the next step", apart(every)));
    }
    text + "."
}

/// When a step comes.
fn when(step: &Step) -> String {
    let Some(timing) = step.timing() else {
        let (ms, word) = (step.offset_ms.abs(), if step.offset_ms < 0 { "before" } else { "after" });
        return format!("{} {word} the due date", duration::words(ms));
    };
    let from = match timing.from {
        Anchor::DueDate => "the due date",
        Anchor::IssueDate => "the date of the bill",
        Anchor::Entry => "the cycle began",
        Anchor::PreviousStep => "the last step",
    };
    far_from(&timing.offset, from)
}

/// A distance from somewhere, in the order in which it is counted.
fn far_from(offset: &Offset, from: &str) -> String {
    let side = |n: i32| if n < 0 { "before" } else { "after" };
    let business = |n: i32| format!("{} business day{}", n.abs(), if n.abs() == 1 { "" } else { "s" });
    let mut text = match (offset.days, offset.business_days) {
        (0, _) if offset.is_exact() => return format!("{} after {from}", duration::words(offset.rest_ms)),
        (0, Some(n)) if n != 0 && !offset.end_of_month => format!("{} {} {from}", business(n), side(n)),
        (days, _) => format!("{}d {} {from}", days.abs(), side(days)),
    };
    if offset.end_of_month {
        text = if offset.days == 0 {
            format!("the end of the month of {from}")
        } else {
            format!("the end of the month {text}")
        };
    }
    match offset.business_days {
        Some(0) => text.push_str(", or the next business day"),
        Some(n) if offset.days != 0 || offset.end_of_month => text = format!("{} after {text}", business(n)),
        _ => {}
    }
    if offset.rest_ms != 0 {
        text.push_str(&format!(", {} into the day", duration::words(offset.rest_ms)));
    }
    text
}

/// How far apart the times of a notice are that comes again.
pub(super) fn apart(offset: &Offset) -> String {
    let business = offset.business_days.filter(|n| *n != 0).map(|n| format!("{n} business days"));
    let days = (offset.days != 0).then(|| format!("{}d", offset.days));
    let month = offset.end_of_month.then(|| "end of a month".to_owned());
    let hours = (offset.rest_ms != 0).then(|| duration::words(offset.rest_ms));
    days.into_iter().chain(month).chain(business).chain(hours).collect::<Vec<_>>().join(", ")
}

pub(super) fn test(test: &Test) -> String {
    match test {
        Test::Word { of, words, not } => {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let (verb, joint) = if *not { ("is not", "nor") } else { ("is", "or") };
            format!("the {} {verb} {}", word(*of), listed(&words, joint))
        }
        Test::Number { of, at_least, below } => {
            let show = |n: i64| match of {
                NumberOf::Overdue | NumberOf::Balance | NumberOf::LifetimeValue => Minor::new(n).to_string(),
                NumberOf::DebtAge | NumberOf::Tenure | NumberOf::DaysToPay => format!("{n} days"),
                NumberOf::DisputesUpheld => format!("{}.{:02}%", n / 100, n % 100),
                _ => n.to_string(),
            };
            format!("{} {}", number(*of), bounds(*at_least, *below, show))
        }
        Test::Score { name, at_least, below } => {
            #[allow(clippy::cast_precision_loss)] // as it was written
            let show = |n: i64| (n as f64 / 1e6).to_string();
            format!("the score {name} is {}", bounds(*at_least, *below, show))
        }
        Test::Flag { of, is } => {
            format!("{} {}", if *is { "it holds that" } else { "it does not hold that" }, flag(*of))
        }
    }
}

fn bounds(at_least: Option<i64>, below: Option<i64>, show: impl Fn(i64) -> String) -> String {
    let least = at_least.map(|n| format!("at least {}", show(n)));
    let bound = below.map(|n| format!("less than {}", show(n)));
    listed(&least.into_iter().chain(bound).collect::<Vec<_>>(), "and")
}

const fn word(of: WordOf) -> &'static str {
    match of {
        WordOf::Segment => "segment",
        WordOf::Region => "region",
        WordOf::RiskClass => "risk class",
        WordOf::Status => "status",
        WordOf::Language => "language",
        WordOf::Currency => "currency",
        WordOf::BillKind => "kind of the oldest bill",
        WordOf::BillMonth => "month of the oldest due date",
    }
}

const fn number(of: NumberOf) -> &'static str {
    match of {
        NumberOf::Overdue => "what is overdue is",
        NumberOf::Balance => "the balance is",
        NumberOf::UnpaidBills => "the unpaid bills are",
        NumberOf::DebtAge => "the oldest debt is overdue for",
        NumberOf::Tenure => "the customer has been there for",
        NumberOf::EarlierCycles => "it was dunned before",
        NumberOf::OpenDisputes => "the open disputes are",
        NumberOf::Services => "the services are",
        NumberOf::PromisesKept => "the promises kept are",
        NumberOf::PromisesBroken => "the promises broken are",
        NumberOf::LifetimeValue => "the customer is worth",
        NumberOf::LatePayments => "the bills paid late within a year are",
        NumberOf::TimesBarred => "the times it was barred within a year are",
        NumberOf::DaysToPay => "a bill is paid on the average after",
        NumberOf::PastDisputes => "the disputes that ended are",
        NumberOf::DisputesUpheld => "the share of them that ended for the customer is",
    }
}

const fn flag(of: FlagOf) -> &'static str {
    match of {
        FlagOf::Vulnerable => "the customer is protected",
        FlagOf::Profile => "the profile is known",
        FlagOf::Prepaid => "a service is paid in advance",
        FlagOf::ProtectedService => "a service is never barred",
        FlagOf::Autopay => "bills are collected without the customer doing anything",
    }
}

fn all(channels: Channels) -> bool {
    Channel::ALL.into_iter().all(|c| channels.has(c))
}

fn names(channels: Channels) -> String {
    let names: Vec<String> =
        Channel::ALL.into_iter().filter(|c| channels.has(*c)).map(|c| c.symbol().to_owned()).collect();
    listed(&names, "or")
}

fn time(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `a, b or c`.
pub(super) fn listed(words: &[String], joint: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {joint} {last}", first.join(", ")),
    }
}
