//! Fees and interest: when they are charged, what they count for, and how billing's answer takes their place.

use super::*;

fn posting() -> Posting {
    Posting { code: "LATE".into(), tax: 0 }
}

fn fee(name: &str, minor: i64, on: FeeOn) -> FeeRule {
    FeeRule {
        name: name.into(),
        on,
        flat: vec![(eur(), Minor::new(minor))],
        percent: 0,
        take: Take::Sum,
        at_least: vec![],
        at_most: vec![],
        spare_days: None,
        posting: posting(),
    }
}

fn interest(steps: Vec<u16>, at_end: bool) -> InterestRule {
    InterestRule { yearly: 1_000, steps, at_end, posting: posting() }
}

/// A fee of 10.00 with the final notice, and 10 % a year with it.
pub(super) fn rules(unpaid: Unpaid) -> ChargeRules {
    ChargeRules {
        fees: vec![fee("late", 1_000, FeeOn::Steps(vec![1]))],
        interest: Some(interest(vec![1], false)),
        unpaid,
    }
}

/// Steps on the days 5 and 15 after the due date, a bar on day 30.
fn policy(rules: ChargeRules) -> Policy {
    let mut policy = consumer();
    policy.steps = vec![notify("reminder", 5), notify("final", 15), bar("bar-outgoing", 30, BarLevel::Outgoing)];
    policy.options.charges = Some(Box::new(rules));
    policy
}

/// 100.00 due on day 10, not paid: the final notice comes on day 25.
fn late(rules: ChargeRules) -> Life {
    let mut life = Life::new(policy(rules));
    life.happens(0, profile(false));
    life.bill(0, "b1", 10_000, 10);
    life
}

/// Day, name and amount of every ledger request; those of waivers below zero.
fn requests(life: &Life) -> Vec<(i64, &str, i64)> {
    let request = |c: &Command| match c.action {
        Action::Ledger { kind: LedgerKind::Waiver, .. } => -c.amount_due.get(),
        _ => c.amount_due.get(),
    };
    let all = life.said.iter().filter(|c| matches!(c.action, Action::Ledger { .. }));
    // Two of a kind can be made in one life.
    all.map(|c| (c.decided_at.millis() / DAY, &*c.step, request(c))).collect()
}

fn request_id(life: &Life, name: &str) -> String {
    life.said.iter().rfind(|c| *c.step == *name).expect("a request").id.to_string()
}

fn booked<'a>(bill_id: &'a str, amount: i64, due: i32, origin: &'a str) -> Body<'a> {
    let Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, .. } =
        issued(bill_id, amount, due)
    else {
        panic!("a bill")
    };
    Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin: Some(origin) }
}

fn added<'a>(bill_id: &'a str, delta: i64, origin: &'a str) -> Body<'a> {
    Body::BillAdjusted { bill_id, delta: Minor::new(delta), origin: Some(origin) }
}

fn open(life: &Life) -> i64 {
    life.account.open().get()
}

#[test]
fn a_fee_and_the_interest_until_then_come_with_their_step() {
    // DOMAIN, case 4: 100.00, 15 days late, fee 10.00, interest 10 % a year.
    let mut life = late(rules(Unpaid::Dun));
    life.until(at(26));
    assert_eq!(requests(&life), [(25, "late", 1_000), (25, "interest", 41)]);
    assert_eq!(open(&life), 11_041);
    let last = life.said.last().expect("the notice");
    assert_eq!(
        (&*last.step, last.amount_due.get(), last.bill_ids.len()),
        ("final", 11_041, 3),
        "it tells of all of it"
    );
    // Only 100.00 is paid: it stays open for 10.41.
    life.pays(26, "p1", 10_000);
    assert_eq!((open(&life), life.account.cycle.is_some()), (1_041, true));
    // What was warned of is owed no more, so the warning comes again before any bar; the fee with it.
    life.pays(27, "p2", 1_041);
    assert_eq!((open(&life), life.account.cycle.is_some()), (0, false));
}

