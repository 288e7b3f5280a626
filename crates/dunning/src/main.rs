//! `dunning`: see `dunning help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    dunning::cli::main().into()
}

// The engine's planted bugs are for the simulator's own tests.
const _: () = assert!(!dunning_engine::planted::COMPILED, "the program is not built with the feature `planted`");
