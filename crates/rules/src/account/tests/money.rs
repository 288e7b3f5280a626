//! Rows for the balances: where money goes, what comes back, what is disputed.

use super::*;

/// Three bills of 10.00, due one after another, and what happens to them; long before anything is overdue.
fn three_bills(shortcuts: Shortcuts, events: Vec<Body<'_>>) -> Life {
    let mut life = Life::new(Policy { shortcuts, ..consumer() });
    for (id, due) in [("b2", 20), ("b3", 30), ("b1", 10)] {
        assert_eq!(life.bill(0, id, 1_000, due), Outcome::Applied);
    }
    for event in events {
        let words = format!("{event:?}");
        assert_eq!(life.happens(1, event), Outcome::Applied, "{words}");
    }
    life
}

/// What is open on each bill, oldest due date first, and the credit.
fn books(life: &Life) -> (Vec<i64>, i64) {
    (life.account.bills.iter().map(|b| b.open().get()).collect(), life.account.credit.get())
}

/// What is disputed on each bill.
fn contested(life: &Life) -> Vec<i64> {
    life.account.bills.iter().map(|b| b.disputed.get()).collect()
}

const NONE: Shortcuts = Shortcuts::NONE;
const BY_DUE_DATE: Shortcuts = Shortcuts { pay_disputed: PayDisputed::ByDueDate, ..NONE };
const LEAVES_CREDIT: Shortcuts = Shortcuts { debit_note: DebitNote::LeavesCredit, ..NONE };
const FREES_ALL: Shortcuts = Shortcuts { dispute_end: DisputeEnd::FreesTheBill, ..NONE };

#[test]
fn a_payment_goes_to_its_bill_then_to_the_oldest_undisputed_debt_and_to_disputed_debt_last() {
    let rows = [
        ("the oldest first, but not what is disputed on it", NONE, 1_000, None, ([600, 400, 1_000], 0)),
        ("all that is not disputed, exactly", NONE, 2_400, None, ([600, 0, 0], 0)),
        ("what is disputed comes last", NONE, 2_500, None, ([500, 0, 0], 0)),
        ("the rest is credit", NONE, 3_500, None, ([0, 0, 0], 500)),
        ("the payer's word counts, disputed or not", NONE, 1_000, Some("b1"), ([0, 1_000, 1_000], 0)),
        ("beyond the named bill as if none were named", NONE, 1_200, Some("b3"), ([800, 1_000, 0], 0)),
        ("an unknown bill is no bill", NONE, 500, Some("b9"), ([600, 900, 1_000], 0)),
        ("by due date only, disputed or not", BY_DUE_DATE, 1_000, None, ([0, 1_000, 1_000], 0)),
        ("by due date only, the rest is credit", BY_DUE_DATE, 3_001, None, ([0, 0, 0], 1)),
    ];
    for (words, shortcuts, amount, bill, (open, credit)) in rows {
        let life = three_bills(shortcuts, vec![disputed("d1", Some("b1"), Some(600)), received("p1", amount, bill)]);
        assert_eq!(books(&life), (open.to_vec(), credit), "{words}");
    }
}

#[test]
fn what_a_payment_put_where_is_written_down_and_nothing_else() {
    let life = three_bills(NONE, vec![received("p1", 1_300, Some("b3")), received("p2", 100, None)]);
    let parts = |n: usize| -> Vec<(&str, i64)> {
        life.account.payments[n].parts.iter().map(|p| (&*p.bill, p.amount.get())).collect()
    };
    assert_eq!((parts(0), parts(1)), (vec![("b3", 1_000), ("b1", 300)], vec![("b1", 100)]));
    assert_eq!(life.account.payments[0].day, Day::from_epoch(1));
}

