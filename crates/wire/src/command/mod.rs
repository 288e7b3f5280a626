//! Commands as Avro datums in the layouts of their schemas, without framing.

mod local;
#[cfg(test)]
mod tests;
mod view;

use std::fmt::Write;

use dunning_rules::{Action, BarLevel, Command, Day, Id, LedgerKind, Minor, Term};

use crate::avro::{
    put_amount, put_array, put_bool, put_currency, put_day, put_instant, put_len, put_long, put_option, put_str,
    put_varint,
};
use crate::topic::OutputTopic;
use local::Local;

pub use view::{ActionView, CommandView, EntryView, decode};

/// What is claimed where nothing is.
const NONE: &str = "NONE";

/// The reason code of a bar; others come with later policies.
const OVERDUE: &str = "overdue";

/// The symbols of `LedgerKind`, in order: one that came later stands behind that for what is not known.
const KINDS: [&str; 5] = ["FEE", "INTEREST", "WAIVER", "UNKNOWN", "WRITE_OFF"];
const UNKNOWN_KIND: usize = 3;

/// Template and purpose of a notification that withdraws another one: nothing is sent by it.
const WITHDRAWAL: &str = "withdrawal";

/// The symbols of `RestorationReason`, in order.
const REASONS: [&str; 11] =
    ["PAID", "PROMISE", "PLAN", "DISPUTE", "ADJUSTMENT", "HOLD", "MANUAL", "WRITE_OFF", "ERROR", "POLICY", "UNKNOWN"];

/// The topic that a command goes to.
#[must_use]
pub const fn topic_of(command: &Command) -> OutputTopic {
    match command.action {
        Action::Notify { .. } | Action::Withdraw { .. } => OutputTopic::Notifications,
        Action::Bar { .. } => OutputTopic::Barring,
        Action::Restore { .. } => OutputTopic::Restoration,
        Action::Retry { .. } => OutputTopic::Retries,
        Action::Ledger { .. } => OutputTopic::Ledger,
    }
}

/// Puts a command as a datum of its topic's schema.
pub fn encode(account_id: &str, command: &Command, out: &mut Vec<u8>) {
    put_text(out, &command.id);
    put_str(out, account_id);
    // A sequence is far below the half of its range.
    put_varint(out, command.sequence << 1);
    put_instant(out, command.decided_at);
    put_str(out, &command.policy);
    put_str(out, &command.step);
    match &command.action {
        Action::Notify { .. } => put_notification(out, account_id, command),
        Action::Withdraw { .. } => put_withdrawal(out, account_id, command),
        Action::Bar { .. } => put_bar(out, account_id, command),
        Action::Restore { .. } => put_restoration(out, account_id, command),
        Action::Retry { .. } => put_retry(out, account_id, command),
        Action::Ledger { .. } => put_ledger(out, account_id, command),
    }
}

fn put_notification(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Notify {
        channel,
        address,
        template,
        language,
        payment_link,
        purpose,
        mandatory,
        announced_for,
        offer,
        follows,
        localised,
    } = &command.action
    else {
        return;
    };
    put_len(out, *channel as usize);
    put_str(out, address);
    put_str(out, template);
    put_str(out, if language.is_empty() { "en" } else { language });
    let local = localised.then(|| Local::of(language));
    put_parameters(out, command, offer, announced_for.filter(|_| *localised), local.as_ref());
    put_amount(out, command.amount_due);
    put_currency(out, command.currency);
    put_array(out, command.bill_ids.iter(), |out, id| put_str(out, id));
    put_option(out, payment_link.as_deref(), put_str);
    out.extend([0, 0]); // not_before, not_after
    put_cycle(out, account_id, command);
    put_str(out, purpose);
    put_bool(out, *mandatory);
    out.push(0); // cancels
    put_option(out, *announced_for, put_day);
    put_option(out, follows.as_ref(), put_text);
}

