//! Scenarios as rows.
