//! Values for property tests.

mod services;

use std::sync::Arc;

use dunning_rules::{
    Account, Accrual, Aside, Awaited, BarDecided, BarInForce, BarLevel, BarThere, Bases, Bill, BillAside, BillLines,
    BillTerms, Body, Booking, Channel, Charge, ChargeKind, Charges, Contact, ContactOutcome, Contacted, Currency,
    Cycle, Day, Dispute, DisputeOutcome, DisputedPart, Erasure, Failed, Fate, HELD_WORDS, History, HoldInForce, IdHash,
    Imported, ImportedBar, Input, Interaction, KnownLine, Line, Minor, Notices, Offered, PaidBill, Pauses, Payment,
    PaymentPart, PendingBar, Plan, Profile, ProfileFacts, Promise, Reach, Retry, RetryState, ReversalKind, Score, Seen,
    SentStep, Service, ServiceResult, Stops, Suspended, Term, TermAside, Timestamp, Transit, Usage, UsageWatch, Waiver,
    WriteOff, Zone,
};
use proptest::prelude::*;

use crate::topic::InputTopic;

/// Texts that live as long as the tests, so that borrowed events can be made of them.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

pub(crate) fn id() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        "[a-z]{1,4}-[0-9]{1,6}".prop_map(leak),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(leak),
        "[ -~äß€]{1,40}".prop_map(leak),
    ]
}

pub(crate) fn text() -> impl Strategy<Value = &'static str> {
    ".{0,80}".prop_map(leak)
}

fn boxed() -> impl Strategy<Value = Box<str>> {
    ".{0,20}".prop_map(Into::into)
}

pub(crate) fn amount() -> impl Strategy<Value = Minor> {
    (0..=Minor::EVENT_MAX.get()).prop_map(Minor::new)
}

fn positive() -> impl Strategy<Value = Minor> {
    (1..=Minor::EVENT_MAX.get()).prop_map(Minor::new)
}

fn signed() -> impl Strategy<Value = Minor> {
    (-Minor::EVENT_MAX.get()..=Minor::EVENT_MAX.get()).prop_map(Minor::new)
}

fn any_amount() -> impl Strategy<Value = Minor> {
    any::<i64>().prop_map(Minor::new)
}

pub(crate) fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![Just("EUR"), Just("JPY"), Just("ZMW")].prop_map(|c| Currency::parse(c).expect("a currency"))
}

pub(crate) fn day() -> impl Strategy<Value = Day> {
    (0..84_370).prop_map(Day::from_epoch)
}

fn any_day() -> impl Strategy<Value = Day> {
    any::<i32>().prop_map(Day::from_epoch)
}

pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    (0i64..7_000_000_000_000).prop_map(Timestamp::from_millis)
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![instant(), any::<i64>().prop_map(Timestamp::from_millis), Just(Timestamp::MIN), Just(Timestamp::MAX)]
}

fn counter() -> impl Strategy<Value = u64> {
    0..=u64::MAX >> 2
}

fn some<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(value)
}

fn few<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(value, 0..4)
}

fn bill_issued() -> impl Strategy<Value = Body<'static>> {
    let line = (id(), some(id()), text(), signed()).prop_map(|(line_id, service_id, category, amount)| Line {
        line_id,
        service_id,
        category,
        amount,
    });
    let term = (0..100i32, 1..=1_000_000i64);
    (id(), 0..1_000_000i64, currency(), (0..84_000, 0..100), few(term), few(line), (text(), some(id()))).prop_map(
        |(bill_id, whole, currency, (issued, after), terms, lines, (kind, origin))| {
            let issued_on = Day::from_epoch(issued);
            let terms: Vec<_> =
                terms.iter().map(|(n, a)| Term { due_on: issued_on.plus(*n), amount: Minor::new(*a) }).collect();
            let sum: Minor = terms.iter().map(|t| t.amount).sum();
            let amount = if terms.is_empty() { Minor::new(whole) } else { sum };
            let due_on = issued_on.plus(after);
            Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin }
        },
    )
}

