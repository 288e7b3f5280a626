//! Debt that is given up by a step: asked for once, bill by bill, counted once, and only when billing has booked it.

use super::*;

fn giving_up() -> Life {
    let mut policy = consumer();
    policy.options.resumes.write_off_reversed = true;
    let action = StepAction::WriteOff { code: "BAD-DEBT".into() };
    policy.steps = vec![notify("reminder", 4), Step { action, ..notify("give-up", 30) }];
    let mut life = owing(policy);
    life.bill(1, "b2", 700, 12);
    life.happens(2, disputed("d1", Some("b2"), Some(300)));
    life
}

fn asked(life: &Life) -> Vec<(i64, &str, i64)> {
    let requests = life.said.iter().filter(|c| matches!(c.action, Action::Ledger { kind: LedgerKind::WriteOff, .. }));
    requests.map(|c| (c.decided_at.millis() / DAY, &*c.bill_ids[0], c.amount_due.get())).collect()
}

fn books(life: &mut Life, day: i64, request: usize) -> Outcome {
    let requests = life.said.iter().filter(|c| matches!(c.action, Action::Ledger { .. }));
    let request = requests.clone().nth(request).expect("a request");
    let (id, bill, amount) = (request.id.to_string(), request.bill_ids[0].to_string(), request.amount_due);
    life.happens(day, Body::BillWrittenOff { bill_id: &bill, amount, origin: Some(&id) })
}

#[test]
fn billing_is_asked_for_what_is_dunned_and_what_it_books_counts_once() {
    let mut life = giving_up();
    life.until(at(60));
    assert_eq!(asked(&life), [(40, "b1", 1_000), (40, "b2", 400)]);
    // Nothing is given up yet.
    assert_eq!(life.account.open(), Minor::new(1_700));
    assert_eq!(books(&mut life, 61, 0), Outcome::Applied);
    assert_eq!(life.account.open(), Minor::new(700));
    assert!(life.account.cycle.is_some());
    assert_eq!(books(&mut life, 62, 0), Outcome::NoEffect(NoEffect::BookedBefore));
    assert_eq!(books(&mut life, 62, 1), Outcome::Applied);
    assert_eq!((life.account.open(), &life.account.cycle), (Minor::new(300), &None));
    life.until(at(400));
    assert_eq!(asked(&life).len(), 2);
}

#[test]
fn what_was_paid_meanwhile_is_not_given_up_beyond_what_is_open() {
    let mut life = giving_up();
    life.until(at(41));
    life.pays(41, "p1", 1_000);
    assert_eq!(books(&mut life, 42, 0), Outcome::Applied);
    assert_eq!(life.account.credit, Minor::ZERO);
    assert_eq!(life.account.open(), Minor::new(700));
}

#[test]
fn a_write_off_that_is_taken_back_can_be_asked_for_again() {
    let mut life = giving_up();
    life.until(at(41));
    for request in [0, 1] {
        books(&mut life, 42, request);
    }
    life.happens(50, Body::WriteOffReversed { bill_id: "b1", amount: Minor::new(1_000) });
    life.until(at(400));
    let again: Vec<_> = asked(&life).into_iter().skip(2).collect();
    assert!(again.is_empty(), "the ladder stands behind its last step: {again:?}");
    // A new cycle asks for it.
    life.pays(401, "p2", 1_000);
    life.happens(402, taken_back("p2", 1_000));
    life.until(at(500));
    assert_eq!(asked(&life).last(), Some(&(431, "b1", 1_000)));
}

#[test]
fn a_request_that_was_found_on_the_bus_is_not_made_again() {
    let mut life = giving_up();
    let found =
        Found { sequence: 9, what: FoundAction::WriteOffAsked { bill: "b1".into(), amount: Minor::new(1_000) } };
    life.until(at(20));
    life.meet(&Event::Found(&[found]), at(20));
    life.until(at(60));
    assert_eq!(asked(&life), [(40, "b2", 400)]);
    let id = command_id("acc-1", 9).to_string();
    let booked = Body::BillWrittenOff { bill_id: "b1", amount: Minor::new(1_000), origin: Some(&id) };
    assert_eq!(life.happens(61, booked.clone()), Outcome::Applied);
    assert_eq!(life.happens(62, booked), Outcome::NoEffect(NoEffect::BookedBefore));
}

#[test]
fn a_notice_names_a_day_of_its_own_and_no_bar_comes_before_it() {
    let mut policy = consumer();
    let rule = |days| {
        let offset = Offset { days, ..Offset::default() };
        let notice = NoticeRule { names: Some(offset), ..NoticeRule::default() };
        Some(Box::new(StepRule { notice, ..StepRule::default() }))
    };
    policy.steps[0].rule = rule(8);
    policy.steps[1].rule = rule(20);
    let mut life = owing(policy);
    life.until(at(100));
    let named = |c: &Command| match c.action {
        Action::Notify { announced_for, .. } => announced_for.map(Day::epoch),
        _ => None,
    };
    assert_eq!(life.said.iter().map(named).collect::<Vec<_>>(), [Some(22), Some(41), None, None]);
    assert_eq!(life.diary()[2], (41, "bar-outgoing"));
}
