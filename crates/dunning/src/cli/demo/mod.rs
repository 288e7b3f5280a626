//! `dunning demo`: the main job on made-up customers; without Kafka unless it is asked for.

mod kafka;

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use dunning_sim::{Demo, DemoError, DemoOptions, OperatorOptions};

use super::args;
use crate::exit::{Exit, Failure};
use crate::http::{Pages, health::Health};
use crate::run::{self, Event};

/// Where the pages are, if nothing else has the port.
const LISTEN: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 8080));
/// Any free port.
const ANYWHERE: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0));

pub(super) fn run(args: &args::Demo) -> Result<Exit, Failure> {
    let operator = OperatorOptions { accounts: args.accounts, seed: args.seed, ..OperatorOptions::default() };
    if args.kafka { kafka::run(args, operator) } else { in_memory(args, operator) }
}

fn in_memory(args: &args::Demo, operator: OperatorOptions) -> Result<Exit, Failure> {
    let runtime = run::runtime()?;
    let (events, happened) = channel();
    run::watch_signals(&runtime, &events)?;
    let listener = listener(args.http)?;
    let url = format!("http://{}", listener.0);
    let options = DemoOptions {
        operator,
        is_terminal: std::io::stdout().is_terminal(),
        explain: explain(listener.0, &url),
        ..DemoOptions::default()
    };
    let mut demo = Demo::new(options).map_err(failed)?;
    let pages = Pages {
        meters: demo.meters(),
        // Its one lane works on this thread, and the days are over before it could seem dead.
        health: Arc::new(Health::new(0)),
        lanes: vec![demo.asks()],
        policy: Arc::new(demo.policy().clone()),
    };
    run::serve_on(listener.1, Arc::new(pages), &runtime, &events);
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    // One thread for what the system says; the demo's is this one.
    std::thread::spawn(move || {
        while let Ok(event) = happened.recv() {
            if matches!(event, Event::Signal(_)) {
                stopping.store(true, Ordering::Relaxed);
            }
        }
    });
    let report = demo.run(&mut std::io::stdout().lock(), &stop).map_err(failed)?;
    super::print(&report.to_string())?;
    if !args.exit && !stop.load(Ordering::Relaxed) {
        super::print(&format!("\nIt stays, to be asked; pages are at {url}. Ctrl-C ends it."))?;
        demo.serve_until(&stop).map_err(failed)?;
    }
    demo.stop().map_err(failed)?;
    runtime.shutdown_background();
    Ok(Exit::Ok)
}

/// The port that was asked for; else the usual one, or any where another program has that.
fn listener(asked: Option<SocketAddr>) -> Result<(SocketAddr, std::net::TcpListener), Failure> {
    let bound = match asked {
        Some(address) => crate::http::bind(address),
        None => crate::http::bind(LISTEN).or_else(|_| crate::http::bind(ANYWHERE)),
    };
    let refused = |e| {
        let text = format!("{} cannot be listened on; give another with --http", asked.unwrap_or(LISTEN));
        Failure::because(Exit::System, text, e)
    };
    let listener = bound.map_err(refused)?;
    Ok((listener.local_addr().map_err(refused)?, listener))
}

/// What to type before an account's id, as this program was called.
fn explain(address: SocketAddr, url: &str) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "dunning".to_owned());
    if address == LISTEN { format!("{program} explain") } else { format!("{program} explain --url {url}") }
}

fn failed(error: DemoError) -> Failure {
    // A reader that has gone is no fault of the program's.
    let exit = match &error {
        DemoError::Output(_) => Exit::System,
        _ => Exit::Internal,
    };
    let _ = std::io::stdout().flush();
    Failure::because(exit, "the demo cannot go on", error)
}
