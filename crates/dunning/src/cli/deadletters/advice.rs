//! What a person can do about a dead letter.

use dunning_wire::topic::InputTopic;

use super::letter::State;

/// What to do about a class. The reason itself is in the letter's headers.
pub(super) fn advice(class: &str) -> &'static str {
    match class {
        "unknown_schema" => "register the schema, or correct the registry's address at the sender; then replay",
        "refused_schema" => {
            "have the sender use a schema that fits the topic's; send a corrected record, then release this one"
        }
        "future_timestamp" => "correct the sender's clock; replay once the timestamp has come",
        "too_long" => "raise `record.bytes` where such records are right, and replay; else release it",
        "too_old" => "raise `dedupe.horizon` where the event still counts, and replay; else release it",
        "other_currency" | "overflow" => {
            "clear up with billing what the account owes; send a corrected record, then release this one"
        }
        "bad_order" => "correct the policy (`dunning policy check`) and publish it under a new version",
        "no_value" => "only crm.accounts takes tombstones; have the sender send the event, then release this one",
        "key_missing" | "key_unreadable" | "key_differs" => {
            "find out whose record it is; send it with its account id as the key, then release this one"
        }
        "too_short" | "not_framed" | "truncated" | "trailing_bytes" | "bad_utf8" | "bad_union" | "bad_enum"
        | "bad_number" | "negative_length" => {
            "correct the sender's encoder; send a corrected record, then release this one"
        }
        _ => "correct what the sender writes; send a corrected record, then release this one",
    }
}

/// What a letter does to bars.
pub(super) const fn on_bars(topic: InputTopic, key_readable: bool, state: State) -> &'static str {
    match (topic.moves_money(), state, key_readable) {
        (false, ..) => "it holds none: records of this topic move no money",
        (true, State::Released, _) => "it holds none any more",
        (true, State::Replayed, _) => {
            "held until the replayed record takes effect; where that was refused, its own letter holds them"
        }
        (true, State::Open, true) => "its account is not barred before it is replayed or released",
        (true, State::Open, false) => "nobody in its partition is barred before it is released",
    }
}

#[cfg(test)]
mod tests {
    use dunning_wire::BadRecord;

    use super::*;

    #[test]
    fn what_can_be_replayed_is_never_told_to_be_sent_anew_only() {
        let replayable: Vec<_> = BadRecord::ALL_WORDS.iter().filter(|w| advice(w).contains("replay")).collect();
        assert_eq!(replayable, [&"unknown_schema", &"too_long", &"future_timestamp", &"too_old"]);
    }
}
