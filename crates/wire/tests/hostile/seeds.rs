//! Good data of every kind, to be damaged: by the property tests here, and by the fuzz targets as their first corpus.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dunning_rules::{Account, Event, GateAnswer, Policy, PolicyBook, Timestamp, step};
use dunning_wire::schema::embedded_id;
use dunning_wire::state::{StaleMark, StoredRow};
use dunning_wire::topic::{InputTopic, OutputTopic, schema_text};
use dunning_wire::{command, decision, event, frame, policy, state};
use serde_json::Value as Json;

/// How many lines of the sample are walked; they reach the first bars and restorations.
const LINES: usize = 3_000;
/// Of how many accounts the row is kept.
const ROWS: usize = 12;

/// Good data.
pub struct Seeds {
    /// Framed values of the input topics: each branch of each schema, and some of the reference workload.
    pub records: Vec<(InputTopic, Vec<u8>)>,
    /// Stored rows.
    pub rows: Vec<Vec<u8>>,
    /// Datums of what is written and read back.
    pub outputs: Vec<(OutputTopic, Vec<u8>)>,
    /// Policy files.
    pub policies: Vec<String>,
    /// Scenario files.
    pub scenarios: Vec<String>,
}

/// A file of the project, which is the first folder upwards that has its deny.toml.
fn project(path: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|folder| folder.join("deny.toml").exists()).expect("the project's folder");
    root.join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn yaml_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files.iter().map(|path| fs::read_to_string(path).expect("a file")).collect()
}

/// The reference policy.
pub fn reference_policy() -> Arc<Policy> {
    Arc::new(policy::parse("reference.yaml", &read("deploy/policies/reference.yaml")).expect("a policy").policy)
}

/// All good data.
pub fn all() -> Seeds {
    let mut seeds = Seeds {
        records: Vec::new(),
        rows: Vec::new(),
        outputs: Vec::new(),
        policies: yaml_in("deploy/policies"),
        scenarios: yaml_in("deploy/policies/consumer.scenarios"),
    };
    for topic in InputTopic::ALL {
        let datums = of_schema(topic.contract_name());
        seeds.records.extend(datums.into_iter().map(|datum| (topic, framed(topic, &datum))));
    }
    for topic in OutputTopic::ALL.into_iter().filter(|t| !matches!(t, OutputTopic::DeadLetters)) {
        let datums = of_schema(topic.contract_name());
        seeds.outputs.extend(datums.into_iter().map(|datum| (topic, datum)));
    }
    walk(&mut seeds);
    seeds
}

/// A datum as a record's value.
pub fn framed(topic: InputTopic, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    frame::put_header(&mut value, embedded_id(topic.contract_name()));
    value.extend_from_slice(datum);
    value
}

/// The start of the reference workload under the reference policy: its records, and what is stored and sent.
fn walk(seeds: &mut Seeds) {
    let text = read("tests/scenarios/reference/input.tsv");
    let mut lines: Vec<(i64, InputTopic, Vec<u8>)> = text.lines().map(line).collect();
    lines.sort();
    let book = PolicyBook::new(reference_policy(), None);
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for (at, topic, datum) in lines.iter().take(LINES) {
        let decoded = event::decode(*topic, datum).expect("an event");
        let id = decoded.account_id;
        let mut account = accounts.remove(id).unwrap_or_else(|| Account::new(id));
        let now = Timestamp::from_millis(*at);
        while let Some(due) = account.deadline().filter(|due| *due < now) {
            account = meet(seeds, &book, account, &Event::Deadline, due);
        }
        accounts.insert(id.to_owned(), meet(seeds, &book, account, &Event::Input(decoded.event), now));
    }
    for (topic, count) in InputTopic::ALL.into_iter().zip([4; 7]) {
        let some = lines.iter().filter(|(_, t, _)| *t == topic).take(count);
        seeds.records.extend(some.map(|(_, topic, datum)| (*topic, framed(*topic, datum))));
    }
    let profile = of_schema("crm.accounts").remove(0);
    for mut account in accounts.into_values().filter(|a| a.cycle.is_some()).take(ROWS) {
        let decoded = event::decode(InputTopic::Accounts, &profile).expect("a profile");
        account = meet(seeds, &book, account, &Event::Input(decoded.event), Timestamp::from_millis(0));
        let stale = vec![StaleMark { topic: InputTopic::Payments, offset: 7 }];
        let row = StoredRow { stale, account };
        for version in state::StateVersion::ALL {
            let mut bytes = Vec::new();
            state::encode_row(&row, version, &mut bytes);
            seeds.rows.push(bytes);
        }
    }
}

