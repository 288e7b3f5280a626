use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;

use dunning_engine::Answer;
use dunning_rules::{Minor, Stage};
use dunning_wire::command::ActionView;

use super::*;

/// A demo of 200 accounts after all its days, with its report.
fn small(seed: u64) -> (Demo, DemoReport, String) {
    let operator = OperatorOptions { accounts: 200, seed, ..OperatorOptions::default() };
    let mut demo = Demo::new(DemoOptions { operator, ..DemoOptions::default() }).expect("started");
    let mut out = Vec::new();
    let report = demo.run(&mut out, &AtomicBool::new(false)).expect("ran");
    (demo, report, String::from_utf8(out).expect("text"))
}

/// What must hold for every account, whatever happened to it.
fn check(facts: &Facts) {
    for (id, known) in &facts.accounts {
        let sequences: Vec<u64> = known.commands.iter().map(|(_, c)| c.sequence).collect();
        assert!(sequences.iter().copied().eq(1..=sequences.len() as u64), "{id}: {sequences:?}");
        let numbers: Vec<u64> = known.decisions.iter().map(|d| d.number).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{id}: {numbers:?}");
        let mut in_force: BTreeSet<&str> = BTreeSet::new();
        for (_, command) in &known.commands {
            match &command.action {
                ActionView::Bar { warning_command_ids, .. } => {
                    assert!(!warning_command_ids.is_empty(), "{id}: a bar without a warning");
                    assert!(command.amount_due >= Minor::new(9_000), "{id}: a bar for {}", command.amount_due);
                    in_force.insert(&command.command_id);
                }
                ActionView::Restore { lifts, .. } => {
                    assert!(!lifts.is_empty());
                    assert!(lifts.iter().all(|l| in_force.remove(l.as_str())), "{id}: it lifts what is not there");
                    assert!(in_force.is_empty(), "{id}: a bar was left");
                }
                ActionView::Notify { .. }
                | ActionView::Withdraw { .. }
                | ActionView::Retry { .. }
                | ActionView::Ledger { .. } => {}
            }
        }
        let account = known.account.as_ref().expect("a state");
        let barred = matches!(account.stage(), Stage::Barred(_));
        assert_eq!(barred, !in_force.is_empty(), "{id}");
        if account.open() == Minor::ZERO {
            assert!(!barred, "{id}: barred with nothing open");
        }
    }
}

#[test]
fn ninety_days_of_two_hundred_accounts_hold_together() {
    let (demo, report, out) = small(1);
    let facts = demo.facts().expect("readable");
    assert_eq!(facts.accounts.len(), 200);
    assert_eq!(report.dead_letters, 0);
    check(&facts);
    assert_eq!(report.stages.iter().map(|(_, n)| n).sum::<u64>(), 200);
    let commands: u64 = report.commands.iter().map(|(_, n)| n).sum();
    let sent: u64 = demo.meters().commands.all().iter().map(|(_, n)| n).sum();
    assert_eq!(commands, sent);
    assert!(out.contains("synthetic") && out.contains("not for production"), "{out}");
    demo.stop().expect("stopped");
}

#[test]
fn the_report_tells_three_stories_and_how_to_look_at_them() {
    let (demo, report, _) = small(1);
    let titles: Vec<_> = report.stories.iter().map(|s| s.title).collect();
    assert_eq!(titles, ["Cured in time", "Disputed", "Barred and restored"]);
    let text = report.to_string();
    for story in &report.stories {
        assert!(story.lines.is_sorted_by_key(|l| l.at), "{story}");
        assert!(text.contains(&format!("dunning explain {}", story.account_id)));
    }
    let restored = report.stories[2].to_string();
    assert!(restored.contains("service is restricted") && restored.contains("service is restored"), "{restored}");
    assert!(restored.contains("the customer pays"), "{restored}");
    demo.stop().expect("stopped");
}

#[test]
fn a_demo_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Demo>();
}

#[test]
fn a_demo_that_is_told_to_stop_ends_early_and_still_reports() {
    let operator = OperatorOptions { accounts: 5, ..OperatorOptions::default() };
    let mut demo = Demo::new(DemoOptions { operator, ..DemoOptions::default() }).expect("started");
    let report = demo.run(&mut Vec::new(), &AtomicBool::new(true)).expect("ran");
    assert_eq!((report.events, report.stories.len()), (0, 0));
    demo.stop().expect("stopped");
}

#[test]
fn questions_are_answered_while_it_stays() {
    let (mut demo, report, _) = small(2);
    let asks = demo.asks();
    let account = report.stories[0].account_id.clone();
    let stop = AtomicBool::new(false);
    let (answer, unknown) = std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let ask = |account: &str| {
                let (reply, answer) = sync_channel(1);
                asks.send(Ask { account: account.to_owned(), reply }).expect("asked");
                answer.recv_timeout(Duration::from_secs(10)).expect("answered")
            };
            let answers = (ask(&account), ask("nobody"));
            stop.store(true, Ordering::Relaxed);
            answers
        });
        demo.serve_until(&stop).expect("served");
        asker.join().expect("joined")
    });
    let Answer::Account(known) = answer else { panic!("{answer:?}") };
    assert_eq!(&*known.account.id, account.as_str());
    assert!(!known.decisions.is_empty());
    assert!(matches!(unknown, Answer::NotHere));
}

#[test]
fn the_same_seed_gives_the_same_commands_however_the_topics_are_cut() {
    let commands = |partitions| {
        let operator = OperatorOptions { accounts: 60, days: 60, seed: 5, ..OperatorOptions::default() };
        let mut demo = Demo::new(DemoOptions { operator, partitions, ..DemoOptions::default() }).expect("started");
        demo.run(&mut Vec::new(), &AtomicBool::new(false)).expect("ran");
        // The clock of a shard is that of its own records, so the last hours can differ.
        let end = operator.start.plus(58 * DAY_MS);
        let facts = demo.facts().expect("readable");
        let all = facts.accounts.into_values().flat_map(|k| k.commands);
        all.map(|(_, command)| command).filter(|c| c.decided_at < end).collect::<Vec<_>>()
    };
    let one = commands(1);
    assert!(!one.is_empty());
    assert_eq!(one, commands(3));
}