#[test]
fn a_reversal_takes_credit_first_and_then_the_last_bill_that_was_paid() {
    let rows = [
        ("credit only", vec![300], ([0, 0, 1_000], 200)),
        ("credit, then the later bill", vec![700], ([0, 200, 1_000], 0)),
        ("in two parts as in one", vec![300, 400], ([0, 200, 1_000], 0)),
        ("on to the earlier bill", vec![1_600], ([100, 1_000, 1_000], 0)),
        ("all", vec![2_500], ([1_000, 1_000, 1_000], 0)),
        ("never more than was paid", vec![2_400, 10_000, 10_000], ([1_000, 1_000, 1_000], 0)),
    ];
    for (words, back, (open, credit)) in rows {
        // The payment settles b1 and b2, and 5.00 of it are credit: b3 was disputed and is owed again.
        let mut life = three_bills(NONE, vec![written_off("b3", 1_000), received("p1", 2_500, None)]);
        life.happens(2, Body::WriteOffReversed { bill_id: "b3", amount: Minor::new(1_000) });
        for amount in &back {
            life.happens(2, taken_back("p1", *amount));
        }
        assert_eq!(books(&life), (open.to_vec(), credit), "{words}");
        let left = 2_500 - back.iter().sum::<i64>().min(2_500);
        assert_eq!(life.account.payments[0].left, Minor::new(left), "{words}");
    }
}

#[test]
fn a_reversal_takes_back_what_its_own_payment_paid() {
    let mut life = three_bills(NONE, vec![received("p1", 800, Some("b2")), received("p2", 300, Some("b2"))]);
    assert_eq!(books(&life), (vec![900, 0, 1_000], 0), "p2 paid 2.00 of b2 and 1.00 of b1");
    life.happens(2, taken_back("p2", 250));
    assert_eq!(books(&life), (vec![1_000, 150, 1_000], 0));
    life.happens(2, taken_back("p2", 250));
    assert_eq!(books(&life), (vec![1_000, 200, 1_000], 0), "no more than was left of p2");
    assert_eq!(life.happens(2, taken_back("p9", 100)), Outcome::NoEffect(NoEffect::UnknownPayment));
}

#[test]
fn what_another_payment_paid_since_stays_paid() {
    let mut life = three_bills(NONE, vec![received("p1", 1_500, None), taken_back("p1", 200)]);
    life.happens(2, received("p2", 200, Some("b2")));
    assert_eq!(books(&life), (vec![0, 500, 1_000], 0));
    // Of p1 there were 3.00 left on b2, and 10.00 on b1.
    life.happens(2, taken_back("p1", 400));
    assert_eq!(books(&life), (vec![100, 800, 1_000], 0));
}

#[test]
fn a_reversal_passes_over_a_bill_that_is_gone() {
    let paid = vec![received("p1", 2_000, None), Body::BillCancelled { bill_id: "b2" }, taken_back("p1", 1_500)];
    let life = three_bills(NONE, paid);
    // What b2 had went to b3, which was not paid by p1: of p1 only b1's part is found.
    assert_eq!(books(&life), (vec![1_000, 0], 0));
    assert_eq!(life.account.payments[0].left, Minor::new(1_000));
}

#[test]
fn a_credit_note_frees_what_was_paid_too_much_and_a_debit_note_draws_on_credit() {
    let paid = |id, amount| received(id, amount, None);
    let rows = [
        ("less is owed", NONE, vec![adjusted("b1", -300)], ([700, 1_000, 1_000], 0)),
        ("more is owed", NONE, vec![adjusted("b1", 300)], ([1_300, 1_000, 1_000], 0)),
        ("never less than nothing", NONE, vec![adjusted("b1", -1_500)], ([0, 1_000, 1_000], 0)),
        ("paid, then noted: on to the next", NONE, vec![paid("p1", 1_000), adjusted("b1", -300)], ([0, 700, 1_000], 0)),
        ("paid in part, noted to that", NONE, vec![paid("p1", 600), adjusted("b1", -400)], ([0, 1_000, 1_000], 0)),
        ("all paid: credit", NONE, vec![paid("p1", 3_000), adjusted("b2", -300)], ([0, 0, 0], 300)),
        ("a debit note is paid from credit", NONE, vec![paid("p1", 3_500), adjusted("b2", 600)], ([0, 100, 0], 0)),
        ("or it is not", LEAVES_CREDIT, vec![paid("p1", 3_500), adjusted("b2", 600)], ([0, 600, 0], 500)),
        (
            "what a dispute credited is not owed either",
            NONE,
            vec![disputed("d1", Some("b1"), None), resolved("d1", 400), paid("p1", 600), adjusted("b1", -100)],
            ([0, 900, 1_000], 0),
        ),
    ];
    for (words, shortcuts, events, (open, credit)) in rows {
        assert_eq!(books(&three_bills(shortcuts, events)), (open.to_vec(), credit), "{words}");
    }
}

