//! The safety rules as properties over random lives of an account.

use std::collections::BTreeSet;

use super::*;

/// What can happen in a random life.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Bill(u8, i64, i32),
    Adjust(u8, i64),
    Cancel(u8),
    WriteOff(u8, i64),
    Unwrite(u8, i64),
    Pay(u8, i64, Option<u8>),
    Reverse(u8, i64),
    Dispute(u8, Option<u8>, Option<i64>),
    Resolve(u8, i64),
    Credit(u8, i64),
    Profile(bool),
    Usage(u64),
    Repeat,
    Promise(u8, i64, i32),
    Plan(u8, i64, i32),
    Hold(u8, Option<u8>, Option<i64>, Stops),
    Initiate(u8, i64, i32),
    /// It is final; it answers the last attempt that was asked for.
    Fail(u8, i64, bool, bool),
    State(i64),
    /// Of the last command, or of none.
    Contact(bool, usize, Option<usize>, bool),
    /// Provisioning says what became of the last bar or restoration, or of one before it.
    Report(usize, usize, usize),
    /// The person is to be forgotten.
    Erase,
    /// Another system had taken so many steps, and barred.
    Import(usize, bool),
    /// Whatever of that name stops it.
    End(u8),
}

impl Happening {
    /// In how many parts a bill is to be paid, each of which is told of: one bill in three has terms. 0 for others.
    pub(super) fn parts(&self) -> usize {
        match self {
            Happening::Bill(_, amount, _) if amount % 3 == 0 => 3,
            Happening::Bill(..) => 1,
            _ => 0,
        }
    }
}

pub(super) fn happening() -> impl Strategy<Value = Happening> {
    let amount = || 1_i64..3_000;
    let id = || 0_u8..6;
    prop_oneof![
        4 => (id(), 0_i64..3_000, 0_i32..40).prop_map(|(a, b, c)| Happening::Bill(a, b, c)),
        1 => (id(), -2_000_i64..2_000).prop_map(|(a, b)| Happening::Adjust(a, b)),
        1 => id().prop_map(Happening::Cancel),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::WriteOff(a, b)),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::Unwrite(a, b)),
        4 => (id(), amount(), proptest::option::of(id())).prop_map(|(a, b, c)| Happening::Pay(a, b, c)),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::Reverse(a, b)),
        2 => (id(), proptest::option::of(id()), proptest::option::of(amount())).prop_map(|(a, b, c)| Happening::Dispute(a, b, c)),
        2 => (id(), 0_i64..2_000).prop_map(|(a, b)| Happening::Resolve(a, b)),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::Credit(a, b)),
        1 => any::<bool>().prop_map(Happening::Profile),
        2 => (0_u64..1_000).prop_map(Happening::Usage),
        1 => Just(Happening::Repeat),
        1 => (id(), amount(), 0_i32..30).prop_map(|(a, b, c)| Happening::Promise(a, b, c)),
        1 => (id(), 100_i64..6_000, 0_i32..30).prop_map(|(a, b, c)| Happening::Plan(a, b, c)),
        1 => (id(), proptest::option::of(id()), proptest::option::of(1_i64..40), any::<(bool, bool, bool)>()).prop_map(
            |(a, b, c, (contacts, bars, fees))| Happening::Hold(a, b, c, Stops { contacts, bars, fees })
        ),
        1 => id().prop_map(Happening::End),
        1 => (id(), amount(), 0_i32..20).prop_map(|(a, b, c)| Happening::Initiate(a, b, c)),
        2 => (id(), amount(), prop::bool::weighted(0.1), any::<bool>()).prop_map(|(a, b, c, d)| Happening::Fail(a, b, c, d)),
        1 => (-100_i64..3_000).prop_map(Happening::State),
        1 => Just(Happening::Erase),
        1 => (0_usize..5, any::<bool>()).prop_map(|(a, b)| Happening::Import(a, b)),
        2 => (0_usize..2, 0_usize..3, 0..ServiceResult::ALL.len()).prop_map(|(a, b, c)| Happening::Report(a, b, c)),
        2 => (any::<bool>(), 0..ContactOutcome::ALL.len(), proptest::option::of(0..7_usize), any::<bool>())
            .prop_map(|(a, b, c, d)| Happening::Contact(a, b, c, d)),
    ]
}