#[test]
fn charges_are_given_up_where_the_policy_says_so() {
    let mut life = late(rules(Unpaid::Waive));
    life.until(at(26));
    assert_eq!(life.said.last().map(|c| c.amount_due.get()), Some(10_000), "they are not dunned");
    life.pays(26, "p1", 10_000);
    assert_eq!(requests(&life)[2..], [(26, "late", -1_000), (26, "interest", -41)]);
    assert_eq!((open(&life), life.account.cycle.is_some()), (0, false));
    let late = request_id(&life, "final");
    assert_ne!(late, "", "the notice is there");
    let waiver = life.said.iter().find(|c| matches!(c.action, Action::Ledger { kind: LedgerKind::Waiver, .. }));
    let waiver = waiver.expect("a waiver");
    let Action::Ledger { reverses, .. } = waiver.action else { panic!("a request") };
    assert_eq!(reverses, Some(life.said[1].id), "it names the charge");

    // Billing books the fee, and gives it up: neither counts again.
    let (charge, waived) = (life.said[1].id.to_string(), waiver.id.to_string());
    assert_eq!(life.happens(27, booked("f1", 1_000, 40, &charge)), Outcome::Applied);
    assert_eq!(open(&life), 0);
    assert_eq!(life.happens(28, added("f1", -1_000, &waived)), Outcome::Applied);
    assert_eq!((open(&life), life.account.credit), (0, Minor::ZERO));
    // Said again, it is what it says.
    assert_eq!(life.happens(29, added("f1", 500, "another")), Outcome::Applied);
    assert_eq!(open(&life), 500);
}

#[test]
fn charges_that_are_left_are_owed_and_dunned_by_nobody() {
    let mut life = late(rules(Unpaid::Leave));
    life.until(at(26));
    life.pays(26, "p1", 10_000);
    assert_eq!((open(&life), life.account.stage()), (1_041, Stage::Clear));
    life.until(at(400));
    assert_eq!(life.said.len(), 4, "nothing more comes");
    // Later bills are paid before them.
    life.bill(400, "b2", 5_000, 410);
    life.pays(401, "p2", 5_500);
    assert_eq!((open(&life), life.account.bill("b2").map(Bill::open)), (541, Some(Minor::ZERO)));
}

#[test]
fn the_bill_on_which_a_fee_is_booked_takes_its_place() {
    let mut life = late(rules(Unpaid::Dun));
    life.until(at(26));
    life.pays(26, "p1", 10_500);
    assert_eq!(open(&life), 541);
    let late = life.said[1].id.to_string();
    assert_eq!(life.happens(27, booked("f1", 1_000, 60, &late)), Outcome::Applied);
    assert_eq!(open(&life), 541, "it counts once, and so does what was paid of it");
    assert_eq!(life.account.bill("f1").map(|bill| bill.paid), Some(Minor::new(500)));
    assert_eq!(life.happens(28, booked("f2", 1_000, 60, &late)), Outcome::NoEffect(NoEffect::BookedBefore));
    assert_eq!(life.happens(28, added("b1", 1_000, &late)), Outcome::NoEffect(NoEffect::BookedBefore));
    // The payment that went to what it stands for goes back from it.
    life.happens(29, taken_back("p1", 10_500));
    assert_eq!(open(&life), 11_041);
    // Billing's amount counts, be it less than was paid.
    let interest = life.said[2].id.to_string();
    life.pays(30, "p2", 11_041);
    assert_eq!(life.happens(31, booked("i1", 40, 60, &interest)), Outcome::Applied);
    assert_eq!((open(&life), life.account.credit), (0, Minor::new(1)));
    assert_eq!(life.account.charges().map(|all| all.charges.len()), Some(0), "all of it is settled and booked");
}

#[test]
fn a_fee_that_is_added_to_a_bill_is_a_part_of_it() {
    for unpaid in [Unpaid::Dun, Unpaid::Leave] {
        let mut life = late(rules(unpaid));
        life.until(at(26));
        let late = life.said[1].id.to_string();
        assert_eq!(life.happens(26, added("b9", 1_000, &late)), Outcome::NoEffect(NoEffect::UnknownBill));
        assert_eq!(life.happens(26, added("b1", 1_000, &late)), Outcome::Applied);
        assert_eq!((open(&life), life.account.bill("b1").map(|b| b.open().get())), (11_041, Some(11_000)));
        life.pays(27, "p1", 11_041);
        assert_eq!((open(&life), life.account.cycle.is_some()), (0, false));
    }
}

