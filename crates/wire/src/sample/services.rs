//! What is remembered of services, by chance.

use dunning_rules::{BarredServices, Bill, ChargedServices, Day, FailedBar, Id, RestorationReason, Restored, Services};
use proptest::prelude::*;

use super::{any_amount, any_day, any_instant, counter, few, id, some};

fn ids() -> impl Strategy<Value = Vec<Id>> {
    few(id().prop_map(Into::into))
}

/// Days on which it was barred, and the cycle in which it last was.
pub(super) fn barred() -> impl Strategy<Value = (Vec<Day>, u32)> {
    (few(any_day()), any::<u32>()).prop_map(|(days, cycle)| {
        let cycle = if days.is_empty() { 0 } else { cycle };
        (days, cycle)
    })
}

/// What is known of services, where bills are named by their place.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    charged: Vec<(usize, &'static str, Vec<Id>)>,
    known: Services,
}

impl Sampled {
    /// Some of them name a bill of the account, some one that it does not have.
    pub(super) fn of(self, bills: &[Bill]) -> Services {
        let named = |at: usize, other: &str| bills.get(at).map_or_else(|| other.into(), |bill| bill.id.clone());
        let charged = self.charged.into_iter();
        let charged = charged.map(|(n, bill, services)| ChargedServices { bill: named(n, bill), services }).collect();
        Services { charged, ..self.known }
    }
}

pub(super) fn services() -> impl Strategy<Value = Sampled> {
    let charged = few((0..6usize, id(), ids()));
    let barred = (counter(), ids(), any_amount(), any::<u16>())
        .prop_map(|(sequence, services, amount, granted)| BarredServices { sequence, services, amount, granted });
    let failed = (counter(), ids(), any::<u16>(), some(any_instant()))
        .prop_map(|(sequence, services, attempts, again)| FailedBar { sequence, services, attempts, again });
    (charged, few(barred), few(failed), few(restored())).prop_map(|(charged, barred, failed, restored)| Sampled {
        charged,
        known: Services { charged: vec![], barred, failed, restored },
    })
}

fn restored() -> impl Strategy<Value = Restored> {
    let reason = (0..RestorationReason::ALL.len()).prop_map(|n| RestorationReason::ALL[n]);
    let what = (counter(), few(counter()), ids(), ids(), reason);
    (what, ids(), any::<u16>(), some(any_instant())).prop_map(
        |((sequence, lifts, lifts_imported, services, reason), failed, attempts, again)| Restored {
            sequence,
            lifts,
            lifts_imported,
            services,
            reason,
            failed,
            attempts,
            again,
        },
    )
}