fn bill_event() -> impl Strategy<Value = Body<'static>> {
    prop_oneof![
        4 => bill_issued(),
        1 => (id(), signed(), some(id()))
            .prop_map(|(bill_id, delta, origin)| Body::BillAdjusted { bill_id, delta, origin }),
        1 => id().prop_map(|bill_id| Body::BillCancelled { bill_id }),
        1 => (id(), positive(), some(id()))
            .prop_map(|(bill_id, amount, origin)| Body::BillWrittenOff { bill_id, amount, origin }),
        1 => (id(), positive()).prop_map(|(bill_id, amount)| Body::WriteOffReversed { bill_id, amount }),
        1 => (id(), positive(), currency())
            .prop_map(|(credit_id, amount, currency)| Body::AccountCredited { credit_id, amount, currency }),
        1 => (instant(), signed(), currency())
            .prop_map(|(as_of, balance, currency)| Body::BalanceStated { as_of, balance, currency }),
    ]
}

fn payment_event() -> impl Strategy<Value = Body<'static>> {
    let kind = prop_oneof![
        Just(ReversalKind::Unknown),
        Just(ReversalKind::Chargeback),
        Just(ReversalKind::ReturnedDebit),
        Just(ReversalKind::Refund),
        Just(ReversalKind::Misposted)
    ];
    prop_oneof![
        (id(), positive(), currency(), some(id()), some(id())).prop_map(
            |(payment_id, amount, currency, bill_id, command_id)| Body::PaymentReceived {
                payment_id,
                amount,
                currency,
                bill_id,
                command_id,
            }
        ),
        ((id(), positive(), currency()), (some(id()), id(), any::<bool>(), some(id()))).prop_map(
            |((payment_id, amount, currency), (method, decline_code, is_final, command_id))| {
                let method = method.unwrap_or("");
                Body::PaymentFailed(Failed { payment_id, amount, currency, method, decline_code, is_final, command_id })
            }
        ),
        (id(), positive(), kind).prop_map(|(payment_id, amount, kind)| Body::PaymentReversed {
            payment_id,
            amount,
            kind
        }),
        (id(), positive(), currency(), day()).prop_map(|(payment_id, amount, currency, expected_by)| {
            Body::PaymentInitiated { payment_id, amount, currency, expected_by }
        }),
    ]
}

fn dispute_event() -> impl Strategy<Value = Body<'static>> {
    let outcome = prop_oneof![
        Just(DisputeOutcome::Upheld),
        Just(DisputeOutcome::PartlyUpheld),
        Just(DisputeOutcome::Rejected),
        Just(DisputeOutcome::Withdrawn),
        Just(DisputeOutcome::Unknown)
    ];
    prop_oneof![
        (id(), some(id()), some(positive()), few(id())).prop_map(|(dispute_id, bill_id, amount, line_ids)| {
            Body::DisputeOpened { dispute_id, bill_id, amount, line_ids }
        }),
        (id(), outcome, amount()).prop_map(|(dispute_id, outcome, credited)| Body::DisputeResolved {
            dispute_id,
            outcome,
            credited
        }),
    ]
}

