//! temp
use std::time::Instant;
fn main() {
    for (name, mode, cache, flush) in [("low 8M", sled::Mode::LowSpace, 8u64<<20, 500), ("high 8M", sled::Mode::HighThroughput, 8<<20, 500), ("low 64M", sled::Mode::LowSpace, 64<<20, 500), ("high 64M", sled::Mode::HighThroughput, 64<<20, 500)] {
        let dir = std::env::temp_dir().join(format!("tmpb-{}", name.replace(' ', "-")));
        let _ = std::fs::remove_dir_all(&dir);
        let db = sled::Config::new().path(&dir).mode(mode).cache_capacity(cache).flush_every_ms(Some(flush)).open().expect("o");
        let t = Instant::now();
        let mut times = vec![];
        for round in 0..12u32 {
            let r = Instant::now();
            let mut b = sled::Batch::default();
            for i in 0..25_000u32 {
                let k = format!("racc-{:06}", i.wrapping_mul(7919) % 25_000);
                b.insert(k.as_bytes(), vec![(i ^ round) as u8; 700]);
            }
            db.apply_batch(b).expect("a");
            times.push(r.elapsed().as_millis());
        }
        println!("{name}: {:?} {times:?} size {}", t.elapsed(), db.size_on_disk().expect("s") >> 20);
        drop(db);
        let _ = std::fs::remove_dir_all(&dir);
    }
}