#[test]
fn a_bill_that_is_withdrawn_leaves_what_was_paid_on_it() {
    let withdrawn = |id| Body::BillCancelled { bill_id: id };
    let rows = [
        ("unpaid", NONE, vec![withdrawn("b1")], ([1_000, 1_000], 0)),
        ("paid: on to the next", NONE, vec![received("p1", 1_000, None), withdrawn("b1")], ([0, 1_000], 0)),
        ("all paid: credit", NONE, vec![received("p1", 3_000, None), withdrawn("b1")], ([0, 0], 1_000)),
        (
            "an unpaid one moves no credit",
            LEAVES_CREDIT,
            vec![written_off("b3", 1_000), received("p1", 2_500, None), adjusted("b2", 100), withdrawn("b3")],
            ([0, 100], 500),
        ),
    ];
    for (words, shortcuts, events, (open, credit)) in rows {
        assert_eq!(books(&three_bills(shortcuts, events)), (open.to_vec(), credit), "{words}");
    }
}

#[test]
fn credit_waits_for_the_next_bill_and_is_spent_once() {
    let mut life = three_bills(NONE, vec![credited("c1", 3_200)]);
    assert_eq!(books(&life), (vec![0, 0, 0], 200), "oldest first, and what is left waits");
    life.bill(2, "b4", 150, 40);
    assert_eq!(books(&life), (vec![0, 0, 0, 0], 50));
    life.bill(2, "b5", 150, 5);
    assert_eq!(books(&life), (vec![100, 0, 0, 0, 0], 0));
    assert_eq!(life.happens(2, credited("c1", 3_200)), Outcome::NoEffect(NoEffect::KnownCredit));
    assert_eq!(life.happens(2, credited("c2", 60)), Outcome::Applied);
    assert_eq!(books(&life), (vec![40, 0, 0, 0, 0], 0));
}

#[test]
fn a_write_off_takes_what_is_open_and_its_reversal_what_was_written_off() {
    let again = |amount| Body::WriteOffReversed { bill_id: "b1", amount: Minor::new(amount) };
    let rows = [
        ("in part", vec![written_off("b1", 300)], 700),
        ("no more than is open", vec![received("p1", 400, None), written_off("b1", 1_000)], 0),
        ("taken back", vec![written_off("b1", 300), again(200)], 900),
        ("only what was written off", vec![written_off("b1", 300), again(500)], 1_000),
        ("what was paid stays paid", vec![received("p1", 400, None), written_off("b1", 1_000), again(9_999)], 600),
    ];
    for (words, events, open) in rows {
        assert_eq!(books(&three_bills(NONE, events)), (vec![open, 1_000, 1_000], 0), "{words}");
    }
}

#[test]
fn a_dispute_contests_so_much_of_its_bill_or_all_that_is_open() {
    let rows = [
        ("a part", vec![disputed("d1", Some("b1"), Some(300))], [300, 0, 0]),
        (
            "a part and another",
            vec![disputed("d1", Some("b1"), Some(300)), disputed("d2", Some("b1"), Some(200))],
            [500, 0, 0],
        ),
        (
            "no more than is open",
            vec![disputed("d1", Some("b1"), Some(300)), disputed("d2", Some("b1"), Some(900))],
            [1_000, 0, 0],
        ),
        ("all of a bill", vec![received("p1", 400, None), disputed("d1", Some("b1"), None)], [600, 0, 0]),
        (
            "all bills, as far as they are open",
            vec![received("p1", 1_400, None), disputed("d1", None, None)],
            [0, 600, 1_000],
        ),
        // Once it was paid in part, no more is contested than is left.
        (
            "paid since",
            vec![
                disputed("d1", Some("b1"), None),
                received("p1", 800, Some("b1")),
                disputed("d2", Some("b1"), Some(50)),
            ],
            [200, 0, 0],
        ),
    ];
    for (words, events, wanted) in rows {
        assert_eq!(contested(&three_bills(NONE, events)), wanted, "{words}");
    }
    let life = three_bills(NONE, vec![received("p1", 1_000, None), disputed("d1", None, None)]);
    let parts: Vec<_> = life.account.disputes[0].parts.iter().map(|p| (&*p.bill, p.amount.get())).collect();
    assert_eq!(parts, [("b2", 1_000), ("b3", 1_000)], "a settled bill is not contested");
}