#[test]
fn the_first_one_of_a_year_is_spared() {
    let mut rules = rules(Unpaid::Leave);
    rules.interest = None;
    rules.fees[0].spare_days = Some(365);
    let mut life = late(rules);
    life.until(at(26));
    assert_eq!(requests(&life), []);
    let spared = life.decided.iter().any(|d| d.code == Code::NotCharged(NoCharge::Spared));
    assert!(spared, "and that is said");
    life.pays(26, "p1", 10_000);
    life.bill(30, "b2", 10_000, 40);
    life.until(at(56));
    assert_eq!(requests(&life), [(55, "late", 1_000)]);
    // A year after the last one another is spared.
    life.pays(56, "p2", 11_000);
    life.bill(500, "b3", 10_000, 510);
    life.until(at(530));
    assert_eq!(requests(&life).len(), 1);
}

#[test]
fn the_next_bill_brings_a_penalty_while_others_are_overdue() {
    // DOMAIN, case 6: 2 % on the next bill when the bill due on day 10 is unpaid.
    let mut penalty = fee("penalty", 0, FeeOn::NextBill);
    (penalty.flat, penalty.percent) = (vec![], 200);
    let mut life = late(ChargeRules { fees: vec![penalty], interest: None, unpaid: Unpaid::Dun });
    life.bill(9, "b2", 4_000, 35);
    assert_eq!(requests(&life), [], "nothing is overdue yet");
    life.bill(20, "b3", 4_000, 50);
    assert_eq!(requests(&life), [(20, "penalty", 200)]);
    // None on a charge that is booked, and none on charges.
    let id = request_id(&life, "penalty");
    life.happens(21, booked("f1", 200, 21, &id));
    life.bill(22, "b4", 4_000, 60);
    assert_eq!(requests(&life)[1..], [(22, "penalty", 200)]);
    life.pays(23, "p1", 10_400);
    life.bill(24, "b5", 4_000, 60);
    assert_eq!(requests(&life).len(), 2, "nothing is overdue any more");
}

#[test]
fn interest_follows_what_is_left_and_leaves_out_what_stood_still() {
    let rules = |at_end| ChargeRules { fees: vec![], interest: Some(interest(vec![1], at_end)), unpaid: Unpaid::Leave };
    // 100.00 for 10 days, then 40.00 for 5: 1200.00 for a day.
    let mut life = late(rules(false));
    life.pays(20, "p1", 6_000);
    life.until(at(26));
    assert_eq!(requests(&life), [(25, "interest", 33)]);
    // A dispute takes its part out, and the days of a hold do not count.
    let mut life = late(rules(false));
    life.happens(12, disputed("d1", Some("b1"), Some(5_000)));
    life.until(at(26));
    assert_eq!(requests(&life), [(25, "interest", (10_000 * 2 + 5_000 * 13 + 1_825) / 3_650)]);
    let mut life = late(rules(false));
    life.happens(
        12,
        Body::Interaction(Interaction::HoldPlaced {
            hold_id: "h",
            kind: "hardship",
            until: Some(at(112)),
            bills: vec![],
            stops: Stops::ALL,
        }),
    );
    life.until(at(130));
    assert_eq!(requests(&life), [(125, "interest", 41)], "the fifteenth day that counts");
    // What is left comes at the end.
    let mut life = late(rules(true));
    life.pays(46, "p1", 10_000);
    assert_eq!(requests(&life), [(25, "interest", 41), (46, "interest", 58)]);
    assert_eq!((open(&life), life.account.stage()), (99, Stage::Clear));
    // A payment that goes back does not let days count twice.
    life.happens(56, taken_back("p1", 10_000));
    life.pays(66, "p2", 10_000);
    assert_eq!(requests(&life)[2..], [(66, "interest", 27)]);
}

