use std::sync::Arc;

use dunning_rules::Refusal;

/// Declares each reason once: its variant, its word for counters, and its text for people.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $(($inner:ty))? = $word:literal, $text:literal;)+) => {
        /// Why a record is a dead letter. The texts quote nothing of the record, so they hold no personal data.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum BadRecord {
            $($(#[$doc])* #[error($text)] $name $(($inner))?,)+
        }

        impl BadRecord {
            /// Every word that [`BadRecord::word`] can give, for counters.
            pub const ALL_WORDS: &'static [&'static str] = &[$($word),+];

            /// A word for counters and for the header `dunning.error.class`.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$name { .. } => $word,)+ }
            }
        }
    };
}

reasons! {
    /// Not even the five bytes of the framing.
    TooShort = "too_short", "the value is shorter than the five bytes before a datum; send Avro in the Confluent wire format";
    /// The first byte is not zero.
    NotFramed = "not_framed", "the value does not begin with byte 0; send Avro in the Confluent wire format";
    /// The registry does not know the schema.
    UnknownSchema(u32) = "unknown_schema", "the registry knows no schema with id {0}";
    /// The schema cannot be read as the topic's own.
    RefusedSchema(Arc<str>) = "refused_schema", "the schema cannot be used for this topic: {0}";
    /// The datum ends too early.
    Truncated = "truncated", "the datum ends before its last field";
    /// The datum goes on after its last field.
    TrailingBytes = "trailing_bytes", "bytes follow the last field of the datum";
    /// A string is not UTF-8.
    BadUtf8 = "bad_utf8", "a string is not UTF-8";
    /// A branch that the union does not have, or one that the topic does not know.
    BadUnion = "bad_union", "a union names a branch that is not known";
    /// A symbol that the enumeration does not have.
    BadEnum = "bad_enum", "an enumeration names a symbol that is not known";
    /// A number that its type cannot hold, or a boolean that is neither.
    BadNumber = "bad_number", "a number is outside the range of its type";
    /// A length or count below zero.
    NegativeLength = "negative_length", "a length is below zero";
    /// An amount below zero where none may be.
    NegativeAmount = "negative_amount", "an amount is below zero where it must not be";
    /// An amount of zero where none may be.
    ZeroAmount = "zero_amount", "an amount is zero where it must be greater";
    /// An amount beyond what one event may bear.
    AmountTooLarge = "amount_too_large", "an amount is beyond what one event may bear";
    /// Not on the list of ISO 4217.
    UnknownCurrency = "unknown_currency", "the currency is not a current code of ISO 4217 in upper case";
    /// A due date before the bill's own.
    DueBeforeIssued = "due_before_issued", "the due date is before the date of the bill";
    /// A date outside the years 1970 to 2200.
    BadDate = "bad_date", "a date is outside the years 1970 to 2200";
    /// The terms of a bill do not add up to it.
    TermsDoNotSum = "terms_do_not_sum", "the terms do not add up to the amount of the bill";
    /// Empty, longer than 255 bytes, or with control characters.
    BadId = "bad_id", "an id is empty, longer than 255 bytes, or has control characters";
    /// Not a name of the IANA time zone list.
    UnknownZone = "unknown_zone", "the time zone is not a name of the IANA list";
    /// The record has no key.
    KeyMissing = "key_missing", "the record has no key; it must be the account id";
    /// The key cannot be an account id.
    KeyUnreadable = "key_unreadable", "the key is no account id: not UTF-8, empty, longer than 255 bytes, or with control characters";
    /// The key is not the account id of the value.
    KeyDiffers = "key_differs", "the key is not the account_id of the value";
    /// Over the largest length that is taken.
    TooLong = "too_long", "the record or a part of it is longer than is taken";
    /// Its timestamp is too far ahead of the clock.
    FutureTimestamp = "future_timestamp", "the timestamp is further ahead of the clock than is allowed";
    /// A tombstone on a topic that has none.
    NoValue = "no_value", "the record has no value";
    /// An operator's order that cannot be carried out.
    BadOrder = "bad_order", "the order cannot be carried out: its policy cannot be used here";
    /// It happened before the horizon to which ids are remembered.
    TooOld = "too_old", "it happened before the horizon to which ids are remembered";
    /// A plan without parts, or one that plans less than is overdue.
    PlanDoesNotSum = "plan_does_not_sum", "the plan has no parts, or they are less than what is overdue; agree on a plan for all of it";
    /// Another plan runs.
    OtherPlanRuns = "other_plan_runs", "another plan runs, and this one does not say that it replaces it";
    /// More than an account can have.
    TooMany = "too_many", "the account has as many holds or promises as it can have, or the record names too many bills or parts";
    /// State of another system at a step that nobody here knows.
    UnknownStep = "unknown_step", "the policy has no step of this name: another system's state is taken over by the names of the policy's steps";
    /// Another currency than the account's.
    OtherCurrency = "other_currency", "the currency is not the account's";
    /// More than an account may ever move.
    Overflow = "overflow", "the account would move more than one account may";
}

impl BadRecord {
    /// A refused schema, with the reason in words.
    pub(crate) fn schema(reason: &str) -> Self {
        Self::RefusedSchema(reason.into())
    }
}

impl From<Refusal> for BadRecord {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Overflow => Self::Overflow,
            Refusal::OtherCurrency => Self::OtherCurrency,
            Refusal::TooOld => Self::TooOld,
            Refusal::PlanDoesNotSum => Self::PlanDoesNotSum,
            Refusal::OtherPlanRuns => Self::OtherPlanRuns,
            Refusal::TooMany => Self::TooMany,
            Refusal::UnknownStep => Self::UnknownStep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_those_of_the_rules_are_kept() {
        let mut words = BadRecord::ALL_WORDS.to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), BadRecord::ALL_WORDS.len());
        for refusal in Refusal::ALL {
            assert_eq!(BadRecord::from(refusal).word(), refusal.word());
        }
        assert!(BadRecord::UnknownSchema(7).to_string().contains('7'));
    }
}
