//! The half year itself: some days are written, the program takes them, and what it commanded is reacted to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dunning_rules::{Account, Stage};
use dunning_sim::murmur2;
use dunning_wire::command::ActionView;
use dunning_wire::state_record::StateRecord;
use dunning_wire::topic::OutputTopic;
use dunning_wire::{frame, state, state_record};
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;

use crate::book::{Book, Entries};
use crate::bus::{Bus, until};
use crate::customer::{Household, Planned, body};
use crate::event::{self, DAY, at};
use crate::output::{COMMANDS, Written, assert_in_place};
use crate::process::{Instance, Start};
use crate::table::Table;
use crate::world::{Plot, Record, World};

/// 2026-01-01 00:00 UTC.
const BEGIN: i64 = 1_767_225_600_000;
const PARTITIONS: u32 = 4;

pub struct Options {
    pub accounts: u32,
    pub days: i64,
    /// So many days are written at a time.
    pub step: i64,
    pub seed: u64,
}

struct Operator<'w> {
    world: &'w World,
    households: Vec<Household>,
    books: Vec<Book>,
    /// What is to be written, by its instant.
    planned: BTreeMap<(i64, u32, u32), Planned>,
    count: u32,
    table: Table,
    entries: Entries,
    commands: Vec<Written>,
    wrong: Vec<String>,
}

pub fn run(options: &Options) {
    let began = Instant::now();
    let more = "clock: stream\nstart: earliest\nfuture_bound: none\nbars: { per_hour: none }\nworkers: 2\n";
    let policy = "deploy/policies/household.yaml";
    let bus = Bus::shared();
    let world = World::new(&Plot { bus, partitions: PARTITIONS, registry: true, policy, more, ..Plot::default() });
    let instance = Start::new(&world, "one").ready();
    let (reader, _) = world.reader_of(&COMMANDS.map(|topic| world.topics.output(topic)));
    let mut operator = Operator::new(&world, options);
    let mut day = 0;
    while day < options.days {
        let next = (day + options.step).min(options.days);
        operator.write(BEGIN + next * DAY);
        operator.react(&instance, &reader, BEGIN + next * DAY);
        if next / 30 > day / 30 {
            println!("day {next}: {} commands, {:.0} s", operator.commands.len(), began.elapsed().as_secs_f64());
        }
        day = next;
    }
    assert_eq!(instance.stop(), 0);
    operator.judge();
    println!("{}", operator.table.print());
    println!("{} accounts, {} days, {:.0} s", options.accounts, options.days, began.elapsed().as_secs_f64());
}

impl<'w> Operator<'w> {
    fn new(world: &'w World, options: &Options) -> Self {
        let mut operator = Self {
            world,
            households: (0..options.accounts).map(|n| Household::new(n, options.seed)).collect(),
            books: (0..options.accounts).map(|_| Book::default()).collect(),
            planned: BTreeMap::new(),
            count: 0,
            table: Table::default(),
            entries: Entries::new(),
            commands: Vec::new(),
            wrong: Vec::new(),
        };
        for n in 0..operator.households.len() {
            let life = operator.households[n].life(BEGIN, options.days);
            operator.plan(u32::try_from(n).expect("few"), life);
        }
        operator
    }

    fn plan(&mut self, household: u32, all: Vec<Planned>) {
        for planned in all {
            self.count += 1;
            self.planned.insert((planned.at, household, self.count), planned);
        }
    }

    /// Writes what comes before an instant, and lets the clock go on to it.
    fn write(&mut self, until: i64) {
        let later = self.planned.split_off(&(until, 0, 0));
        let now = std::mem::replace(&mut self.planned, later);
        let mut records = Vec::with_capacity(now.len());
        for ((_, number, _), planned) in now {
            let household = &self.households[number as usize];
            self.books[number as usize].writes(&planned);
            self.table.event(&planned);
            records.push(record(self.world, household, &planned));
        }
        for partition in 0..PARTITIONS {
            let clock = event::At { account: &format!("clock-{partition}"), partition, millis: until - 1 };
            records.push(clock.usage(self.world, &format!("tick-{partition}-{until}")));
        }
        self.world.write(&records);
    }