pub(super) fn live(life: &mut Life, day: i64, what: &Happening) {
    let name = |kind: &str, n: u8| format!("{kind}{n}");
    let (a, c) = match what {
        Happening::Bill(n, ..) | Happening::Adjust(n, _) | Happening::Cancel(n) => (name("b", *n), None),
        Happening::WriteOff(n, _) | Happening::Unwrite(n, _) => (name("b", *n), None),
        Happening::Pay(n, _, bill) => (name("p", *n), bill.map(|n| name("b", n))),
        Happening::Reverse(n, _) | Happening::Initiate(n, ..) | Happening::Fail(n, ..) => (name("p", *n), None),
        Happening::Dispute(n, bill, _) => (name("d", *n), bill.map(|n| name("b", n))),
        Happening::Resolve(n, _) => (name("d", *n), None),
        Happening::Credit(n, _) => (name("c", *n), None),
        Happening::Promise(n, ..) | Happening::Plan(n, ..) | Happening::End(n) => (name("s", *n), None),
        Happening::Hold(n, bill, ..) => (name("s", *n), bill.map(|n| name("b", n))),
        _ => (String::new(), None),
    };
    let later = |days: i32| Day::from_epoch(i32::try_from(day).unwrap_or(0) + days);
    if let Happening::End(_) = what {
        for ends in [
            Interaction::PromiseCancelled { promise_id: &a },
            Interaction::PlanCancelled { plan_id: &a },
            Interaction::HoldReleased { hold_id: &a },
        ] {
            life.happens(day, Body::Interaction(ends));
        }
        return;
    }
    // What an event answers was asked for before it.
    life.until(at(day));
    if let Happening::Erase = what {
        life.meet(&Event::Erased, at(day));
        assert!(life.account.profile.is_none() && life.account.facts().is_none());
        return life.clear();
    }
    let command;
    let body = match what {
        Happening::Bill(_, amount, due) => {
            let terms = [(due / 2, amount / 4), (due / 2 + 3, amount / 4), (*due, amount - amount / 4 * 2)];
            let terms = terms.map(|(days, amount)| Term { due_on: later(days), amount: Minor::new(amount) });
            let terms = if what.parts() > 1 { terms.to_vec() } else { vec![] };
            command = last_request(life).filter(|_| amount % 4 == 0);
            let mut bill = answering(in_terms(issued(&a, *amount, later(*due).epoch()), terms), command.as_deref());
            if let Body::BillIssued { lines, amount, .. } = &mut bill
                && due % 3 > 0
            {
                let of = |line_id, service_id, amount| Line { line_id, service_id, category: "own", amount };
                let service = ["a", "b", "alarm"][usize::try_from(due % 7).unwrap_or(0) % 3];
                let half = Minor::new(amount.get() / 2);
                let second = [None, Some("b")][usize::from(due % 4 == 0)];
                lines.extend([of("l", Some(service), half), of("m", second, *amount - half)]);
            }
            bill
        }
        Happening::Adjust(_, delta) => {
            command = last_request(life).filter(|_| delta % 2 == 0);
            answering(adjusted(&a, *delta), command.as_deref())
        }
        Happening::Cancel(_) => Body::BillCancelled { bill_id: &a },
        Happening::WriteOff(_, amount) => {
            command = last_request(life).filter(|_| amount % 2 == 0);
            answering(written_off(&a, *amount), command.as_deref())
        }
        Happening::Unwrite(_, amount) => Body::WriteOffReversed { bill_id: &a, amount: Minor::new(*amount) },
        Happening::Pay(_, amount, _) => {
            let asked = life.said.iter().rev().find(|said| matches!(said.action, Action::Retry { .. }));
            command = asked.filter(|_| amount % 2 == 0).map(|asked| asked.id.to_string());
            answering(received(&a, *amount, c.as_deref()), command.as_deref())
        }
        Happening::Reverse(_, amount) => taken_back(&a, *amount),
        Happening::Dispute(_, _, amount) => contested(&a, c.as_deref(), *amount),
        Happening::Resolve(_, credited) => {
            let outcome = if *credited < 1_000 { DisputeOutcome::Rejected } else { DisputeOutcome::Upheld };
            Body::DisputeResolved { dispute_id: &a, outcome, credited: Minor::new(*credited) }
        }
        Happening::Credit(_, amount) => credited(&a, *amount),
        Happening::Profile(vulnerable) => with_services(*vulnerable),
        Happening::Usage(data_bytes) => {
            Body::UsageRecorded(Usage { data_bytes: *data_bytes, from: at(day - 1), until: at(day), ..Usage::NONE })
        }
        Happening::Repeat => {
            life.events = life.events.saturating_sub(1);
            Body::UsageRecorded(Usage::NONE)
        }
        Happening::Promise(_, amount, days) => Body::Interaction(Interaction::PromiseMade {
            promise_id: &a,
            amount: Minor::new(*amount),
            promised_on: later(*days),
        }),
        Happening::Plan(_, amount, days) => {
            let part = |n| Term { due_on: later(days * n), amount: Minor::new(*amount) };
            let instalments = vec![part(1), part(2), part(3)];
            Body::Interaction(Interaction::PlanAgreed { plan_id: &a, instalments, replaces: None })
        }
        Happening::Hold(_, _, until, stops) => Body::Interaction(Interaction::HoldPlaced {
            hold_id: &a,
            kind: "hardship",
            until: until.map(|days| at(day + days)),
            bills: c.as_deref().into_iter().collect(),
            stops: *stops,
        }),
        Happening::Initiate(_, amount, days) => Body::PaymentInitiated {
            payment_id: &a,
            amount: Minor::new(*amount),
            currency: eur(),
            expected_by: later(*days),
        },
        Happening::Fail(_, amount, is_final, answers) => {
            let asked = life.said.iter().rev().find(|said| matches!(said.action, Action::Retry { .. }));
            command = asked.filter(|_| *answers).map(|asked| asked.id.to_string());
            Body::PaymentFailed(Failed { is_final: *is_final, command_id: command.as_deref(), ..declined(&a, *amount) })
        }
        Happening::State(balance) => {
            Body::BalanceStated { as_of: at(day), balance: Minor::new(*balance), currency: eur() }
        }
        Happening::Contact(of_last, outcome, channel, inbound) => {
            command = life.said.last().filter(|_| *of_last).map(|last| last.id.to_string());
            Body::Interaction(Interaction::ContactMade {
                command_id: command.as_deref(),
                outcome: ContactOutcome::ALL[*outcome],
                channel: channel.map(|channel| Channel::ALL[channel]),
                inbound: *inbound,
                right_party: None,
            })
        }
        Happening::Report(back, service, result) => {
            let served = |said: &&Command| matches!(said.action, Action::Bar { .. } | Action::Restore { .. });
            let id = life.said.iter().rev().filter(served).nth(*back).map(|said| said.id.to_string());
            command = id;
            Body::Interaction(Interaction::ServiceReported {
                command_id: command.as_deref().unwrap_or("none"),
                service_id: ["", "a", "b"][*service],
                result: ServiceResult::ALL[*result],
            })
        }
        Happening::Import(steps, barred) => {
            let name =
                steps.checked_sub(1).and_then(|n| life.book.current(at(day)).steps.get(n).map(|s| s.name.clone()));
            command = name.map(|name| name.to_string());
            let since = at(day.saturating_sub(3));
            let services = if day % 3 == 0 { vec!["a"] } else { vec![] };
            Body::Interaction(Interaction::StateImported {
                step: command.as_deref().unwrap_or(""),
                started: None,
                warned: barred.then_some(at(day.saturating_sub(20))),
                amount_warned: Minor::ZERO,
                bars: if *barred {
                    vec![BarThere { reference: "old-1", level: BarLevel::Outgoing, services, since }]
                } else {
                    vec![]
                },
            })
        }
        Happening::End(_) | Happening::Erase => return,
    };
    life.happens(day, body);
}