fn interaction() -> impl Strategy<Value = Body<'static>> {
    prop_oneof![
        some(any_instant()).prop_map(|until| Interaction::BarApproved { until }),
        some(any_instant()).prop_map(|until| Interaction::BarRefused { until }),
        Just(Interaction::BarDecisionWithdrawn),
        (id(), positive(), day()).prop_map(|(promise_id, amount, promised_on)| Interaction::PromiseMade {
            promise_id,
            amount,
            promised_on
        }),
        id().prop_map(|promise_id| Interaction::PromiseCancelled { promise_id }),
        (id(), few((day(), positive())), some(id())).prop_map(|(plan_id, parts, replaces)| {
            let mut instalments: Vec<_> = parts.into_iter().map(|(due_on, amount)| Term { due_on, amount }).collect();
            instalments.sort_by_key(|part| part.due_on);
            Interaction::PlanAgreed { plan_id, instalments, replaces }
        }),
        id().prop_map(|plan_id| Interaction::PlanCancelled { plan_id }),
        (id(), text(), some(any_instant()), few(id()), any::<(bool, bool, bool)>()).prop_map(
            |(hold_id, kind, until, bills, (contacts, bars, fees))| {
                // No word is all words.
                let stops = Stops { contacts, bars, fees: fees || !contacts && !bars };
                Interaction::HoldPlaced { hold_id, kind, until, bills, stops }
            }
        ),
        id().prop_map(|hold_id| Interaction::HoldReleased { hold_id }),
        (id(), any::<bool>()).prop_map(|(command_id, accepted)| Interaction::OfferAnswered { command_id, accepted }),
        (some(id()), 0..ContactOutcome::ALL.len(), some(0..7usize), any::<bool>(), some(any::<bool>())).prop_map(
            |(command_id, outcome, channel, inbound, right_party)| Interaction::ContactMade {
                command_id,
                outcome: ContactOutcome::ALL[outcome],
                channel: channel.map(|channel| Channel::ALL[channel]),
                inbound,
                right_party,
            }
        ),
        (id(), some(instant()), some(instant()), amount(), few((id(), 0..3usize, few(id()), instant()))).prop_map(
            |(step, started, warned, amount_warned, bars)| Interaction::StateImported {
                step,
                started,
                warned,
                amount_warned,
                bars: bars
                    .into_iter()
                    .map(|(reference, level, services, since)| {
                        BarThere { reference, level: BarLevel::ALL[level], services, since }
                    })
                    .collect(),
            }
        ),
        (id(), id(), 0..ServiceResult::ALL.len()).prop_map(|(command_id, service_id, result)| {
            Interaction::ServiceReported { command_id, service_id, result: ServiceResult::ALL[result] }
        }),
        Just(Interaction::NotUsed("BarDecided")),
    ]
    .prop_map(Body::Interaction)
}

pub(crate) fn profile() -> impl Strategy<Value = Profile> {
    let contact = (0..Channel::ALL.len(), boxed(), any::<bool>()).prop_map(|(channel, address, consent)| Contact {
        channel: Channel::ALL[channel],
        address,
        consent,
    });
    let service = (id(), any::<bool>(), any::<bool>()).prop_map(|(service_id, protected, prepaid)| Service {
        service_id: service_id.into(),
        protected,
        prepaid,
    });
    let zone = prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/New_York"), Just("Asia/Calcutta")]
        .prop_map(|name| Zone::parse(name).expect("a zone"));
    let link = some(".{1,40}".prop_map(Into::into));
    let words = (boxed(), boxed(), boxed(), boxed(), boxed());
    (words, zone, any::<bool>(), some(day()), few(contact), few(service), link).prop_map(
        |(
            (segment, region, risk_class, language, status),
            zone,
            vulnerable,
            customer_since,
            contacts,
            services,
            link,
        )| {
            Profile {
                segment,
                region,
                risk_class,
                language,
                zone,
                vulnerable,
                customer_since,
                contacts,
                services,
                payment_link: link,
                status,
                facts: None,
            }
        },
    )
}

fn facts() -> impl Strategy<Value = ProfileFacts> {
    // As far as a double holds them.
    let score =
        (boxed(), -1_000_000_000_000..1_000_000_000_000_i64).prop_map(|(name, millionths)| Score { name, millionths });
    (any_amount(), any::<bool>(), few(score)).prop_map(|(lifetime_value, autopay, scores)| ProfileFacts {
        lifetime_value,
        autopay,
        scores,
    })
}

fn offered() -> impl Strategy<Value = Offered> {
    let part = (any_day(), any_amount()).prop_map(|(due_on, amount)| Term { due_on, amount });
    (counter(), few(part)).prop_map(|(sequence, instalments)| Offered { sequence, instalments })
}