#[test]
fn a_resolved_dispute_frees_its_share_and_credits_its_bills_in_their_order() {
    let two = || vec![disputed("d1", Some("b1"), Some(300)), disputed("d2", Some("b1"), Some(200))];
    let all = || vec![disputed("d1", None, None)];
    let rows = [
        ("its own share", NONE, two(), ("d1", 0), [200, 0, 0], [1_000, 1_000, 1_000]),
        ("the whole bill, where the policy says so", FREES_ALL, two(), ("d1", 0), [0, 0, 0], [1_000, 1_000, 1_000]),
        ("with a credit", NONE, two(), ("d2", 150), [300, 0, 0], [850, 1_000, 1_000]),
        ("the oldest bill first", NONE, all(), ("d1", 1_300), [0, 0, 0], [0, 700, 1_000]),
        ("no more than is open", NONE, all(), ("d1", 5_000), [0, 0, 0], [0, 0, 0]),
        ("nothing of it goes to other bills", NONE, two(), ("d1", 1_300), [200, 0, 0], [0, 1_000, 1_000]),
    ];
    for (words, shortcuts, events, (id, credit), left, open) in rows {
        let mut life = three_bills(shortcuts, events);
        assert_eq!(life.happens(3, resolved(id, credit)), Outcome::Applied);
        assert_eq!((contested(&life), books(&life)), (left.to_vec(), (open.to_vec(), 0)), "{words}");
        assert_eq!(life.happens(3, resolved(id, credit)), Outcome::NoEffect(NoEffect::ResolvedDispute), "{words}");
    }
}

#[test]
fn what_is_known_or_unknown_moves_nothing() {
    let mut life = three_bills(NONE, vec![received("p1", 100, None), disputed("d1", Some("b2"), Some(10))]);
    life.happens(1, credited("c1", 10));
    let before = books(&life);
    let none = NoEffect::UnknownBill;
    let rows = [
        (issued("b1", 77, 9), NoEffect::KnownBill),
        (received("p1", 77, None), NoEffect::KnownPayment),
        (disputed("d1", None, None), NoEffect::KnownDispute),
        (credited("c1", 77), NoEffect::KnownCredit),
        (adjusted("b9", 77), none),
        (Body::BillCancelled { bill_id: "b9" }, none),
        (written_off("b9", 77), none),
        (Body::WriteOffReversed { bill_id: "b9", amount: Minor::new(77) }, none),
        (disputed("d9", Some("b9"), None), none),
        (taken_back("p9", 77), NoEffect::UnknownPayment),
        (resolved("d9", 77), NoEffect::UnknownDispute),
        (failed("p1"), NoEffect::PaymentFailed),
        (Body::UsageRecorded(Usage::NONE), NoEffect::Usage),
        (Body::Interaction(Interaction::NotUsed("Promise")), NoEffect::NotUsedYet),
    ];
    for (body, reason) in rows {
        let (words, turnover) = (format!("{body:?}"), life.account.turnover);
        assert_eq!(life.happens(2, body), Outcome::NoEffect(reason), "{words}");
        assert_eq!((books(&life), life.account.turnover), (before.clone(), turnover), "{words}");
    }
    assert_eq!(
        life.happens(2, received("p2", 890, Some("b1"))),
        Outcome::Applied,
        "a failed attempt is not the payment"
    );
}

