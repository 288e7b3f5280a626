//! Which procedure an account follows, and for how long.

use super::*;

/// Two procedures: who is of the segment `vip`, or among a share of the others, is told more gently.
fn policy(share: Option<Share>) -> Policy {
    let mut policy = consumer();
    let gentle = [notify("reminder", 4), notify("gentle", 30)];
    let first = u16::try_from(policy.steps.len()).expect("few steps");
    policy.steps.extend(gentle);
    let procedure = |name: &str, first, end| Procedure { name: name.into(), first, end };
    policy.options.procedures = vec![procedure("standard", 0, first), procedure("gentle", first, first + 2)];
    let vip = Test::Word { of: WordOf::Segment, words: vec!["vip".into()], not: false };
    let rule = |name: &str, when, share| SelectRule { name: name.into(), when, share, procedure: 1 };
    policy.options.select = vec![rule("vip", vec![vip], None)];
    policy.options.select.extend(share.map(|share| rule("pilot", vec![], Some(share))));
    policy
}

fn segment(name: &str) -> Body<'_> {
    let Body::Profile(mut of) = profile(false) else { panic!("a profile") };
    of.segment = name.into();
    Body::Profile(of)
}

fn all(policy: Policy, name: &str) -> Life {
    let mut life = Life::new(policy);
    life.happens(0, segment(name));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(100));
    life
}

#[test]
fn the_first_rule_that_takes_an_account_chooses_and_all_others_follow_the_default() {
    let standard = [(14, "reminder"), (21, "final"), (36, "bar-outgoing"), (50, "bar-full")];
    let gentle = [(14, "reminder"), (40, "gentle")];
    assert_eq!(all(policy(None), "consumer").diary(), standard);
    assert_eq!(all(policy(None), "vip").diary(), gentle);
    let share = |first, end| Some(Share { group: "pilot".into(), first, end });
    assert_eq!(all(policy(share(0, 10_000)), "consumer").diary(), gentle);
    assert_eq!(all(policy(share(0, 0)), "consumer").diary(), standard);
}

#[test]
fn a_procedure_is_kept_to_the_end_of_its_cycle() {
    let mut life = Life::new(policy(None));
    life.happens(0, segment("vip"));
    life.bill(0, "b1", 1_000, 10);
    life.happens(20, segment("consumer"));
    life.until(at(60));
    assert_eq!(life.diary(), [(14, "reminder"), (40, "gentle")]);
    assert_eq!((life.account.procedure(), life.account.deadline()), (1, None));
    let (_, last) = standing(&life.account, &life.book);
    assert_eq!(last.as_deref(), Some("gentle"));
    life.pays(60, "p1", 1_000);
    assert_eq!((life.account.procedure(), &life.account.aside), (0, &None));
    life.bill(60, "b2", 1_000, 70);
    life.until(at(82));
    assert_eq!(life.diary()[2..], [(74, "reminder"), (81, "final")]);
}

#[test]
fn before_its_first_step_a_cycle_of_the_second_procedure_has_taken_none() {
    let mut life = Life::new(policy(None));
    life.happens(0, segment("vip"));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(12));
    assert_eq!((life.account.stage(), standing(&life.account, &life.book).1), (Stage::Entered, None));
    assert!(life.decided.iter().any(|d| d.code == Code::ProcedureChosen && d.words().contains("gentle")));
}

#[test]
fn the_month_of_the_oldest_due_date_can_choose() {
    let mut policy = policy(None);
    let words = vec!["january".into(), "december".into()];
    policy.options.select[0].when = vec![Test::Word { of: WordOf::BillMonth, words, not: false }];
    // 1970-01-11, 1970-02-01, 1970-12-31.
    for (due, steps) in [(10, 2), (30, 2), (31, 4), (333, 4), (334, 2), (364, 2), (365, 2), (396, 4)] {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, due);
        life.bill(0, "b2", 1_000, due + 40);
        life.until(at(i64::from(due) + 90));
        assert_eq!(life.diary().len(), steps, "due on day {due}");
    }
}

#[test]
fn the_kind_of_the_oldest_bill_can_choose() {
    let mut policy = policy(None);
    policy.options.remembers_kinds = true;
    policy.options.select[0].when = vec![Test::Word { of: WordOf::BillKind, words: vec!["final".into()], not: false }];
    for (kind, steps) in [("regular", 4), ("final", 2), ("", 4)] {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        let Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, .. } =
            issued("b1", 1_000, 10)
        else {
            panic!("a bill")
        };
        life.happens(
            0,
            Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin: None },
        );
        life.until(at(100));
        assert_eq!(life.diary().len(), steps, "{kind}");
    }
}