/// What is contested: an amount, all of it, or a line.
fn contested<'a>(dispute: &'a str, bill: Option<&'a str>, amount: Option<i64>) -> Body<'a> {
    let lines = match amount {
        Some(amount) if amount % 3 == 0 => ["l", "m"][usize::from(amount % 2 == 0)],
        _ => return disputed(dispute, bill, amount),
    };
    of_lines(dispute, bill, &[lines])
}

/// The customer, with a service that is paid later, one that is protected, and now and then one that is paid before.
fn with_services(vulnerable: bool) -> Body<'static> {
    let service = |name: &str, protected, prepaid| Service { service_id: name.into(), protected, prepaid };
    let services = vec![service("a", false, false), service("b", false, vulnerable), service("alarm", true, false)];
    Body::Profile(Box::new(Profile { vulnerable, services, ..customer() }))
}

/// The last thing that billing was asked for.
fn last_request(life: &Life) -> Option<String> {
    let asked = life.said.iter().rev().find(|said| matches!(said.action, Action::Ledger { .. }));
    asked.map(|asked| asked.id.to_string())
}

fn answering<'a>(mut body: Body<'a>, command: Option<&'a str>) -> Body<'a> {
    match &mut body {
        Body::BillIssued { origin, .. } | Body::BillAdjusted { origin, .. } | Body::BillWrittenOff { origin, .. } => {
            *origin = command;
        }
        Body::PaymentReceived { command_id, .. } => *command_id = command,
        _ => {}
    }
    body
}

