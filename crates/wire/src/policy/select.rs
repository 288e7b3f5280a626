//! Which accounts follow which procedure: ordered rules, checked for what none of them can say alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunning_rules::{NumberOf, Procedure, SelectRule, Share, Shortcuts, Step, StepAction, Test, WordOf, is_within};

use super::raw;
use super::ready::Reader;

/// The whole of a group, in hundredths of a percent.
const WHOLE: u16 = 10_000;

impl Reader<'_, '_> {
    /// The steps of all procedures, one after the other, that of everybody else first; and where each begins and ends.
    pub(super) fn procedures(&mut self, file: &raw::PolicyFile, shortcuts: Shortcuts) -> (Vec<Step>, Vec<Procedure>) {
        let default = &file.default_procedure;
        if !file.procedures.contains_key(default) {
            let help = format!("name one of {}", names(file));
            self.error("default_procedure", format!("there is no procedure `{default}`"), help);
            return (Vec::new(), Vec::new());
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut procedures = Vec::new();
        let others = file.procedures.iter().filter(|(name, _)| *name != default);
        for (name, procedure) in file.procedures.get_key_value(default).into_iter().chain(others) {
            self.name(&format!("procedures.{name}"), name);
            let first = steps.len();
            let mut of_it = self.procedure(name, procedure, shortcuts);
            for step in &mut of_it {
                if let StepAction::Bar { warning: Some(rule), .. } = &mut step.action {
                    rule.step += first;
                }
            }
            steps.extend(of_it);
            let place = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            procedures.push(Procedure { name: Arc::from(name.as_str()), first: place(first), end: place(steps.len()) });
            let chosen = file.select.iter().any(|rule| rule.procedure == *name);
            if name != default && !chosen {
                let help = "let a rule under `select` name it, or leave it out";
                self.error(&format!("procedures.{name}"), format!("no account comes to procedure `{name}`"), help);
            }
        }
        if procedures.len() == 1 {
            procedures.clear();
        }
        (steps, procedures)
    }

    /// The rules, in their order.
    pub(super) fn select(&mut self, file: &raw::PolicyFile, procedures: &[Procedure]) -> Vec<SelectRule> {
        let mut taken: BTreeMap<String, u16> = BTreeMap::new();
        let mut rules: Vec<SelectRule> = Vec::with_capacity(file.select.len());
        for (i, rule) in file.select.iter().enumerate() {
            let path = format!("select[{i}]");
            self.name(&format!("{path}.rule"), &rule.rule);
            if rules.iter().any(|r| *r.name == *rule.rule) {
                let message = format!("a rule before it is called `{}` too", rule.rule);
                self.error(&format!("{path}.rule"), message, "give each rule its own name");
            }
            let when = rule.when.as_ref().map(|when| self.tests(&format!("{path}.when"), when)).unwrap_or_default();
            if rule.when.is_none() && rule.share.is_none() {
                let help = "add `when` or `share`; who is left over follows `default_procedure`";
                self.error(&path, "the rule takes every account", help);
            }
            let share = self.share(&path, rule, &file.policy, &mut taken);
            let procedure = procedures.iter().position(|p| *p.name == *rule.procedure);
            if procedure.is_none() && !file.procedures.contains_key(&rule.procedure) {
                let message = format!("there is no procedure `{}`", rule.procedure);
                self.error(&format!("{path}.procedure"), message, format!("name one of {}", names(file)));
            }
            let procedure = procedure.and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
            let ready = SelectRule { name: Arc::from(rule.rule.as_str()), when, share, procedure };
            if let Some(wider) = rules.iter().find(|before| takes_all_of(before, &ready)) {
                let message = format!("no account comes to it: `{}` above takes all of its accounts", wider.name);
                self.error(&format!("{path}.rule"), message, "put the narrower rule first");
            }
            rules.push(ready);
        }
        self.gaps(&rules);
        rules
    }

    fn share(
        &mut self,
        path: &str,
        rule: &raw::SelectRule,
        policy: &str,
        taken: &mut BTreeMap<String, u16>,
    ) -> Option<Share> {
        let Some(text) = &rule.share else {
            if rule.group.is_some() {
                let help = "add `share: 10%`, or leave it out";
                self.error(&format!("{path}.group"), "a group of which no share is taken", help);
            }
            return None;
        };
        let at = format!("{path}.share");
        let Some(part) = hundredths(text) else {
            let help = "write `10%` or `0.5%`, from 0.01% to 100%";
            self.error(&at, format!("`{text}` is not a share"), help);
            return None;
        };
        let group = rule.group.as_deref().unwrap_or(policy);
        let first = *taken.get(group).unwrap_or(&0);
        let end = first + part;
        if end > WHOLE {
            let help = "the shares of one group have no account in common, and are 100% at most";
            self.error(&at, format!("the shares of `{group}` are more than all of it"), help);
            return None;
        }
        taken.insert(group.to_owned(), end);
        Some(Share { group: group.into(), first, end })
    }

    /// Rules that go by one number alone should leave no hole between them: who falls into it follows the default.
    fn gaps(&mut self, rules: &[SelectRule]) {
        let mut by_number: Vec<(NumberOf, i64, i64, usize)> = Vec::new();
        for (i, rule) in rules.iter().enumerate() {
            if let ([Test::Number { of, at_least, below }], None) = (rule.when.as_slice(), &rule.share) {
                by_number.push((*of, at_least.unwrap_or(i64::MIN), below.unwrap_or(i64::MAX), i));
            }
        }
        by_number.sort_by_key(|(of, least, ..)| (*of as u8, *least));
        for two in by_number.windows(2) {
            let (of, _, below, _) = two[0];
            let (next, least, _, place) = two[1];
            if of == next && below < least {
                let message = format!("between {below} and {least} no rule takes the account: it follows the default");
                let help = "close the hole, or say in a rule of its own what is meant";
                self.warn(&format!("select[{place}].when"), message, help);
            }
        }
    }
}

fn names(file: &raw::PolicyFile) -> String {
    file.procedures.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
}

/// `10%` as hundredths of a percent.
pub(super) fn hundredths(text: &str) -> Option<u16> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u16 = format!("{part:0<2}").parse().ok()?;
    let all = whole.parse::<u16>().ok()? * 100 + part;
    (1..=WHOLE).contains(&all).then_some(all)
}

