//! Runs hostile worlds by seed, on all cores: `sim --seeds 10000`, `sim --seed 17 --trace`.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunning_sim::hostile::{Policies, Tally, run};

/// Worlds are made of small things that come and go: a third faster with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "Runs the engine in hostile worlds, one a seed, and checks each against a fold from scratch.

usage: sim [--seeds N] [--from S] [--seconds T]   N worlds from seed S on, for at most T seconds (default: 10000 from 0)
       sim --seed S [--trace]                     one world again; with what happens in it

exit: 0 all clean, 1 a world was not, 64 the words of the command are off";

#[derive(Debug)]
struct Options {
    seeds: u64,
    from: u64,
    seconds: u64,
    trace: bool,
}

fn options() -> Option<Options> {
    let mut options = Options { seeds: 10_000, from: 0, seconds: u64::MAX, trace: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next()?.parse().ok();
        match word.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--seconds" => options.seconds = number()?,
            "--seed" => (options.from, options.seeds) = (number()?, 1),
            "--trace" => options.trace = true,
            _ => return None,
        }
    }
    Some(options)
}

/// What all threads share.
struct Run {
    options: Options,
    began: Instant,
    next: AtomicU64,
    done: AtomicU64,
    tally: Mutex<Tally>,
    failed: Mutex<Vec<(u64, String)>>,
}

impl Run {
    fn is_over(&self) -> bool {
        self.began.elapsed().as_secs() >= self.options.seconds || !lock(&self.failed).is_empty()
    }

    fn work(&self) {
        let policies = Policies::new();
        let mut sum = Tally::default();
        while !self.is_over() {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= self.options.seeds {
                break;
            }
            let seed = self.options.from + i;
            // A panic is a finding as any other, with its seed.
            let world = std::panic::catch_unwind(|| run(seed, &policies, self.options.trace));
            match world.unwrap_or_else(|_| Err("the engine panicked".to_owned())) {
                Ok(tally) => sum.add(&tally),
                Err(why) => lock(&self.failed).push((seed, why)),
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.tally).add(&sum);
    }

    fn progress(&self) {
        let done = self.done.load(Ordering::Relaxed);
        let rate = done as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        eprintln!("{done} worlds, {rate:.0} a second");
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{HELP}");
        return ExitCode::from(64);
    };
    let run = Run {
        options,
        began: Instant::now(),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        tally: Mutex::default(),
        failed: Mutex::default(),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| run.work())).collect();
        let mut said = Instant::now();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(20));
            if said.elapsed() > Duration::from_secs(5) {
                said = Instant::now();
                run.progress();
            }
        }
    });
    report(&run)
}

fn report(run: &Run) -> ExitCode {
    run.progress();
    let t = lock(&run.tally);
    println!(
        "rounds {}, transactions {}, events met {}, commands {}, bars cleared {}, policies changed {}, dead letters {}, lanes fenced {}",
        t.rounds, t.transactions, t.met, t.commands, t.cleared, t.changed, t.dead_letters, t.fenced
    );
    for (what, n) in &t.faults {
        println!("{n:>10}  {what}");
    }
    let mut failed = lock(&run.failed);
    failed.sort();
    for (seed, why) in failed.iter() {
        println!("seed {seed}: {why}\n  again: make sim SEED={seed}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