fn reference_like() -> Policy {
    let mut policy = consumer();
    policy.label = "reference@1".into();
    policy.late_after_ms = None;
    policy.shortcuts = Shortcuts {
        below_minimum: BelowMinimum::Skip,
        dispute_end: DisputeEnd::FreesTheBill,
        pay_disputed: PayDisputed::ByDueDate,
        debit_note: DebitNote::LeavesCredit,
        bar_without_profile: true,
        bar_without_warning: true,
        bar_protected: true,
    };
    for step in &mut policy.steps {
        if let StepAction::Bar { warning, .. } = &mut step.action {
            *warning = None;
        }
    }
    policy
}

/// What a promise, a plan and a hold do to bars in force.
fn terms((promise, plan, hold): (bool, bool, bool)) -> PauseRules {
    let terms = |restores| AgreementRules { restores, grace_days: 2, kept_share: 9_000, ..AgreementRules::default() };
    let holds_restore = if hold { HoldKinds::All } else { HoldKinds::None };
    PauseRules { promises: terms(promise), plans: terms(plan), holds_restore, ..PauseRules::default() }
}

/// Sequences are gapless; bars are lifted by exactly one restoration; a restored or clear account has no bar left.
fn check_commands(life: &Life) {
    let (mut in_force, mut withdrawn, mut imported) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut restored = Vec::new();
    for (i, command) in life.said.iter().enumerate() {
        assert_eq!(command.sequence, i as u64 + 1);
        assert_eq!(command.id, command_id("acc-1", command.sequence));
        match &command.action {
            Action::Withdraw { cancels, .. } => {
                let notice = life.said[..i].iter().find(|c| c.id == *cancels).expect("the notice");
                assert!(matches!(notice.action, Action::Notify { .. }));
                assert!(withdrawn.insert(*cancels), "withdrawn once");
            }
            Action::Notify { .. } | Action::Retry { .. } | Action::Ledger { .. } => {
                assert!(command.amount_due > Minor::ZERO || &*command.step == "less-used");
            }
            Action::Bar { .. } => {
                assert!(command.amount_due >= Minor::new(500));
                in_force.insert(command.id);
            }
            Action::Restore { lifts, lifts_imported, .. } => {
                let lifts: BTreeSet<_> = lifts.iter().copied().collect();
                // What could not be done is sent again as it was.
                let again = restored.contains(&(lifts.clone(), lifts_imported.clone()));
                assert!(again || lifts.is_subset(&in_force), "lifted once");
                assert!(again || lifts_imported.iter().all(|bar| imported.insert(bar.clone())), "lifted once");
                in_force.retain(|bar| !lifts.contains(bar));
                restored.push((lifts, lifts_imported.clone()));
            }
        }
    }
    if life.account.cycle.is_none() {
        assert!(in_force.is_empty(), "a bar is left on a clear account");
    }
    assert!(life.decided.iter().enumerate().all(|(i, d)| d.number == i as u64 + 1 && !d.words().is_empty()));
}

