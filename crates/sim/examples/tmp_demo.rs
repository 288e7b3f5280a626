//! temp
use std::sync::atomic::AtomicBool;
fn main() {
    let n: u32 = std::env::args().nth(1).map_or(10_000, |a| a.parse().unwrap());
    let seed: u64 = std::env::args().nth(2).map_or(1, |a| a.parse().unwrap());
    let mut o = dunning_sim::DemoOptions::default();
    o.operator.accounts = n;
    o.operator.seed = seed;
    let mut demo = dunning_sim::Demo::new(o).unwrap();
    let r = demo.run(&mut std::io::stdout(), &AtomicBool::new(false)).unwrap();
    println!("{r}");
    demo.stop().unwrap();
}