fn history() -> impl Strategy<Value = History> {
    let paid = (any_day(), any::<u16>(), any::<u16>()).prop_map(|(on, late_days, took_days)| PaidBill {
        on,
        late_days,
        took_days,
    });
    (few(paid), any::<u16>(), any::<u16>()).prop_map(|(paid, disputes, upheld)| History { paid, disputes, upheld })
}

/// An event of a topic, with the topic.
pub(crate) fn event() -> impl Strategy<Value = (InputTopic, Input<'static>)> {
    let body = prop_oneof![
        bill_event().prop_map(|b| (InputTopic::Bills, b)),
        payment_event().prop_map(|b| (InputTopic::Payments, b)),
        dispute_event().prop_map(|b| (InputTopic::Disputes, b)),
        interaction().prop_map(|b| (InputTopic::Interactions, b)),
        (profile(), some(facts())).prop_map(|(profile, facts)| {
            let facts = facts.filter(|facts| *facts != ProfileFacts::default()).map(Box::new);
            (InputTopic::Accounts, Body::Profile(Box::new(Profile { facts, ..profile })))
        }),
        usage().prop_map(|usage| (InputTopic::Usage, Body::UsageRecorded(usage))),
    ];
    (id(), instant(), body)
        .prop_map(|(event_id, occurred_at, (topic, body))| (topic, Input { event_id, occurred_at, body }))
}

fn usage() -> impl Strategy<Value = Usage<'static>> {
    let units = || 0..u64::try_from(i64::MAX).unwrap_or(0);
    (id(), instant(), instant(), units(), units(), units()).prop_map(
        |(service_id, from, until, data_bytes, voice_seconds, messages)| Usage {
            service_id,
            from,
            until,
            data_bytes,
            voice_seconds,
            messages,
        },
    )
}

fn bill() -> impl Strategy<Value = Bill> {
    let amounts = (any_amount(), any_amount(), any_amount(), any_amount(), any_amount(), any_amount());
    (id(), amounts, any_day(), some(any_day())).prop_map(|(id, (a, b, c, d, e, f), due_on, clear_from)| Bill {
        id: id.into(),
        amount: a,
        adjustments: b,
        paid: c,
        credited: d,
        written_off: e,
        disputed: f,
        due_on,
        clear_from,
    })
}

fn cycle() -> impl Strategy<Value = Cycle> {
    let sent = (any::<u16>(), any_instant(), any::<u64>(), some(any_day()))
        .prop_map(|(step, at, sequence, announced_for)| SentStep { step, at, sequence, announced_for });
    let bar = (any::<u16>(), any_instant(), any::<u64>(), 0..BarLevel::ALL.len())
        .prop_map(|(step, at, sequence, level)| BarInForce { step, at, sequence, level: BarLevel::ALL[level] });
    let pending = (any_instant(), some(0..HELD_WORDS.len()), any::<bool>())
        .prop_map(|(due, held, released)| PendingBar { due, held: held.map(|h| HELD_WORDS[h].0), released });
    let head = (0..=i32::MAX.unsigned_abs(), text(), any_instant(), any_instant(), any::<u16>(), any::<bool>());
    (head, few(sent), few(bar), some(pending)).prop_map(
        |((number, policy, started, anchor, next, waits), sent, bars, pending)| Cycle {
            number,
            policy: Arc::from(policy),
            started,
            anchor,
            next,
            waits,
            sent,
            bars,
            pending,
        },
    )
}