/// A notification that says no more than which earlier one is not to be sent.
fn put_withdrawal(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Withdraw { channel, address, language, cancels } = &command.action else { return };
    put_len(out, *channel as usize);
    put_str(out, address);
    put_str(out, WITHDRAWAL); // template
    put_str(out, language);
    out.push(0); // parameters
    put_amount(out, command.amount_due);
    put_currency(out, command.currency);
    put_array(out, command.bill_ids.iter(), |out, id| put_str(out, id));
    out.extend([0, 0, 0]); // payment_link, not_before, not_after
    put_cycle(out, account_id, command);
    put_str(out, WITHDRAWAL); // purpose
    put_bool(out, false); // mandatory
    put_option(out, Some(cancels), put_text);
    out.extend([0, 0]); // announced_for, follows
}

/// The parameters of a template: the parts of a plan that is offered, by their numbers from 1; where the policy asks for it,
/// amounts and days also as people write them.
fn put_parameters(
    out: &mut Vec<u8>,
    command: &Command,
    offer: &[Term],
    announced_for: Option<Day>,
    local: Option<&Local>,
) {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut put = |key: String, value: String| all.push((key, value));
    if let Some(local) = local {
        put("amount_due_text".to_owned(), local.amount(command.amount_due, command.currency));
        if let Some(day) = announced_for {
            put("announced_for_text".to_owned(), local.day(day));
        }
    }
    if !offer.is_empty() {
        put("plan_parts".to_owned(), offer.len().to_string());
    }
    for (n, part) in (1..).zip(offer) {
        put(format!("plan_{n}_due_on"), part.due_on.to_string());
        put(format!("plan_{n}_amount_minor"), part.amount.get().to_string());
        if let Some(local) = local {
            put(format!("plan_{n}_due_on_text"), local.day(part.due_on));
            put(format!("plan_{n}_amount_text"), local.amount(part.amount, command.currency));
        }
    }
    put_array(out, all.iter(), |out, (key, value)| {
        put_str(out, key);
        put_str(out, value);
    });
}

fn put_bar(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Bar { level, services, claims, warnings, announced_for } = &command.action else { return };
    put_len(out, *level as usize);
    put_array(out, services.iter(), |out, id| put_str(out, id));
    put_bool(out, *level != BarLevel::Terminated); // emergency_calls_allowed
    put_amount(out, command.amount_due);
    put_currency(out, command.currency);
    put_instant(out, command.decided_at); // effective_at
    put_cycle(out, account_id, command);
    put_str(out, OVERDUE);
    put_array(out, command.bill_ids.iter(), |out, id| put_str(out, id));
    put_array(out, warnings.iter(), put_text);
    put_option(out, *announced_for, put_day);
    if claims.is_empty() {
        put_claim(out, level.symbol());
    } else {
        put_array(out, claims.iter(), |out, (service, level)| {
            put_str(out, service);
            put_str(out, level.symbol());
        });
    }
}

fn put_restoration(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Restore { lifts, lifts_imported, services, claims, reason } = &command.action else { return };
    put_array(out, services.iter(), |out, id| put_str(out, id));
    if lifts_imported.is_empty() {
        put_array(out, lifts.iter(), put_text);
    } else {
        let imported = lifts_imported.iter().map(ToString::to_string);
        let all: Vec<String> = lifts.iter().map(ToString::to_string).chain(imported).collect();
        put_array(out, all.iter(), |out, id| put_str(out, id));
    }
    let symbol = reason.symbol();
    put_len(out, REASONS.iter().position(|s| *s == symbol).unwrap_or(REASONS.len() - 1));
    put_instant(out, command.decided_at); // effective_at
    put_cycle(out, account_id, command);
    put_amount(out, command.amount_due); // remaining_minor
    let account = [Id::default()];
    let lifted = if services.is_empty() { &account } else { &services[..] };
    // What is claimed of the account is claimed of each service.
    let stays = |lifted: &Id| claims.iter().any(|(service, _)| service == lifted || service.is_empty());
    let free = lifted.iter().filter(|lifted| !stays(lifted));
    let free = free.map(|service| (service, NONE));
    let desired: Vec<_> = free.chain(claims.iter().map(|(service, level)| (service, level.symbol()))).collect();
    put_array(out, desired.into_iter(), |out, (service, level)| {
        put_str(out, service);
        put_str(out, level);
    });
}