fn line(line: &str) -> (i64, InputTopic, Vec<u8>) {
    let fields: Vec<&str> = line.split('\t').collect();
    let [topic, _, _, timestamp, _, hex] = fields[..] else { panic!("six fields: {line}") };
    let datum = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect();
    (timestamp.parse().expect("a timestamp"), InputTopic::from_contract_name(topic).expect("a topic"), datum)
}

/// An event meets an account; of what is said, a few of each kind become seeds.
fn meet(seeds: &mut Seeds, book: &PolicyBook, account: Account, event: &Event<'_>, now: Timestamp) -> Account {
    let id = account.id.clone();
    let after = step(account, event, book, now);
    for said in &after.commands {
        let mut datum = Vec::new();
        command::encode(&id, said, &mut datum);
        keep(seeds, command::topic_of(said), datum);
    }
    for decided in &after.decisions {
        let mut datum = Vec::new();
        decision::encode(&id, after.account.currency, decided, None, false, &mut datum);
        keep(seeds, OutputTopic::Decisions, datum);
    }
    let (account, line) = (after.account, now);
    if account.pending().is_some_and(|bar| bar.held.is_none()) {
        return meet(seeds, book, account, &Event::Gate(GateAnswer::Cleared), line);
    }
    account
}

fn keep(seeds: &mut Seeds, topic: OutputTopic, datum: Vec<u8>) {
    if seeds.outputs.iter().filter(|(t, _)| *t == topic).count() < 8 {
        seeds.outputs.push((topic, datum));
    }
}

/// A datum for each branch of the body of a topic's schema, once with all that is optional and once without.
fn of_schema(topic: &str) -> Vec<Vec<u8>> {
    let schema: Json = serde_json::from_str(schema_text(topic).expect("a schema")).expect("JSON");
    let bodies = schema["fields"].as_array().expect("fields").iter().find(|f| f["name"] == "body");
    let branches = bodies.and_then(|body| body["type"].as_array()).map_or(1, Vec::len);
    let mut datums = Vec::new();
    for body in 0..branches {
        for full in [true, false] {
            let mut put = Put { named: BTreeMap::new(), out: Vec::new(), body, full };
            put.node(&schema, "");
            datums.push(put.out);
        }
    }
    datums
}

/// Puts a value of a schema that means something: amounts above zero, dates in order, currencies that exist.
struct Put {
    named: BTreeMap<String, Json>,
    out: Vec<u8>,
    body: usize,
    full: bool,
}

impl Put {
    fn node(&mut self, schema: &Json, field: &str) {
        match schema {
            Json::Array(branches) => self.union(branches, field),
            Json::String(name) => match self.named.get(name).cloned() {
                Some(node) => self.node(&node, field),
                None => self.plain(name, field),
            },
            _ => {
                if let Some(name) = schema["name"].as_str() {
                    self.named.insert(name.to_owned(), schema.clone());
                }
                match schema["type"].as_str().expect("a type") {
                    "record" => {
                        let fields = schema["fields"].as_array().expect("fields");
                        fields.iter().for_each(|f| self.node(&f["type"], f["name"].as_str().unwrap_or("")));
                    }
                    "enum" => self.out.push(u8::from(self.full) * 2),
                    "array" | "map" => self.items(schema, field),
                    plain => self.plain(plain, field),
                }
            }
        }
    }

    fn union(&mut self, branches: &[Json], field: &str) {
        let at = if field == "body" { self.body } else { usize::from(self.full && branches.len() > 1) };
        self.out.push(u8::try_from(at * 2).expect("few branches"));
        self.node(&branches[at], field);
    }

    fn items(&mut self, schema: &Json, field: &str) {
        // Terms would have to add up to the bill.
        if self.full && field != "terms" {
            self.out.push(2);
            if schema["type"] == "map" {
                self.text("k");
            }
            self.node(if schema["type"] == "map" { &schema["values"] } else { &schema["items"] }, field);
        }
        self.out.push(0);
    }

    fn plain(&mut self, kind: &str, field: &str) {
        match kind {
            "null" => {}
            "boolean" => self.out.push(u8::from(self.full)),
            "int" | "long" if field == "format" => self.out.push(4),
            "int" | "long" => self.out.push(100),
            "double" => self.out.extend(0.5f64.to_le_bytes()),
            _ => match field {
                "currency" => self.text("EUR"),
                "time_zone" => self.text("Europe/Berlin"),
                "level" => self.text("FULL"),
                "topic" => self.text("billing.bills"),
                "output" => self.text("dunning.barring"),
                _ => self.text(field),
            },
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push(u8::try_from(text.len() * 2).expect("a short text"));
        self.out.extend_from_slice(text.as_bytes());
    }
}
