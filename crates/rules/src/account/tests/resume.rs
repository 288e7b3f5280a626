//! A debt that was gone and comes back.

use super::*;

fn resuming() -> Policy {
    let mut policy = consumer();
    policy.options.resumes = Resumes { reversal: true, dispute_lost: true, write_off_reversed: true };
    policy
}

fn ended(dispute_id: &str, outcome: DisputeOutcome) -> Body<'_> {
    Body::DisputeResolved { dispute_id, outcome, credited: Minor::ZERO }
}

fn owed_again(bill_id: &str, amount: i64) -> Body<'_> {
    Body::WriteOffReversed { bill_id, amount: Minor::new(amount) }
}

#[test]
fn whatever_brings_a_debt_back_lets_its_ladder_go_on_where_the_policy_says_so() {
    use DisputeOutcome::{PartlyUpheld, Rejected, Unknown, Upheld, Withdrawn};
    let dispute = || disputed("d", Some("b1"), None);
    // What takes the debt away on day 16, what brings it back on day 30, and whether that resumes.
    let rows = [
        (received("p", 1_000, None), taken_back("p", 1_000), true),
        (written_off("b1", 1_000), owed_again("b1", 1_000), true),
        (dispute(), ended("d", Rejected), true),
        (dispute(), ended("d", Withdrawn), true),
        (dispute(), ended("d", Upheld), false),
        (dispute(), ended("d", PartlyUpheld), false),
        (dispute(), ended("d", Unknown), false),
        (adjusted("b1", -1_000), adjusted("b1", 1_000), false),
    ];
    for (away, back, resumes) in rows {
        for policy in [resuming(), consumer()] {
            let goes_on = resumes && policy.options.resumes.any();
            let mut life = owing(policy);
            life.happens(16, away.clone());
            assert_eq!(life.account.stage(), Stage::Clear);
            life.happens(30, back.clone());
            life.until(at(55));
            // Fourteen days were free; or it begins anew, found a day ago, or as old as the end of its dispute.
            let anew = if matches!(away, Body::DisputeOpened { .. }) { 30 } else { 29 };
            let expected = if goes_on {
                vec![(14, "reminder"), (35, "final"), (50, "bar-outgoing")]
            } else {
                vec![(14, "reminder"), (anew + 4, "reminder"), (anew + 11, "final")]
            };
            assert_eq!(life.diary(), expected, "{away:?} {back:?}");
            let said = |code| life.decided.iter().any(|d| d.code == code);
            assert_eq!((said(Code::CycleResumed), life.account.cycles), (goes_on, if goes_on { 1 } else { 2 }));
        }
    }
}

#[test]
fn a_bar_that_was_lifted_comes_again_at_once_and_what_follows_keeps_its_distance() {
    let mut life = owing(resuming());
    life.pays(40, "p", 1_000);
    life.happens(60, taken_back("p", 1_000));
    life.until(at(100));
    let ladder = [(36, "bar-outgoing"), (40, "restore"), (60, "bar-outgoing"), (74, "bar-full")];
    assert_eq!(life.diary()[2..], ladder);
    let Action::Bar { warnings, .. } = &life.said[4].action else { panic!("a bar") };
    assert_eq!(warnings, &vec![life.said[1].id], "its warning is that of the cycle");
}

#[test]
fn both_bars_come_again_one_after_the_other() {
    let mut life = owing(resuming());
    life.pays(51, "p", 1_000);
    life.happens(60, taken_back("p", 1_000));
    life.until(at(100));
    let ladder = [(50, "bar-full"), (51, "restore"), (60, "bar-outgoing"), (74, "bar-full")];
    assert_eq!(life.diary()[3..], ladder);
}

#[test]
fn another_cycle_or_another_policy_forgets_it() {
    let mut life = owing(resuming());
    life.pays(16, "p", 1_000);
    life.bill(20, "b2", 900, 21);
    life.pays(24, "p2", 900);
    // The cycle of the second bill was the last one: it had not come to its first step.
    life.happens(30, taken_back("p", 1_000));
    life.until(at(40));
    assert_eq!(life.diary(), [(14, "reminder"), (31, "reminder"), (38, "final")]);
    let mut life = owing(resuming());
    life.pays(16, "p", 1_000);
    let mut newer = resuming();
    newer.label = "consumer@2".into();
    life.book.add(at(20), Arc::new(newer));
    life.happens(30, taken_back("p", 1_000));
    life.until(at(40));
    assert_eq!(life.diary(), [(14, "reminder"), (33, "reminder")]);
    assert!(life.account.aside.is_none(), "nothing is kept of it");
}

#[test]
fn nothing_is_kept_of_it_without_a_bill() {
    let mut life = owing(resuming());
    life.pays(16, "p", 1_000);
    assert!(life.account.aside.is_some());
    life.happens(17, Body::BillCancelled { bill_id: "b1" });
    assert!(life.account.aside.is_none());
    let mut life = owing(consumer());
    life.pays(16, "p", 1_000);
    assert!(life.account.aside.is_none(), "and nothing where no policy asks for it");
}
