//! Debt that is given up: billing is asked for it, bill by bill. Nothing changes here until billing has booked it.

use std::sync::Arc;

use super::ladder::Ladder;
use super::say::About;
use crate::id::is_command;
use crate::{Account, Action, Code, Id, LedgerKind, Minor, NoEffect, Step};

/// An account asks for no more write-offs than these at a time.
const WRITE_OFFS_MAX: usize = 32;

/// A write-off that billing was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOff {
    /// The sequence of the request.
    pub sequence: u64,
    /// The bill.
    pub bill: Id,
    /// How much of it.
    pub amount: Minor,
    /// True once billing has booked it.
    pub booked: bool,
}

impl Account {
    /// Write-offs that billing was asked for, of bills that the account has.
    #[must_use]
    pub fn write_offs(&self) -> &[WriteOff] {
        self.aside.as_ref().map_or(&[], |aside| &aside.write_offs)
    }

    /// Whether a write-off answers a request, and for the first time.
    ///
    /// # Errors
    /// It was booked before.
    pub(super) fn write_off_asked(&self, origin: Option<&str>) -> Result<Option<usize>, NoEffect> {
        let Some(origin) = origin else { return Ok(None) };
        let place = self.write_offs().iter().position(|asked| is_command(&self.id, asked.sequence, origin));
        match place {
            Some(place) if self.write_offs()[place].booked => Err(NoEffect::BookedBefore),
            place => Ok(place),
        }
    }

    /// Billing has booked a write-off that it was asked for.
    pub(super) fn note_written_off(&mut self, place: Option<usize>) {
        if let (Some(place), Some(aside)) = (place, &mut self.aside)
            && let Some(asked) = aside.write_offs.get_mut(place)
        {
            asked.booked = true;
        }
    }

    /// A write-off was taken back: the bill is owed again, and can be given up again.
    pub(super) fn forget_write_off(&mut self, bill: &str) {
        if let Some(aside) = &mut self.aside {
            aside.write_offs.retain(|asked| *asked.bill != *bill);
        }
    }

    /// A request lies on the bus that the account did not know of.
    pub(super) fn note_write_off_asked(&mut self, sequence: u64, bill: &Id, amount: Minor) {
        let known = &mut self.aside_mut().write_offs;
        if known.len() < WRITE_OFFS_MAX {
            known.push(WriteOff { sequence, bill: bill.clone(), amount, booked: false });
        }
    }
}

impl Ladder<'_> {
    /// Asks billing to give up what is dunned and was not asked for yet.
    pub(super) fn ask_write_off(&mut self, step: &Step, code: &Arc<str>) {
        let at = self.account.line;
        let asked = |bill: &Id| self.account.write_offs().iter().any(|asked| asked.bill == *bill);
        // Of a charge that billing has not booked yet it knows no bill.
        let of_billing = self.dunned_bills(at).filter(|bill| !asked(&bill.id) && !self.account.is_awaited(&bill.id));
        let bills: Vec<(Id, Minor)> = of_billing.map(|bill| (bill.id.clone(), self.owed_of(bill, at))).collect();
        let room = WRITE_OFFS_MAX.saturating_sub(self.account.write_offs().len());
        for (bill, amount) in bills.into_iter().take(room) {
            let about = About { amount_due: amount, bill_ids: vec![bill.clone()], cycle: self.account.cycles };
            let request =
                Action::Ledger { kind: LedgerKind::WriteOff, code: code.clone(), tax: Minor::ZERO, reverses: None };
            self.command_about(about, Code::WriteOffAsked, &step.name, request);
            let sequence = self.account.sequence;
            self.account.note_write_off_asked(sequence, &bill, amount);
        }
    }
}
