//! Every schema must read the data of all its released versions.

use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn schema(path: &Path) -> Schema {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Schema::parse_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn topics() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder())
        .expect("the folder of schemas")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".avsc").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The released versions of a topic's schema, by number, from 1 without gaps.
fn versions(topic: &str) -> Vec<PathBuf> {
    let versions = folder().join("compat").join(topic);
    (1..).map(|n| versions.join(format!("{n}.avsc"))).take_while(|path| path.exists()).collect()
}

#[test]
fn every_schema_reads_all_its_older_versions() {
    assert_eq!(topics().len(), 14);
    for topic in topics() {
        let today = schema(&folder().join(format!("{topic}.avsc")));
        let older = versions(&topic);
        let files = fs::read_dir(folder().join("compat").join(&topic)).expect("versions").count();
        assert_eq!(older.len(), files, "{topic}: the versions are not numbered from 1 without gaps");
        assert!(!older.is_empty(), "{topic}: no released version");
        for path in older {
            match SchemaCompatibility::can_read(&schema(&path), &today) {
                Ok(Compatibility::Full) => {}
                Ok(Compatibility::Partial) => {
                    panic!("{topic}: some data of {} cannot be read any more", path.display())
                }
                Err(e) => panic!("{topic}: data of {} cannot be read any more: {e}", path.display()),
            }
        }
    }
}

#[test]
fn the_newest_released_version_is_that_of_today() {
    for topic in topics() {
        let newest = versions(&topic).pop().expect("a version");
        let today = folder().join(format!("{topic}.avsc"));
        assert_eq!(
            fs::read_to_string(&newest).expect("the newest version"),
            fs::read_to_string(&today).expect("the schema"),
            "{topic}: the schema changed; put it into compat under the next number"
        );
    }
}

#[test]
fn the_built_in_schemas_are_the_files() {
    for topic in topics() {
        let text = fs::read_to_string(folder().join(format!("{topic}.avsc"))).expect("the schema");
        assert_eq!(dunning_wire::topic::schema_text(&topic), Some(text.as_str()));
        assert_eq!(
            dunning_wire::schema::embedded_schema(dunning_wire::schema::embedded_id(&topic)),
            Some(text.as_str())
        );
    }
}

#[test]
fn a_breaking_change_is_found() {
    let bills = fs::read_to_string(folder().join("billing.bills.avsc")).expect("the schema");
    let old = Schema::parse_str(&bills).expect("a schema");
    let mut value: serde_json::Value = serde_json::from_str(&bills).expect("JSON");
    let fields = value["fields"].as_array_mut().expect("fields");
    fields.push(serde_json::json!({"name": "tenant", "type": "string", "default": ""}));
    let additive = Schema::parse_str(&value.to_string()).expect("a schema");
    assert!(SchemaCompatibility::can_read(&old, &additive).is_ok());
    value["fields"].as_array_mut().expect("fields").push(serde_json::json!({"name": "must", "type": "string"}));
    let breaking = Schema::parse_str(&value.to_string()).expect("a schema");
    assert!(SchemaCompatibility::can_read(&old, &breaking).is_err());
}
