//! Every example of `docs/POLICY.md` is run: whole policies, parts of one, lists of steps, and scenarios.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dunning_wire::{policy, scenario};

/// A fenced block of the page.
struct Block {
    line: usize,
    /// What stands behind the fence, such as `yaml part`.
    kind: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn consumer() -> String {
    fs::read_to_string(root().join("deploy/policies/consumer.yaml")).expect("the policy")
}

fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(root().join("docs/POLICY.md")).expect("the page");
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (i, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(kind), false) => blocks.push(Block { line: i + 1, kind: kind.to_owned(), text: String::new() }),
            (None, true) => {
                let block = blocks.last_mut().expect("an open block");
                block.text.push_str(line);
                block.text.push('\n');
            }
            _ => {}
        }
        open ^= line.starts_with("```");
    }
    assert!(!open, "a fence is not closed");
    blocks
}

/// The consumer policy with some of its top-level keys replaced.
fn with_part(part: &str) -> String {
    let key = |line: &str| line.split_once(':').filter(|(k, _)| !k.starts_with([' ', '#'])).map(|(k, _)| k.to_owned());
    let replaced: Vec<String> = part.lines().filter_map(key).collect();
    let mut skip = false;
    let mut text = String::new();
    for line in consumer().lines() {
        if let Some(key) = key(line) {
            skip = replaced.contains(&key);
        }
        if !skip {
            text.push_str(line);
            text.push('\n');
        }
    }
    text + part
}

/// The consumer policy with other steps.
fn with_steps(steps: &str) -> String {
    let text = consumer();
    let (head, _) = text.split_once("    steps:\n").expect("its steps");
    let steps: String = steps.lines().map(|line| format!("      {line}\n")).collect();
    format!("{head}    steps:\n{steps}")
}

fn parse(block: &Block, text: &str) -> policy::Loaded {
    let loaded = policy::parse("consumer.yaml", text).unwrap_or_else(|e| panic!("block at line {}:\n{e}", block.line));
    assert_eq!(loaded.warnings, [], "block at line {}", block.line);
    loaded
}

#[test]
fn every_example_of_the_page_holds() {
    let policy = Arc::new(policy::parse("consumer.yaml", &consumer()).unwrap_or_else(|e| panic!("{e}")).policy);
    let blocks = blocks();
    let mut run = 0;
    for (i, block) in blocks.iter().enumerate() {
        match block.kind.as_str() {
            "yaml policy" => drop(parse(block, &block.text)),
            "yaml part" => assert!(parse(block, &with_part(&block.text)).for_wall().is_ok(), "line {}", block.line),
            "yaml steps" => drop(parse(block, &with_steps(&block.text))),
            "yaml steps fails" => {
                let errors = policy::parse("consumer.yaml", &with_steps(&block.text)).expect_err("it fails");
                let shown = &blocks[i + 1];
                assert_eq!((shown.kind.as_str(), shown.text.trim_end()), ("text", errors.to_string().as_str()));
            }
            "yaml scenario" => {
                let read = scenario::parse("POLICY.md", &block.text).unwrap_or_else(|e| panic!("{e}"));
                let report = scenario::run(&read, policy.clone());
                assert!(report.passed(), "block at line {}:\n{report}", block.line);
            }
            kind => {
                assert!(!kind.starts_with("yaml"), "line {}: what is a `{kind}`?", block.line);
                continue;
            }
        }
        run += 1;
    }
    assert!(run >= 12, "only {run} examples were run");
}
