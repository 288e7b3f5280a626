/// The built-in schemas: an id, the topic, the text. An id is never given to another schema: a new version of a schema
/// has a new id.
const SCHEMAS: [(u32, &str, &str); 14] = [
    (1, "billing.bills", include_str!("../../../../schemas/billing.bills.avsc")),
    (2, "billing.payments", include_str!("../../../../schemas/billing.payments.avsc")),
    (3, "care.disputes", include_str!("../../../../schemas/care.disputes.avsc")),
    (4, "care.interactions", include_str!("../../../../schemas/care.interactions.avsc")),
    (5, "crm.accounts", include_str!("../../../../schemas/crm.accounts.avsc")),
    (6, "dunning.control", include_str!("../../../../schemas/dunning.control.avsc")),
    (7, "network.usage", include_str!("../../../../schemas/network.usage.avsc")),
    (8, "dunning.notifications", include_str!("../../../../schemas/dunning.notifications.avsc")),
    (9, "dunning.barring", include_str!("../../../../schemas/dunning.barring.avsc")),
    (10, "dunning.restoration", include_str!("../../../../schemas/dunning.restoration.avsc")),
    (11, "dunning.accounts", include_str!("../../../../schemas/dunning.accounts.avsc")),
    (12, "dunning.decisions", include_str!("../../../../schemas/dunning.decisions.avsc")),
    (13, "dunning.retries", include_str!("../../../../schemas/dunning.retries.avsc")),
    (14, "dunning.ledger", include_str!("../../../../schemas/dunning.ledger.avsc")),
];

/// The id of a topic's built-in schema where there is no registry; 0, which no schema has, for a topic without one.
#[must_use]
pub fn embedded_id(topic_name: &str) -> u32 {
    SCHEMAS.iter().find(|(_, name, _)| *name == topic_name).map_or(0, |(id, _, _)| *id)
}

/// The built-in schema with this id.
#[must_use]
pub fn embedded_schema(id: u32) -> Option<&'static str> {
    SCHEMAS.iter().find(|(known, _, _)| *known == id).map(|(_, _, text)| *text)
}