#[test]
fn a_promise_is_kept_by_who_pays_all_but_charges_that_are_not_dunned() {
    for (unpaid, kept) in [(Unpaid::Leave, true), (Unpaid::Waive, true), (Unpaid::Dun, false)] {
        let mut life = late(rules(unpaid));
        let (amount, promised_on) = (Minor::new(20_000), Day::from_epoch(60));
        life.happens(26, Body::Interaction(Interaction::PromiseMade { promise_id: "s1", amount, promised_on }));
        life.pays(27, "p1", 10_000);
        assert_eq!(life.account.pauses().map(|pauses| pauses.promises.is_empty()), Some(kept), "{unpaid:?}");
    }
}

#[test]
fn a_hold_on_fees_lets_nothing_be_charged_and_no_day_count() {
    let hold = |bills: &[&'static str], until| {
        let (stops, bills) = (Stops { fees: true, ..Stops::default() }, bills.to_vec());
        Body::Interaction(Interaction::HoldPlaced { hold_id: "h", kind: "goodwill", until, bills, stops })
    };
    let mut life = late(rules(Unpaid::Leave));
    life.happens(15, hold(&[], None));
    life.until(at(26));
    assert_eq!(life.diary(), [(15, "reminder"), (25, "final")], "all else goes on");
    assert!(life.decided.iter().any(|d| d.code == Code::NotCharged(NoCharge::OnHold)));
    // Ten days of the fifteen were on hold.
    let mut life = late(rules(Unpaid::Leave));
    life.happens(12, hold(&[], Some(at(22))));
    life.until(at(26));
    assert_eq!(requests(&life), [(25, "late", 1_000), (25, "interest", 14)]);
    // Another bill bears interest, and a share is of that alone.
    let mut rules = rules(Unpaid::Leave);
    (rules.fees[0].flat, rules.fees[0].percent) = (vec![], 1_000);
    let mut life = late(rules);
    life.bill(0, "b2", 4_000, 10);
    life.happens(1, hold(&["b1"], None));
    life.until(at(26));
    assert_eq!(requests(&life), [(25, "late", 400), (25, "interest", 16)]);
}

#[test]
fn no_more_is_charged_than_billing_can_answer() {
    let mut penalty = fee("penalty", 100, FeeOn::NextBill);
    penalty.posting.tax = 2_500;
    let mut life = late(ChargeRules { fees: vec![penalty], interest: None, unpaid: Unpaid::Leave });
    for n in 0..40 {
        life.happens(20, issued(&format!("n{n}"), 100, 100));
    }
    assert_eq!(requests(&life).len(), 32);
    let refused = life.decided.iter().filter(|d| d.code == Code::NotCharged(NoCharge::TooMany)).count();
    assert_eq!(refused, 8);
    let Action::Ledger { tax, ref code, .. } = life.said.last().expect("one").action else { panic!("a request") };
    assert_eq!((tax, &**code), (Minor::new(20), "LATE"));
}

#[test]
fn what_billing_need_not_know_yet_is_no_difference() {
    let stated = |balance| Body::BalanceStated { as_of: at(26), balance: Minor::new(balance), currency: eur() };
    for (balance, differs) in [(10_000, false), (11_041, false), (11_000, false), (9_999, true), (11_042, true)] {
        let mut life = late(rules(Unpaid::Leave));
        life.until(at(26));
        life.happens(26, stated(balance));
        let drift = life.account.pauses().and_then(|pauses| pauses.drift);
        assert_eq!(drift.is_some(), differs, "{balance}: {drift:?}");
    }
    // A waiver that billing has not booked is owed there.
    for (balance, differs) in [(0, false), (1_041, false), (1_042, true), (-1, true)] {
        let mut life = late(rules(Unpaid::Waive));
        life.pays(26, "p1", 10_000);
        life.happens(26, stated(balance));
        assert_eq!(life.account.pauses().is_some_and(|pauses| pauses.drift.is_some()), differs, "{balance}");
    }
}

