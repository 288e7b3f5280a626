//! Words that other programs read: symbols of the schemas, labels of counters, fields of decisions.

use crate::*;

/// `WriteOff` as `write_off`; what a name carries in brackets is not part of the word.
fn snake_case(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars().take_while(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

#[test]
fn the_word_of_a_thing_is_its_name() {
    let mut words: Vec<(String, &str)> =
        HELD_WORDS.iter().map(|(hold, _)| (format!("{hold:?}"), hold.word())).collect();
    words.extend(HELD_WORDS.iter().map(|(hold, word)| (format!("{hold:?}"), *word)));
    words.extend(NoEffect::ALL.map(|reason| (format!("{reason:?}"), reason.word())));
    let refusals = [Refusal::Overflow, Refusal::OtherCurrency, Refusal::TooOld];
    words.extend(refusals.map(|refusal| (format!("{refusal:?}"), refusal.word())));
    words.extend([Stage::Clear, Stage::Entered, Stage::Notified].map(|stage| (format!("{stage:?}"), stage.word())));
    words.extend(invariant::Rule::ALL.map(|rule| (format!("{rule:?}"), rule.word())));
    words.extend(CODES.map(|code| (format!("{code:?}"), code.word())));
    for (name, word) in words {
        assert_eq!(snake_case(&name), word);
    }
    let barred = BarLevel::ALL.map(|level| Stage::Barred(level).word());
    assert_eq!(barred, ["barred_throttled", "barred_outgoing", "barred_full", "terminated"]);
}

#[test]
fn the_symbol_of_a_schema_is_the_name_in_capitals() {
    let mut symbols: Vec<(String, &str)> = vec![];
    symbols.extend(Channel::ALL.map(|channel| (format!("{channel:?}"), channel.symbol())));
    symbols.extend(BarLevel::ALL.map(|level| (format!("{level:?}"), level.symbol())));
    use RestorationReason::{Adjustment, Dispute, Paid, WriteOff};
    symbols.extend([Paid, Dispute, Adjustment, WriteOff].map(|reason| (format!("{reason:?}"), reason.symbol())));
    for (name, symbol) in symbols {
        assert_eq!(snake_case(&name).to_uppercase(), symbol);
    }
}

const CODES: [Code; 14] = [
    Code::CycleStarted,
    Code::CycleEnded,
    Code::Notified,
    Code::NotNotifiedOptedOut,
    Code::BarPending,
    Code::BarHeld(Hold::Protected),
    Code::BarReleased,
    Code::Barred,
    Code::BarDropped,
    Code::Restored,
    Code::StepSkipped,
    Code::StepWaits,
    Code::SpacingKept,
    Code::Erased,
];

/// What each decision tells a person: the step, the amounts, how many bills, and why a bar is held.
#[test]
fn the_words_of_a_decision_name_what_it_rests_on() {
    let said_of = |code, bills: usize, due: i64| {
        let decision = Decision {
            number: 1,
            at: Timestamp::from_millis(0),
            code,
            step: Some("final".into()),
            command: None,
            amount_due: Minor::new(due),
            minimum: Minor::new(500),
            bill_ids: vec!["b".into(); bills],
            policy: "p@1".into(),
            cycle: 1,
        };
        decision.words()
    };
    let said = |code, bills| said_of(code, bills, 12_345);
    assert!(said_of(Code::CycleEnded, 0, 0).contains("nothing that may be dunned is owed"));
    for code in CODES {
        let words = said(code, 2);
        let account_wide = [Code::CycleStarted, Code::CycleEnded, Code::Restored, Code::Erased].contains(&code);
        assert_eq!(words.contains("step final"), !account_wide, "{words}");
        let of_minimum = [Code::CycleStarted, Code::StepSkipped, Code::StepWaits].contains(&code);
        assert_eq!(words.contains("minimum of 5.00"), of_minimum, "{words}");
    }
    for code in [Code::CycleStarted, Code::Notified, Code::BarPending, Code::Barred] {
        assert!(said(code, 1).contains("123.45 is owed on 1 overdue bill"), "{}", said(code, 1));
        assert!(said(code, 3).contains("123.45 is owed on 3 overdue bills"), "{}", said(code, 3));
    }
    assert!(said(Code::CycleEnded, 1).contains("123.45 is still owed, which is too little"));
    let reasons: std::collections::BTreeSet<_> =
        HELD_WORDS.iter().map(|(hold, _)| said(Code::BarHeld(*hold), 1)).collect();
    assert_eq!(reasons.len(), HELD_WORDS.len());
    assert_eq!(said(Code::BarHeld(Hold::Budget), 1), format!("step final: the bar is held: {}", Hold::Budget.words()));
}

#[test]
fn a_hold_is_the_accounts_own_where_an_event_of_its_own_can_end_it() {
    let own: Vec<_> = HELD_WORDS.iter().map(|(hold, _)| *hold).filter(|hold| hold.is_own()).collect();
    assert_eq!(
        own,
        [
            Hold::NoProfile,
            Hold::Protected,
            Hold::Refused,
            Hold::NoWarning,
            Hold::OnHold,
            Hold::BalanceDiffers,
            Hold::NotServed,
            Hold::NoService
        ]
    );
}