#[test]
fn everything_that_moves_is_counted_without_its_sign() {
    let mut life = three_bills(NONE, vec![]);
    let moved = [
        (adjusted("b1", -200), 200),
        (adjusted("b1", 300), 300),
        (received("p1", 400, None), 400),
        (taken_back("p1", 100), 100),
        (credited("c1", 50), 50),
        (written_off("b3", 500), 500),
        (Body::WriteOffReversed { bill_id: "b3", amount: Minor::new(60) }, 60),
        (disputed("d1", Some("b3"), Some(70)), 70),
        (disputed("d2", Some("b3"), None), 0),
        (resolved("d1", 20), 20),
        (Body::BillCancelled { bill_id: "b1" }, 0),
        (profile(false), 0),
    ];
    let mut wanted = 3_000;
    for (body, counted) in moved {
        let words = format!("{body:?}");
        wanted += counted;
        assert_eq!(life.happens(2, body), Outcome::Applied, "{words}");
        assert_eq!(life.account.turnover, Minor::new(wanted), "{words}");
    }
}

#[test]
fn the_largest_event_and_the_fullest_account_are_taken_and_one_cent_more_is_not() {
    let most = Minor::EVENT_MAX.get();
    let mut life = Life::new(consumer());
    assert_eq!(life.bill(0, "b1", most, 10), Outcome::Applied);
    let over = [issued("b2", most + 1, 10), received("p1", most + 1, None), adjusted("b1", -most - 1)];
    for body in over {
        let words = format!("{body:?}");
        assert_eq!(life.happens(0, body), Outcome::Refused(Refusal::Overflow), "{words}");
    }
    assert_eq!(life.happens(0, adjusted("b1", -most)), Outcome::Applied);
    life.account.turnover = Minor::new(Minor::TURNOVER_MAX.get() - 10);
    assert_eq!(life.pays(0, "p1", 11), Outcome::Refused(Refusal::Overflow));
    assert_eq!(life.pays(0, "p1", 10), Outcome::Applied);
    assert_eq!(life.account.turnover, Minor::TURNOVER_MAX);
    assert_eq!(life.happens(0, Body::BillCancelled { bill_id: "b1" }), Outcome::Applied, "which moves nothing more");
}

#[test]
fn an_account_keeps_the_currency_of_its_first_money() {
    let usd = Currency::parse("USD").expect("a currency");
    let foreign = || {
        let mut bill = issued("b9", 10, 10);
        if let Body::BillIssued { currency, .. } = &mut bill {
            *currency = usd;
        }
        [
            bill,
            Body::PaymentReceived {
                payment_id: "p9",
                amount: Minor::new(10),
                currency: usd,
                bill_id: None,
                command_id: None,
            },
            Body::AccountCredited { credit_id: "c9", amount: Minor::new(10), currency: usd },
        ]
    };
    for first in [issued("b1", 10, 10), received("p1", 10, None), credited("c1", 10)] {
        let mut life = Life::new(consumer());
        assert_eq!(life.happens(0, first), Outcome::Applied);
        assert_eq!(life.account.currency, Some(eur()));
        for body in foreign() {
            assert_eq!(life.happens(0, body), Outcome::Refused(Refusal::OtherCurrency));
        }
    }
    for body in foreign() {
        let mut life = Life::new(consumer());
        assert_eq!((life.happens(0, body), life.account.currency), (Outcome::Applied, Some(usd)));
    }
}

#[test]
fn what_is_open_is_what_was_billed_less_all_that_went_off_it_and_never_below_zero() {
    let mut bill = Bill {
        id: "b1".into(),
        amount: Minor::new(10_000),
        adjustments: Minor::new(500),
        paid: Minor::new(3_000),
        credited: Minor::new(200),
        written_off: Minor::new(70),
        disputed: Minor::new(1_000),
        due_on: Day::from_epoch(1),
        clear_from: None,
    };
    assert_eq!((bill.open(), bill.undisputed()), (Minor::new(7_230), Minor::new(6_230)));
    bill.disputed = Minor::new(7_231);
    assert_eq!(bill.undisputed(), Minor::ZERO);
    bill.paid = Minor::new(20_000);
    assert_eq!(bill.open(), Minor::ZERO);
}