/// A bill's place or another bill's name, its date, how often it was told of, and its kind.
type Told = (usize, &'static str, Day, u16, Box<str>);

/// The parts of what is aside.
type Beside = (
    Vec<Told>,
    Vec<Contacted>,
    Option<Bases>,
    u16,
    Pauses,
    Option<Box<Suspended>>,
    Reach,
    Vec<InTerms>,
    (
        Vec<Retry>,
        Option<Charges>,
        Option<ProfileFacts>,
        Option<History>,
        Option<Offered>,
        Option<Notices>,
        (
            Vec<WriteOff>,
            Option<Imported>,
            Vec<u64>,
            Option<services::Sampled>,
            (Vec<Day>, u32),
            Option<Erasure>,
            Vec<Made>,
            Option<UsageWatch>,
        ),
    ),
);

/// A bill's place or another bill's name, and its terms.
type InTerms = (usize, &'static str, Vec<TermAside>);

/// A bill's place or another bill's name, and its lines.
type Made = (usize, &'static str, Vec<KnownLine>);

/// What some policies ask to be remembered. Bills are named as in a payment's parts.
fn aside() -> impl Strategy<Value = Beside> {
    let pauses = prop_oneof![Just(Pauses::default()), pauses()];
    let way = || (0..Channel::ALL.len()).prop_map(|channel| Channel::ALL[channel]);
    let reach = (few(way()), few(way()), some(any_instant()), few((any::<u64>(), way())))
        .prop_map(|(opted_out, unreachable, conversed, notices)| Reach { opted_out, unreachable, conversed, notices });
    let reach = prop_oneof![Just(Reach::default()), reach];
    let suspended = (cycle(), any::<u16>(), some(bases()), any_instant())
        .prop_map(|(cycle, procedure, bases, at)| Box::new(Suspended { cycle, procedure, bases, at }));
    let term = (any_day(), any_amount(), any::<u16>())
        .prop_map(|(due_on, amount, reminded)| TermAside { term: Term { due_on, amount }, reminded });
    let line = (boxed(), any_amount()).prop_map(|(id, amount)| KnownLine { id, amount });
    let contact = (any_instant(), 0..Channel::ALL.len())
        .prop_map(|(at, channel)| Contacted { at, channel: Channel::ALL[channel] });
    (
        few((0..6usize, id(), any_day(), any::<u16>(), boxed())),
        few(contact),
        some(bases()),
        0..3u16,
        pauses,
        some(suspended),
        reach,
        few((0..6usize, id(), few(term))),
        (
            few(retry()),
            some(charges()),
            some(facts()),
            some(history()),
            some(offered()),
            some(notices()),
            (
                few(write_off()),
                some(imported()),
                few(counter()),
                some(services::services()),
                services::barred(),
                some(erasure()),
                few((0..6usize, id(), few(line))),
                some(watch()),
            ),
        ),
    )
}

fn watch() -> impl Strategy<Value = UsageWatch> {
    let counted = few((boxed(), any_instant()));
    (any_day(), counter(), counter(), counter(), any::<bool>(), some(any_day()), counted).prop_map(
        |(since, before, now, next, falls, told, counted)| UsageWatch {
            since,
            before,
            now,
            next,
            falls,
            told,
            counted,
        },
    )
}

fn erasure() -> impl Strategy<Value = Erasure> {
    (some(any_instant()), any::<bool>()).prop_map(|(asked, stub)| Erasure { asked, stub })
}

fn imported() -> impl Strategy<Value = Imported> {
    let level = || (0..BarLevel::ALL.len()).prop_map(|level| BarLevel::ALL[level]);
    let bar = (boxed(), any_instant(), level(), few(boxed()))
        .prop_map(|(reference, since, level, services)| ImportedBar { reference, since, level, services });
    (boxed(), some(any_instant()), some(any_instant()), any_amount(), few(bar), any::<bool>()).prop_map(
        |(step, started, warned, amount_warned, bars, taken)| Imported {
            step,
            started,
            warned,
            amount_warned,
            bars,
            taken,
        },
    )
}

fn write_off() -> impl Strategy<Value = WriteOff> {
    (counter(), id(), any_amount(), any::<bool>()).prop_map(|(sequence, bill, amount, booked)| WriteOff {
        sequence,
        bill: bill.into(),
        amount,
        booked,
    })
}

fn notices() -> impl Strategy<Value = Notices> {
    let way = || (0..Channel::ALL.len()).prop_map(|n| Channel::ALL[n]);
    let fate = prop_oneof![Just(Fate::Unheard), any_instant().prop_map(Fate::Arrived), Just(Fate::Lost)];
    let awaited = (any::<u16>(), counter(), any_instant(), few(way()), fate, some(any_instant()))
        .prop_map(|(step, sequence, at, ways, fate, again)| Awaited { step, sequence, at, ways, fate, again });
    (few(awaited), some(way())).prop_map(|(awaited, answered)| Notices { awaited, answered })
}

fn charges() -> impl Strategy<Value = Charges> {
    let bill = || id().prop_map(Into::into);
    let booking =
        prop_oneof![Just(Booking::Found), Just(Booking::Awaited), Just(Booking::OwnBill), Just(Booking::Added)];
    let kind = prop_oneof![Just(ChargeKind::Fee), Just(ChargeKind::Interest)];
    let words = (counter(), kind, bill(), boxed());
    let charge = (words, any_amount(), any_amount(), any::<bool>(), bill(), booking).prop_map(
        |((sequence, kind, name, code), amount, tax, dunned, bill, booking)| Charge {
            sequence,
            kind,
            name,
            code,
            amount,
            tax,
            dunned,
            bill,
            booking,
        },
    );
    let waiver =
        (counter(), bill(), any_amount()).prop_map(|(sequence, bill, amount)| Waiver { sequence, bill, amount });
    let interest = some((any_day(), any::<i64>())).prop_map(|interest| {
        let accrual = |(until, minor_days)| Accrual { until, minor_days };
        interest.map(accrual)
    });
    (few(charge), few(waiver), interest, some(any_day())).prop_map(|(charges, waivers, interest, last_fee)| Charges {
        charges,
        waivers,
        interest,
        last_fee,
    })
}

fn retry() -> impl Strategy<Value = Retry> {
    let state = prop_oneof![any_instant().prop_map(RetryState::Planned), any_amount().prop_map(RetryState::Asked)];
    ((id(), boxed()), any_amount(), any_day(), any::<u16>(), counter(), state).prop_map(
        |((payment, method), amount, due_by, attempts, sequence, state)| Retry {
            payment: payment.into(),
            method,
            amount,
            due_by,
            attempts,
            sequence,
            state,
        },
    )
}

fn bases() -> impl Strategy<Value = Bases> {
    (any_instant(), any_instant(), any_instant(), any::<u16>()).prop_map(|(issue, entry, previous, repeats)| Bases {
        issue,
        entry,
        previous,
        repeats,
    })
}

fn pauses() -> impl Strategy<Value = Pauses> {
    let boxed_id = || id().prop_map(Into::into);
    let stops = any::<(bool, bool, bool)>().prop_map(|(contacts, bars, fees)| Stops { contacts, bars, fees });
    let hold = (boxed_id(), boxed(), some(any_instant()), any_day(), few(boxed_id()), stops)
        .prop_map(|(id, kind, until, day, bills, stops)| HoldInForce { id, kind, until, day, bills, stops });
    let promise = (boxed_id(), any_amount(), any_amount(), any_day(), any_day())
        .prop_map(|(id, amount, paid, day, promised_on)| Promise { id, amount, paid, day, promised_on });
    let part = (any_day(), any_amount()).prop_map(|(due_on, amount)| Term { due_on, amount });
    let plan = (boxed_id(), few(part), any_amount(), any_day()).prop_map(|(id, instalments, paid, day)| Plan {
        id,
        instalments,
        paid,
        day,
    });
    let head = (some(any_instant()), some(any::<u16>()), any::<u16>(), any::<u16>(), few(any_day()));
    let transit = (boxed_id(), any_amount(), any_day()).prop_map(|(id, amount, until)| Transit { id, amount, until });
    let money = (few(transit), any::<bool>(), some(any_amount()));
    (head, few(hold), few(promise), some(plan), money).prop_map(
        |((since, back_to, kept, broken, accepted), holds, promises, plan, (transit, covered, drift))| Pauses {
            transit,
            covered,
            drift,
            since,
            back_to,
            holds,
            promises,
            plan,
            kept,
            broken,
            accepted,
        },
    )
}

/// Any account that can be stored, also one that no events lead to.
pub(crate) fn account() -> impl Strategy<Value = Account> {
    let head = (id(), any_instant(), counter(), counter(), some(currency()), any_amount(), any_amount());
    let part = || (0..6usize, id(), any_amount());
    let payments = few((id(), any_amount(), any_day(), few(part())));
    let disputes = few((id(), any::<bool>(), any_day(), few(part())));
    let decided = some((any::<bool>(), some(any_instant())).prop_map(|(allowed, until)| BarDecided { allowed, until }));
    let seen = few((any::<[u8; 16]>(), any_day()));
    let tail = (some(profile()), decided, 0..=i32::MAX.unsigned_abs(), some(cycle()), some(any_instant()), aside());
    (head, few(bill()), payments, disputes, seen, tail).prop_map(|(head, bills, payments, disputes, seen, tail)| {
        let (id, line, sequence, decisions, currency, credit, turnover) = head;
        let (
            profile,
            bar_decided,
            cycles,
            cycle,
            deadline,
            (
                known,
                contacts,
                bases,
                procedure,
                pauses,
                suspended,
                reach,
                terms,
                (
                    retries,
                    charges,
                    facts,
                    history,
                    offered,
                    notices,
                    (write_offs, imported, booked, services, (barred, barred_in), erasure, lines, usage),
                ),
            ),
        ) = tail;
        // Some parts name a bill of the account, some one that it no longer has.
        let named = |at: usize, other: &str| bills.get(at).map_or_else(|| other.into(), |b: &Bill| b.id.clone());
        let mut account = Account::new(id);
        account.payments = payments
            .into_iter()
            .map(|(id, left, day, parts)| Payment {
                id: id.into(),
                left,
                day,
                parts: parts.iter().map(|(n, b, a)| PaymentPart { bill: named(*n, b), amount: *a }).collect(),
            })
            .collect();
        account.disputes = disputes
            .into_iter()
            .map(|(id, resolved, day, parts)| Dispute {
                id: id.into(),
                resolved,
                day,
                parts: parts.iter().map(|(n, b, a)| DisputedPart { bill: named(*n, b), amount: *a }).collect(),
            })
            .collect();
        let known = known.into_iter();
        let known =
            known.map(|(n, b, issued_on, reminded, kind)| BillAside { bill: named(n, b), issued_on, reminded, kind });
        let terms = terms.into_iter().map(|(n, b, terms)| BillTerms { bill: named(n, b), terms }).collect();
        let lines = lines.into_iter().map(|(n, b, lines)| BillLines { bill: named(n, b), lines }).collect();
        let bills_aside = known.collect();
        let (charges, facts, history) = (charges.map(Box::new), facts.map(Box::new), history.map(Box::new));
        let aside = Aside {
            bills: bills_aside,
            contacts,
            bases,
            procedure,
            pauses,
            suspended,
            reach,
            terms,
            retries,
            charges,
            facts,
            history,
            offered: offered.map(Box::new),
            notices: notices.map(Box::new),
            write_offs,
            imported: imported.map(Box::new),
            booked,
            services: services.map(|known| Box::new(known.of(&bills))),
            barred,
            barred_in,
            erasure,
            lines,
            usage: usage.map(Box::new),
        };
        account.aside = (aside != Aside::default()).then(|| Box::new(aside));
        account.seen = Seen::from_ids(seen.into_iter().map(|(hash, day)| (IdHash::from_bytes(hash), day)).collect());
        Account {
            line,
            sequence,
            decisions,
            currency,
            credit,
            turnover,
            bills,
            profile: profile.map(Box::new),
            bar_decided,
            cycles,
            cycle,
            deadline,
            ..account
        }
    })
}
