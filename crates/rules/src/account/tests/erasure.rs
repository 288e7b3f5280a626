//! Rows for erasure: what goes at once, what is kept while it is owed or can come back, and what a stub still knows.

use super::*;

fn asked(life: &mut Life, day: i64) {
    life.until(at(day));
    life.meet(&Event::Erased, at(day));
    life.clear();
}

fn known(policy: Policy) -> Life {
    let contact = Contact { channel: Channel::Sms, address: "alias-of-a-person".into(), consent: true };
    let mut life = Life::new(policy);
    life.happens(0, Body::Profile(Box::new(Profile { contacts: vec![contact], ..customer() })));
    life.bill(0, "b1", 1_000, 10);
    life
}

fn kept(days: u16) -> Policy {
    let mut policy = consumer();
    policy.options.payments_kept_days = days;
    policy
}

/// What is left of an account of which all but the stub was erased.
fn assert_stub(account: &Account) {
    let Account { sequence, decisions, seen, cycles, line, .. } = account;
    let asked = account.erasure().and_then(|erasure| erasure.asked);
    let stub = Account {
        sequence: *sequence,
        decisions: *decisions,
        seen: seen.clone(),
        cycles: *cycles,
        line: *line,
        aside: Some(Box::new(Aside { erasure: Some(Erasure { asked, stub: true }), ..Aside::default() })),
        deadline: account.deadline,
        ..Account::new(&account.id)
    };
    assert_eq!(*account, stub);
}

#[test]
fn the_person_goes_at_once_and_the_debt_is_dunned_without_a_bar() {
    let mut life = known(kept(0));
    life.until(at(15));
    asked(&mut life, 15);
    assert!(life.account.profile.is_none());
    life.until(at(100));
    // Told by the notification platform's own knowledge, if it has any; never barred.
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")]);
    assert!(life.said[1..].iter().all(|c| matches!(&c.action, Action::Notify { address, .. } if address.is_empty())));
    assert_eq!(life.account.pending().and_then(|p| p.held), Some(Hold::NoProfile));
    assert_eq!(life.account.bills.len(), 1, "what is owed is kept");
}

#[test]
fn all_else_goes_when_nothing_is_owed_and_no_payment_can_come_back() {
    // How long payments are kept, when erasure is asked for and when all is paid; when all is gone.
    for (keep, asks, pays, gone) in [(0, 15, 20, 20), (60, 15, 20, 80), (60, 30, 20, 80), (60, 90, 20, 90)] {
        let mut life = known(kept(keep));
        life.until(at(asks.min(pays)));
        if asks < pays {
            asked(&mut life, asks);
            life.pays(pays, "p1", 1_000);
        } else {
            life.pays(pays, "p1", 1_000);
            asked(&mut life, asks);
        }
        life.until(at(gone));
        let before = life.account.clone();
        life.until(at(gone).plus(1));
        assert!(before.payments.len() == 1 || gone == pays || gone == asks, "{keep} {asks}");
        assert_stub(&life.account);
        let said = life.decided.iter().filter(|d| d.code == Code::StateErased).map(|d| d.at);
        assert_eq!(said.collect::<Vec<_>>(), [at(gone)], "{keep} {asks}");
    }
}

#[test]
fn nothing_goes_while_anybody_owes_anybody_anything() {
    let disputes = |life: &mut Life| life.happens(20, disputed("d1", None, None));
    let overpays = |life: &mut Life| life.pays(20, "p1", 1_001);
    for what in [disputes as fn(&mut Life) -> Outcome, overpays] {
        let mut life = known(kept(0));
        what(&mut life);
        asked(&mut life, 21);
        life.until(at(400));
        assert!(!life.account.bills.is_empty());
    }
}

#[test]
fn a_stub_counts_on_and_knows_what_was_counted_until_the_horizon() {
    let mut life = known(kept(0));
    life.book.dedupe_horizon_days = Some(100);
    life.until(at(30));
    life.pays(30, "p1", 1_000);
    asked(&mut life, 31);
    assert_stub(&life.account);
    let sequence = life.account.sequence;
    assert!(sequence > 0);
    // The same things again, under other event ids.
    assert_eq!(life.bill(32, "b1", 1_000, 10), Outcome::NoEffect(NoEffect::KnownBill));
    assert_eq!(life.pays(33, "p1", 1_000), Outcome::NoEffect(NoEffect::KnownPayment));
    assert_eq!(life.happens(34, taken_back("p1", 1_000)), Outcome::NoEffect(NoEffect::UnknownPayment));
    assert_stub(&life.account);
    // Behind the horizon an event of that age is refused anyway.
    life.until(at(400));
    assert_eq!(life.account.seen.ids(), []);
    assert_eq!(life.account.deadline(), None);
    assert_stub(&life.account);
}

#[test]
fn who_comes_back_goes_on_counting() {
    let mut life = known(kept(0));
    life.until(at(30));
    life.pays(30, "p1", 1_000);
    asked(&mut life, 31);
    let (sequence, cycles) = (life.account.sequence, life.account.cycles);
    life.happens(40, profile(false));
    assert_eq!(life.account.erasure(), Some(Erasure { asked: None, stub: true }));
    life.bill(40, "b2", 1_000, 50);
    life.until(at(100));
    let bar = life.said.iter().position(|c| matches!(c.action, Action::Bar { .. })).expect("a bar");
    assert_eq!((life.said[bar].sequence, life.account.cycles), (sequence + 3, cycles + 1));
    assert_eq!(life.pays(101, "p1", 1_000), Outcome::NoEffect(NoEffect::KnownPayment));
    assert_eq!(life.pays(101, "p2", 1_000), Outcome::Applied);
    // And can be forgotten again.
    asked(&mut life, 102);
    assert_stub(&life.account);
}

#[test]
fn a_profile_ends_what_was_asked_for_and_not_done_yet() {
    let mut life = known(kept(60));
    life.pays(20, "p1", 1_000);
    asked(&mut life, 21);
    life.happens(22, profile(false));
    life.until(at(300));
    assert_eq!((life.account.bills.len(), life.account.erasure()), (1, None));
}
