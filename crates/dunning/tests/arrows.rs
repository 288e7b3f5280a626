//! The arrows of the house: which crate may use which, and what must not stand in the core.

use std::fs;
use std::path::{Path, PathBuf};

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates of the workspace that a crate names among its dependencies, tests aside.
fn uses(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).expect("a manifest");
    let mut inside = false;
    let mut used = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if let Some(rest) = line.strip_prefix("dunning-").filter(|_| inside) {
            used.push(rest.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    used.sort();
    used
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The source lines of a crate that have one of the words, comments aside.
fn lines_with(name: &str, words: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    sources(&crates().join(name).join("src"), &mut files);
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        found.extend(code.filter(|l| words.iter().any(|w| l.contains(w))).map(|l| format!("{}: {l}", file.display())));
    }
    found
}

#[test]
fn dependencies_point_one_way() {
    let rows: [(&str, &[&str]); 6] = [
        ("rules", &[]),
        ("wire", &["rules"]),
        ("store", &[]),
        ("engine", &["rules", "store", "wire"]),
        ("sim", &["engine", "rules", "store", "wire"]),
        ("dunning", &["engine", "rules", "sim", "store", "wire"]),
    ];
    for (name, allowed) in rows {
        assert_eq!(uses(name), allowed, "crate {name}");
    }
}

#[test]
fn the_core_is_pure() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "HashMap",
        "HashSet",
        "async ",
        "serde",
    ];
    assert_eq!(lines_with("rules", &words), Vec::<String>::new());
}

#[test]
fn the_engine_knows_no_network_and_no_clock_of_its_own() {
    let words = ["tokio", "rdkafka", "std::net", "SystemTime", "Instant::now", "Utc::now", "std::thread"];
    assert_eq!(lines_with("engine", &words), Vec::<String>::new());
}
