//! A policy file made by chance: most of them make sense, some do not.

use std::fmt::Write;

use super::dice::Dice;

const CHANNELS: [&str; 6] = ["EMAIL", "SMS", "PUSH", "WHATSAPP", "VOICE", "LETTER"];

/// The text of a policy file.
pub fn policy(dice: &mut Dice, number: u64) -> String {
    let mut text = format!("format: dunning-policy/1\npolicy: made-{number}\nversion: 1\n");
    let zone = dice.of_these(&[
        "Europe/Berlin",
        "{ from: profile, default: America/New_York }",
        "{ from: profile, default: Pacific/Auckland }",
    ]);
    let minimum = dice.of_these(&["100", "2500", "10000"]);
    let start = dice.within(1, 4);
    let late = dice.of_these(&["12h", "1d", "3d"]);
    line(&mut text, format_args!("time_zone: {zone}"));
    line(&mut text, format_args!("minimum: {{ EUR: {minimum}, other: none }}"));
    line(&mut text, format_args!("late_start: {start}d\nlate_after: {late}"));
    if dice.one_in(3) {
        let below = dice.of_these(&["50", "2000", "5000"]);
        line(&mut text, format_args!("restore_below: {{ EUR: {below}, other: 1 }}"));
    }
    if dice.one_in(2) {
        line(
            &mut text,
            format_args!("business_days: {{ weekend: [saturday, sunday], holidays: {{ all: [\"01-01\"] }} }}"),
        );
    }
    if dice.one_in(2) {
        line(&mut text, format_args!("on_change: next_step"));
    }
    comes_back(dice, &mut text);
    pauses(dice, &mut text);
    if dice.one_in(2) {
        contact(dice, &mut text);
    }
    if dice.one_in(3) {
        before_due(dice, &mut text);
    }
    if dice.one_in(3) {
        early_warning(dice, &mut text);
    }
    if dice.one_in(2) {
        retries(dice, &mut text);
    }
    if dice.one_in(2) {
        service(dice, &mut text);
    }
    procedures(dice, &mut text);
    if dice.one_in(2) {
        charges(dice, &mut text);
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes all");
}

fn comes_back(dice: &mut Dice, text: &mut String) {
    for key in ["on_reversal", "on_dispute_lost", "on_write_off_reversed"] {
        if dice.one_in(2) {
            let what = dice.of_these(&["resume", "restart"]);
            line(text, format_args!("{key}: {what}"));
        }
    }
}

fn pauses(dice: &mut Dice, text: &mut String) {
    for key in ["promises", "plans"] {
        if dice.one_in(2) {
            let (days, grace, kept) = (dice.within(5, 60), dice.below(4), dice.within(80, 100));
            let restore = dice.one_in(2);
            line(text, format_args!("{key}:\n  no_later_than: {days}d\n  grace: {grace}d\n  kept_at: {kept}%"));
            line(text, format_args!("  restore: {restore}"));
            if dice.one_in(2) {
                line(text, format_args!("  at_most: {{ most: {}, in: 90d }}", dice.within(1, 3)));
            }
        }
    }
    if dice.one_in(3) {
        let kinds = dice.of_these(&["all", "[hardship]"]);
        line(text, format_args!("holds: {{ restore: {kinds} }}"));
    }
    if dice.one_in(4) {
        let days = dice.of_these(&["ignore", "3d", "20d"]);
        line(text, format_args!("payments_on_their_way: {days}"));
    }
}

fn contact(dice: &mut Dice, text: &mut String) {
    line(text, format_args!("contact:"));
    let (from, until) = (dice.within(6, 10), dice.within(9, 22));
    let not_on = dice.of_these(&["", ", not_on: [sunday]", ", not_on: [saturday, sunday, holidays]"]);
    line(text, format_args!("  hours:\n    - {{ from: \"{from:02}:00\", until: \"{until:02}:00\"{not_on} }}"));
    if dice.one_in(2) {
        let (most, within) = (dice.within(1, 4), dice.within(2, 10));
        let channel = dice.of_these(&CHANNELS);
        line(text, format_args!("  caps:\n    - {{ most: {most}, in: {within}d }}"));
        line(text, format_args!("    - {{ channels: [{channel}], most: 1, in: {within}d }}"));
    }
    if dice.one_in(2) {
        line(text, format_args!("  after_conversation:\n    - {{ wait: {}d }}", dice.within(1, 7)));
    }
    if dice.one_in(2) {
        line(text, format_args!("  spread: {}h", dice.within(1, 4)));
    }
    if dice.one_in(2) {
        let channel = dice.of_these(&CHANNELS);
        line(text, format_args!("  withdraw:\n    - {{ within: 3d }}\n    - {{ channels: [{channel}], within: 5d }}"));
    }
}

fn early_warning(dice: &mut Dice, text: &mut String) {
    let (falls, within, again) = (dice.within(10, 90), dice.within(1, 20), dice.within(1, 60));
    line(text, format_args!("early_warning:\n  step: less-used\n  usage: data\n  falls_by: {falls}%"));
    line(text, format_args!("  within: {within}d\n  not_again_for: {again}d\n  from: \"10:00\""));
    line(text, format_args!("  notify: {{ channel: {} }}", dice.of_these(&CHANNELS)));
}

fn before_due(dice: &mut Dice, text: &mut String) {
    let unit = dice.of_these(&["d", "bd"]);
    line(text, format_args!("before_due:"));
    line(text, format_args!("  - step: soon\n    at: -{}{unit}\n    from: \"09:00\"", dice.within(1, 5)));
    line(text, format_args!("    notify: {{ channel: {} }}", dice.of_these(&CHANNELS)));
}

fn retries(dice: &mut Dice, text: &mut String) {
    let after: Vec<String> = (0..dice.within(1, 4)).map(|_| format!("{}h", dice.within(1, 200))).collect();
    line(text, format_args!("retries:\n  after: [{}]\n  never_after: [stolen_card]", after.join(", ")));
    if dice.one_in(2) {
        line(text, format_args!("  from: \"06:00\"\n  methods: [card]"));
    }
}

fn service(dice: &mut Dice, text: &mut String) {
    let (owed, prepaid) = (dice.one_in(2), dice.one_in(3));
    line(text, format_args!("service:\n  only_owed: {owed}\n  prepaid: {prepaid}"));
    if dice.one_in(2) {
        line(
            text,
            format_args!("  again_after: [{}m, {}h, {}d]", dice.within(1, 90), dice.within(1, 40), dice.within(1, 9)),
        );
    }
    if dice.one_in(2) {
        let (some, most) = (dice.within(10, 60), dice.within(50, 100));
        let keep = dice.of_these(&["THROTTLED", "OUTGOING"]);
        line(text, format_args!("  restore:\n    - {{ paid: {some}%, keep: {keep} }}\n    - {{ paid: {most}% }}"));
    }
}

/// The second step is not always there.
fn charges(dice: &mut Dice, text: &mut String) {
    let unpaid = dice.of_these(&["leave", "dun", "waive"]);
    line(text, format_args!("charges:\n  unpaid: {unpaid}\n  fees:"));
    let on = dice.of_these(&["next_bill", "[step-0]", "[step-0]", "[step-1, step-0]"]);
    let (flat, least) = (dice.within(1, 2_000), dice.within(1, 500));
    line(text, format_args!("    - {{ fee: late, on: {on}, amount: {{ EUR: {flat} }}, tax: 19% }}"));
    let spare = if dice.one_in(2) { ", spare_first_in: 100d" } else { "" };
    line(text, format_args!("    - {{ fee: share, on: next_bill, percent: 2%, at_least: {{ EUR: {least} }}{spare} }}"));
    if dice.one_in(2) {
        let on = dice.of_these(&["[step-0]", "[step-0, end_of_cycle]", "[end_of_cycle]"]);
        line(text, format_args!("  interest: {{ yearly: {}%, on: {on} }}", dice.within(1, 30)));
    }
}

fn procedures(dice: &mut Dice, text: &mut String) {
    line(text, format_args!("default_procedure: standard"));
    let two = dice.one_in(2);
    if two {
        let share = if dice.one_in(2) { "    share: 50%\n" } else { "" };
        line(
            text,
            format_args!("select:\n  - rule: others\n{share}    when: {{ {} }}\n    procedure: other", test(dice)),
        );
    }
    line(text, format_args!("procedures:"));
    for name in ["standard", "other"].into_iter().take(1 + usize::from(two)) {
        line(text, format_args!("  {name}:\n    steps:"));
        steps(dice, text);
    }
}

/// The day and the name of a warning.
type Warning = (i64, String);

fn steps(dice: &mut Dice, text: &mut String) {
    let (mut day, mut warning): (i64, Option<Warning>) = (0, None);
    for n in 0..dice.within(1, 6) {
        day += dice.within(1, 12);
        let bars = warning.is_some() && dice.one_in(2);
        line(text, format_args!("      - step: step-{n}"));
        // A bar stands behind its warning by the notice, most of the time.
        let mut notice = 0;
        if let Some((warned, _)) = warning.as_ref().filter(|_| bars) {
            notice = dice.within(1, 14);
            day = day.max(warned + notice + i64::from(!dice.one_in(12)));
        }
        timing(dice, text, day);
        condition(dice, text);
        match warning.as_ref().filter(|_| bars) {
            Some((_, name)) => {
                let level = dice.of_these(&["THROTTLED", "OUTGOING", "FULL", "FULL", "TERMINATED"]);
                let rule = format!("level: {level}, after_warning: {name}, notice: {notice}d");
                line(text, format_args!("        bar: {{ {rule} }}"));
            }
            None => {
                let again = dice.one_in(5);
                if again {
                    let times = dice.within(1, 4);
                    line(text, format_args!("        repeat: {{ every: {}d, times: {times} }}", dice.within(1, 7)));
                }
                notice_of(dice, text);
                if !again && dice.one_in(2) {
                    warning = Some((day, format!("step-{n}")));
                }
            }
        }
    }
    if dice.one_in(4) {
        let after = dice.within(1, 20);
        line(
            text,
            format_args!("      - step: give-up\n        at: {}d\n        write_off: {{ code: WO }}", day + after),
        );
    }
}

fn timing(dice: &mut Dice, text: &mut String, day: i64) {
    match dice.below(10) {
        0 => line(text, format_args!("        at: {day}d 0bd")),
        1 => line(text, format_args!("        at: {day}d end_of_month")),
        2 => line(text, format_args!("        at: {}d\n        counted_from: previous_step", dice.within(1, 20))),
        3 => line(text, format_args!("        at: {}h\n        counted_from: entry", day * 24)),
        4 => line(text, format_args!("        at: {day}d\n        counted_from: issue_date")),
        _ => line(text, format_args!("        at: {day}d")),
    }
    if !dice.one_in(4) {
        line(text, format_args!("        from: \"{:02}:30\"", dice.within(8, 17)));
    }
}

fn condition(dice: &mut Dice, text: &mut String) {
    if dice.one_in(4) {
        line(text, format_args!("        when: {{ {} }}", test(dice)));
        if dice.one_in(2) {
            line(text, format_args!("        otherwise: wait"));
        }
    }
}

fn notice_of(dice: &mut Dice, text: &mut String) {
    let channel = dice.of_these(&CHANNELS);
    let other = if dice.one_in(3) { ", or: [IVR]" } else { "" };
    let mandatory = if dice.one_in(2) { ", mandatory: true" } else { "" };
    let offer = if dice.one_in(3) { ", offer: { parts: 3, every: 9d, first_in: 3d }" } else { "" };
    let served = dice.of_these(&[
        "",
        "",
        "",
        ", served_when: sent",
        ", served_when: delivered",
        ", served_when: { not_bounced: 2d }",
    ]);
    let fallback =
        dice.of_these(&["", "", ", fallback: { after: 2d }", ", fallback: { after: 30h, unless: answered }"]);
    // A way that nothing else leads to is a mistake.
    let ways = if other.is_empty() && !dice.one_in(60) { "" } else { fallback };
    let named = dice.of_these(&["", "", "", ", names_day: 5d"]);
    let order = if other.is_empty() { "" } else { dice.of_these(&["", ", order: customer"]) };
    line(
        text,
        format_args!("        notify: {{ channel: {channel}{other}{mandatory}{offer}{served}{ways}{order}{named} }}"),
    );
}

fn test(dice: &mut Dice) -> &'static str {
    dice.of_these(&[
        "segment: consumer",
        "times_barred: { below: 1 }",
        "late_payments: { at_least: 1 }",
        "past_disputes: { at_least: 1 }, disputes_upheld: { below: 60% }",
        "days_to_pay: { at_least: 5d }",
        "scores: { risk: { at_least: 0.5 } }",
        "lifetime_value: { at_least: 1000 }",
        "autopay: false",
        "segment: { not: [vip] }",
        "region: DE",
        "unpaid_bills: { at_least: 2 }",
        "overdue: { at_least: 5000 }",
        "balance: { below: 100000 }",
        "debt_age: { at_least: 3d }",
        "earlier_cycles: { below: 2 }",
        "promises_broken: { below: 1 }",
        "open_disputes: { below: 1 }",
        "vulnerable: false",
        "profile_known: true",
    ])
}