fn put_retry(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Retry { payment, method, attempt, not_before } = &command.action else { return };
    put_str(out, payment);
    put_long(out, i64::from(*attempt));
    put_amount(out, command.amount_due);
    put_currency(out, command.currency);
    put_str(out, method);
    put_instant(out, *not_before);
    put_array(out, command.bill_ids.iter(), |out, id| put_str(out, id));
    put_cycle(out, account_id, command);
}

fn put_ledger(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    let Action::Ledger { kind, code, tax, reverses } = &command.action else { return };
    put_len(out, KINDS.iter().position(|symbol| *symbol == kind.symbol()).unwrap_or(UNKNOWN_KIND));
    put_str(out, code);
    put_amount(out, command.amount_due);
    put_amount(out, *tax);
    put_currency(out, command.currency);
    put_array(out, entries(*kind, command.amount_due, *tax).iter(), |out, (ledger, debit, credit)| {
        put_str(out, ledger);
        put_amount(out, *debit);
        put_amount(out, *credit);
    });
    put_option(out, reverses.as_ref(), put_text);
    put_array(out, command.bill_ids.iter(), |out, id| put_str(out, id));
    put_cycle(out, account_id, command);
}

/// The double entry of an amount and the tax in it: ledger, debit, credit.
fn entries(kind: LedgerKind, amount: Minor, tax: Minor) -> Vec<(&'static str, Minor, Minor)> {
    let own = match kind {
        LedgerKind::Fee => "fees",
        LedgerKind::Interest => "interest",
        LedgerKind::Waiver => "waivers",
        LedgerKind::WriteOff => "bad_debt",
    };
    let sides = [("receivables", amount), (own, amount - tax), ("tax", tax)];
    let gives_up = matches!(kind, LedgerKind::Waiver | LedgerKind::WriteOff);
    let is_debit = |ledger| (ledger == "receivables") != gives_up;
    let entry = |(ledger, amount)| {
        if is_debit(ledger) { (ledger, amount, Minor::ZERO) } else { (ledger, Minor::ZERO, amount) }
    };
    sides.into_iter().filter(|(_, amount)| *amount != Minor::ZERO).map(entry).collect()
}

/// `cycle_id`, `cause_event_id` and `case_id`, which stand together in every command.
fn put_cycle(out: &mut Vec<u8>, account_id: &str, command: &Command) {
    if command.cycle == 0 {
        out.push(0);
    } else {
        put_len(out, account_id.len() + 1 + digits(command.cycle));
        out.extend_from_slice(account_id.as_bytes());
        let mut number = Ascii(out);
        // Writing to memory cannot fail.
        let _ = write!(number, "/{}", command.cycle);
    }
    put_option(out, command.cause_event_id.as_deref(), put_str);
    out.push(0); // case_id
}

const fn digits(number: u32) -> usize {
    match number.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// What dunning claims for the whole account.
fn put_claim(out: &mut Vec<u8>, level: &str) {
    put_len(out, 1);
    put_str(out, ""); // service_id
    put_str(out, level);
    out.push(0);
}

/// A UUID, whose text is 36 bytes.
fn put_text(out: &mut Vec<u8>, id: &impl std::fmt::Display) {
    const UUID_LEN: usize = 36;
    put_len(out, UUID_LEN);
    let start = out.len();
    // Writing to memory cannot fail.
    let _ = write!(Ascii(out), "{id}");
    debug_assert_eq!(out.len() - start, UUID_LEN);
}

struct Ascii<'a>(&'a mut Vec<u8>);

impl Write for Ascii<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