/// Balances stay within their bounds, whatever happens, and all money that came and did not go back lies on a bill or is
/// credit.
pub(super) fn check_balances(life: &Life) {
    let account = &life.account;
    let came = life.given + account.payments.iter().map(|p| p.left).sum();
    assert_eq!(came, account.credit + account.bills.iter().map(|b| b.paid).sum());
    assert!(account.credit >= Minor::ZERO);
    for bill in &account.bills {
        assert!(bill.paid >= Minor::ZERO && bill.credited >= Minor::ZERO && bill.written_off >= Minor::ZERO);
        assert!(bill.disputed >= Minor::ZERO && bill.open() >= Minor::ZERO);
    }
    assert!(account.payments.iter().all(|p| p.left >= Minor::ZERO));
    assert!(account.bills.is_sorted_by_key(|b| (b.due_on, b.id.clone())));
}

/// With a policy that has no shortcut: a bar follows the warning that it names, in its cycle, after its notice.
fn check_warnings(life: &Life) {
    for command in &life.said {
        let Action::Bar { warnings, announced_for, .. } = &command.action else { continue };
        // The warning may be another system's.
        let Some(warning) = life.said.iter().find(|c| warnings == &[c.id]) else {
            assert!(warnings.is_empty() && life.decided.iter().any(|d| d.code == Code::CycleImported));
            continue;
        };
        assert_eq!((&*warning.step, warning.cycle), ("final", command.cycle));
        assert!(command.decided_at.since(warning.decided_at) >= 14 * DAY);
        assert!(announced_for.is_some_and(|day| Zone::UTC.start_of_day(day) <= command.decided_at));
    }
}

proptest! {
    #[test]
    fn any_life_keeps_the_safety_rules(
        shortcuts in any::<bool>(),
        restores in any::<(bool, bool, bool)>(),
        resumes in any::<(bool, bool, bool)>(),
        (retries, charges, service) in (any::<bool>(), proptest::option::of(0..3_usize), proptest::option::of(0..4_usize)),
        days in prop::collection::vec((0_i64..12, happening()), 1..40),
    ) {
        let mut policy = if shortcuts { reference_like() } else { consumer() };
        policy.options.pauses = terms(restores);
        policy.options.retries = retries.then(|| Box::new(super::retry::rules()));
        let charges = charges.map(|n| [Unpaid::Leave, Unpaid::Dun, Unpaid::Waive][n]);
        policy.options.charges = charges.map(|unpaid| Box::new(super::charges::rules(unpaid)));
        policy.options.service = service.map(|n| Box::new(super::services::rules(n)));
        policy.options.remembers_bars = retries;
        policy.options.early_warning = retries.then(|| Box::new(super::usage::rule()));
        policy.options.resumes = Resumes {
            reversal: resumes.0,
            dispute_lost: resumes.1,
            write_off_reversed: resumes.2,
        };
        let mut life = Life::new(policy);
        life.happens(0, profile(false));
        let mut day = 0;
        for (later, what) in &days {
            day += later;
            live(&mut life, day, what);
            check_balances(&life);
        }
        life.until(at(day + 200));
        check_commands(&life);
        if !shortcuts {
            check_warnings(&life);
        }
        // Whoever no longer owes is clear.
        let owed = life.account.bills.iter().map(Bill::undisputed).sum::<Minor>();
        prop_assert!(owed > Minor::ZERO || life.account.cycle.is_none());
    }

    #[test]
    fn the_same_event_twice_changes_nothing_but_the_line(
        charges in any::<bool>(),
        days in prop::collection::vec((0_i64..12, happening()), 1..30),
    ) {
        let mut policy = consumer();
        policy.options.charges = charges.then(|| Box::new(super::charges::rules(Unpaid::Dun)));
        let mut once = Life::new(policy.clone());
        let mut twice = Life::new(policy);
        let mut day = 0;
        for (later, what) in &days {
            day += later;
            live(&mut once, day, what);
            let events = twice.events;
            live(&mut twice, day, what);
            twice.events = events;
            live(&mut twice, day, what);
            twice.events = once.events;
        }
        // What was due already when the last event came.
        once.until(at(day));
        twice.until(at(day));
        prop_assert_eq!(&once.said, &twice.said);
        prop_assert_eq!(once.account, twice.account);
    }
}