/// True where every account that the later rule is meant for is taken by the earlier one.
fn takes_all_of(earlier: &SelectRule, later: &SelectRule) -> bool {
    let whole = earlier.share.as_ref().is_none_or(|s| s.first == 0 && s.end == WHOLE);
    whole && earlier.when.iter().all(|test| later.when.iter().any(|narrower| implies(narrower, test)))
}

/// True where whatever meets the one meets the other.
fn implies(narrower: &Test, wider: &Test) -> bool {
    match (narrower, wider) {
        (Test::Word { of, words, not }, Test::Word { of: other, words: listed, not: other_not }) if of == other => {
            let is_in = |word: &str, list: &[dunning_rules::Id]| {
                list.iter().any(|l| if *of == WordOf::Region { is_within(word, l) } else { **l == *word })
            };
            match (not, other_not) {
                (false, false) => words.iter().all(|w| is_in(w, listed)),
                (true, true) => listed.iter().all(|w| is_in(w, words)),
                // A region within one that is meant may still be one that is not.
                (false, true) => *of != WordOf::Region && !words.iter().any(|w| is_in(w, listed)),
                (true, false) => false,
            }
        }
        (Test::Number { of, at_least, below }, Test::Number { of: other, at_least: least, below: bound }) => {
            of == other
                && at_least.unwrap_or(i64::MIN) >= least.unwrap_or(i64::MIN)
                && below.unwrap_or(i64::MAX) <= bound.unwrap_or(i64::MAX)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_to_the_hundredth_of_a_percent() {
        for (text, wanted) in
            [("10%", Some(1_000)), ("0.5%", Some(50)), ("100%", Some(10_000)), ("12.34%", Some(1_234))]
        {
            assert_eq!(hundredths(text), wanted, "{text}");
        }
        for text in ["10", "%", ".5%", "0%", "100.01%", "1000%", "-1%", "1.234%", "1e1%", "+5%"] {
            assert_eq!(hundredths(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_narrower_implies_what_is_wider() {
        let word = |of, words: &[&str], not| Test::Word { of, words: words.iter().map(|w| (*w).into()).collect(), not };
        let segment = |words: &[&str], not| word(WordOf::Segment, words, not);
        let region = |words: &[&str], not| word(WordOf::Region, words, not);
        let number = |at_least, below| Test::Number { of: NumberOf::Overdue, at_least, below };
        let rows = [
            (segment(&["a"], false), segment(&["a", "b"], false), true),
            (segment(&["a", "b"], false), segment(&["a"], false), false),
            (segment(&["a", "b"], true), segment(&["a"], true), true),
            (segment(&["a"], false), segment(&["b"], true), true),
            (segment(&["a"], false), segment(&["a"], true), false),
            (segment(&["a"], true), segment(&["b"], false), false),
            (region(&["DE-BY"], false), region(&["DE"], false), true),
            (region(&["DE"], false), region(&["DE-BY"], false), false),
            (region(&["DE"], false), region(&["DE-BY"], true), false),
            (segment(&["DE"], false), region(&["DE"], false), false),
            (number(Some(5), Some(9)), number(Some(5), None), true),
            (number(Some(5), None), number(Some(5), Some(9)), false),
            (number(Some(4), None), number(Some(5), None), false),
        ];
        for (narrower, wider, wanted) in rows {
            assert_eq!(implies(&narrower, &wider), wanted, "{narrower:?} {wider:?}");
        }
    }
}