#[test]
fn a_charge_that_was_found_takes_the_place_of_the_next_one() {
    let mut life = late(rules(Unpaid::Leave));
    life.until(at(25));
    assert_eq!(life.account.sequence, 1, "the reminder");
    let what = FoundAction::Charged {
        kind: ChargeKind::Fee,
        name: "late".into(),
        code: "LATE".into(),
        amount: Minor::new(1_000),
        tax: Minor::ZERO,
    };
    life.meet(&Event::Found(&[Found { sequence: 2, what }]), at(25));
    assert_eq!(open(&life), 11_000, "billing books it");
    life.until(at(26));
    let asked = requests(&life).iter().map(|(_, name, amount)| (*name, *amount)).collect::<Vec<_>>();
    assert_eq!(asked, [("interest", 41)], "the fee is not asked for twice");
    assert_eq!(open(&life), 11_041);
    let charge = command_id("acc-1", 2);
    let what = FoundAction::Waived { reverses: charge, amount: Minor::new(5_000) };
    life.meet(&Event::Found(&[Found { sequence: 9, what }]), at(26));
    assert_eq!(open(&life), 10_041, "no more is given up than is owed of it");
}

#[test]
fn bars_stand_on_bills_and_not_on_charges() {
    // 10.00 is owed, and charges of 20.00: with the charges it would be over the minimum of 15.00.
    let mut policy = policy(ChargeRules {
        fees: vec![fee("late", 2_000, FeeOn::Steps(vec![0]))],
        interest: None,
        unpaid: Unpaid::Leave,
    });
    policy.minimum_other = Some(Minor::new(1_500));
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 2_000, 10);
    life.pays(16, "p1", 1_000);
    life.until(at(100));
    assert_eq!(life.diary(), [(15, "late"), (15, "reminder")]);
}

#[test]
fn what_billing_books_twice_counts_once_also_where_it_was_paid_between() {
    // Found by the half year on a real bus: the second booking came when the first one was settled.
    let books: [fn(&str) -> Body<'_>; 2] =
        [|origin| booked("f1", 1_000, 40, origin), |origin| added("b1", 1_000, origin)];
    for first in books {
        let mut life = late(rules(Unpaid::Dun));
        life.until(at(26));
        let fee = life.said.iter().find(|c| &*c.step == "late").expect("the fee").id.to_string();
        life.pays(26, "p1", 20_000);
        assert_eq!(life.happens(27, first(&fee)), Outcome::Applied);
        let (open, credit) = (life.account.open(), life.account.credit);
        for again in [booked("f2", 1_000, 40, &fee), added("b1", 1_000, &fee)] {
            assert_eq!(life.happens(28, again), Outcome::NoEffect(NoEffect::BookedBefore));
        }
        assert_eq!((life.account.open(), life.account.credit), (open, credit));
    }
    // And a waiver.
    let mut life = late(rules(Unpaid::Waive));
    life.until(at(26));
    life.pays(26, "p1", 10_000);
    let of = |life: &Life, kind| {
        let is_it = |c: &&Command| matches!(c.action, Action::Ledger { kind: own, .. } if own == kind);
        life.said.iter().find(is_it).expect("a request").id.to_string()
    };
    let (fee, waiver) = (of(&life, LedgerKind::Fee), of(&life, LedgerKind::Waiver));
    life.happens(27, booked("f1", 1_000, 40, &fee));
    assert_eq!(life.happens(28, added("f1", -1_000, &waiver)), Outcome::Applied);
    assert_eq!(life.happens(29, added("f1", -1_000, &waiver)), Outcome::NoEffect(NoEffect::BookedBefore));
    assert_eq!((open(&life), life.account.credit), (0, Minor::ZERO));
}

#[test]
fn credit_pays_a_charge_before_anyone_is_told_of_it() {
    let mut life = late(rules(Unpaid::Dun));
    life.until(at(26));
    life.pays(30, "p1", 20_000);
    // What was still to be charged at the end is paid with what came.
    let owed: Minor = life.account.bills.iter().map(Bill::open).sum();
    assert_eq!((owed, life.account.cycle.is_some()), (Minor::ZERO, false));
    assert!(life.account.credit > Minor::ZERO);
}