    /// Waits until all of it was taken, reads what was commanded, and plans what follows from that.
    fn react(&mut self, instance: &Instance, reader: &BaseConsumer, from: i64) {
        until("the records of some days", 120, || match self.world.left() {
            0 => Ok(()),
            left => Err(left),
        });
        // What fell due by the clock alone comes behind the last record.
        until("the deadlines of some days", 120, || {
            let behind = instance.metric("dunning_deadlines_late_seconds", "");
            if behind == 0.0 { Ok(()) } else { Err(behind) }
        });
        let (mut last, mut all) = (Instant::now(), Vec::new());
        while last.elapsed() < Duration::from_millis(300) {
            let Some(Ok(message)) = reader.poll(Duration::from_millis(20)) else { continue };
            last = Instant::now();
            all.push(self.world.written(&message));
        }
        // The topics come side by side; an account's commands have their order.
        all.sort_by(|a, b| (&a.view.account_id, a.view.sequence).cmp(&(&b.view.account_id, b.view.sequence)));
        all.into_iter().for_each(|written| self.take(written, from));
    }

    fn take(&mut self, written: Written, from: i64) {
        let number: u32 = written.view.account_id.trim_start_matches("h-").parse().expect("a household");
        self.table.command(&written.view);
        let household = &self.households[number as usize];
        let judged = self.books[number as usize].commands(&written, household.has_alarm(), &mut self.entries);
        if judged == Ok(true) {
            self.table.add("sent again", kind_of(&written), 0);
        }
        if let Err(wrong) = judged {
            println!("{:?}: {wrong}", self.households[number as usize].habit);
            self.wrong.push(format!("{wrong}: {written:?}"));
        }
        let reactions = self.households[number as usize].reacts(&written.view, from);
        self.plan(number, reactions);
        self.commands.push(written);
    }

    /// The last state of every household on the state topic.
    fn accounts(&self) -> BTreeMap<String, Account> {
        let mut last = BTreeMap::new();
        self.world.each(&[self.world.topics.output(OutputTopic::State)], |message| {
            if message.key().expect("a key") == state::CHECKPOINT_KEY {
                return;
            }
            let (_, datum) = frame::split(message.payload().expect("a state")).expect("a frame");
            let StateRecord::Account { account_id, row, .. } = state_record::decode(datum).expect("a state") else {
                panic!("a checkpoint under an account's key")
            };
            last.insert(account_id.to_owned(), state::decode_row(row).expect("a row").account);
        });
        last
    }

    /// Every account stands as its book does, to the cent, and nothing was wrong on the way.
    fn judge(&mut self) {
        assert!(self.wrong.is_empty(), "{} wrong, the first: {}", self.wrong.len(), self.wrong[0]);
        self.commands.sort_by_key(|written| (written.topic, written.partition, written.offset));
        assert_in_place(&self.commands, PARTITIONS);
        // An offer that is taken when more has fallen due covers too little: a person looks at that.
        for letter in self.world.dead_letters() {
            assert_eq!(letter.marks.error_class, "plan_does_not_sum", "{letter:?}");
            self.table.add("dead letter", letter.marks.error_class.as_str(), 0);
        }
        assert!(self.entries.values().all(|(debits, credits)| debits == credits), "by account and day");
        let mut booked = 0;
        let accounts = self.accounts();
        for (household, book) in self.households.iter().zip(&self.books) {
            let account = &accounts[&household.id];
            let (owed, barred, sequence, requests) = book.stands();
            assert_eq!((account.open() - account.credit).get(), owed, "{:?} {account:?}", household.habit);
            assert_eq!(account.sequence, sequence, "{account:?}");
            assert_eq!(matches!(account.stage(), Stage::Barred(_)), barred, "{account:?}");
            booked += requests;
        }
        // Of everything there is something: a half year in which nobody is barred shows nothing.
        for kind in ["notice", "bar", "restoration", "retry", "request to billing", "contact reported", "sent again"] {
            assert!(self.table.count(kind) > 0, "no {kind}:\n{}", self.table.print());
        }
        assert!(booked > 0, "billing booked nothing");
        println!("{booked} requests were booked; {} days of accounts with double entries", self.entries.len());
    }
}

/// What provisioning is asked for.
fn kind_of(written: &Written) -> &'static str {
    if matches!(written.view.action, ActionView::Bar { .. }) { "bar" } else { "restoration" }
}

fn record(world: &World, household: &Household, planned: &Planned) -> Record {
    let partition = murmur2::partition(household.id.as_bytes(), PARTITIONS);
    let place = event::At { partition, ..at(&household.id, planned.at) };
    let datum = place.datum(planned.topic, &planned.event, body(household, planned));
    place.raw(planned.topic, Some(world.framed(planned.topic, &datum)))
}
