//! What finding a room costs: DashMap, which the directory uses, beside papaya, whose reads take no lock.
//!
//! ```sh
//! cargo run --release --example lookup
//! ```
//!
//! As the directory is used: 10,000 rooms by their number, each value a handle of a few shared parts that
//! is cloned out. Threads look rooms up, nine tenths of them in ten busy rooms, while one room in a
//! thousand look-ups is forgotten and made again. Printed is the time of a look-up in each thread, the
//! median of five rounds: one thread shows the map, more of them what they cost each other.

use std::{
    hint::black_box,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Instant,
};

use dashmap::DashMap;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

const ROOMS: u32 = 10_000;
const BUSY: u32 = 10;
const LOOKUPS: u32 = 2_000_000;
const CHURN_EVERY: u32 = 1_000;
const ROUNDS: usize = 5;

/// As large and as shared as a room's handle.
#[derive(Clone)]
struct Handle {
    number: u32,
    _slug: Arc<str>,
    _maker: Arc<str>,
    first: Arc<AtomicU32>,
    _rest: Arc<AtomicU32>,
}

impl Handle {
    fn new(number: u32) -> Self {
        Self {
            number,
            _slug: format!("room-{number}").into(),
            _maker: "m_1".into(),
            first: Arc::default(),
            _rest: Arc::default(),
        }
    }
}

trait Map: Send + Sync {
    fn get(&self, number: u32) -> Option<Handle>;
    fn put(&self, number: u32, handle: Handle);
    fn forget(&self, number: u32);
}

impl Map for DashMap<u32, Handle> {
    fn get(&self, number: u32) -> Option<Handle> {
        Self::get(self, &number).map(|it| it.clone())
    }

    fn put(&self, number: u32, handle: Handle) {
        self.insert(number, handle);
    }

    fn forget(&self, number: u32) {
        self.remove(&number);
    }
}

impl Map for papaya::HashMap<u32, Handle> {
    fn get(&self, number: u32) -> Option<Handle> {
        self.pin().get(&number).cloned()
    }

    fn put(&self, number: u32, handle: Handle) {
        self.pin().insert(number, handle);
    }

    fn forget(&self, number: u32) {
        self.pin().remove(&number);
    }
}

/// Nanoseconds of one look-up in one of so many threads.
fn measure(map: &dyn Map, threads: u32) -> f64 {
    for number in 0..ROOMS {
        map.put(number, Handle::new(number));
    }
    let begin = Barrier::new(threads as usize);
    let look = |seed: u32| {
        let mut random = SmallRng::seed_from_u64(seed.into());
        let wanted: Vec<u32> = (0..4_096)
            .map(|_| {
                let among = if random.random_bool(0.9) { BUSY } else { ROOMS };
                random.random_range(0..among)
            })
            .collect();
        begin.wait();
        let since = Instant::now();
        for (n, number) in (0..LOOKUPS).zip(wanted.iter().cycle()) {
            if let Some(handle) = map.get(*number) {
                black_box(handle.number ^ handle.first.load(Ordering::Relaxed));
            }
            if n % CHURN_EVERY == 0 {
                let number = BUSY + random.random_range(0..ROOMS - BUSY);
                map.forget(number);
                map.put(number, Handle::new(number));
            }
        }
        since.elapsed().as_secs_f64()
    };
    let look = &look;
    let took: f64 = thread::scope(|scope| {
        let looking: Vec<_> = (0..threads)
            .map(|it| scope.spawn(move || look(it)))
            .collect();
        looking
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .sum()
    });
    took / f64::from(threads) / f64::from(LOOKUPS) * 1e9
}

fn main() {
    println!(
        "{:>8}  {:>12}  {:>12}  {:>6}",
        "threads", "DashMap", "papaya", "ratio"
    );
    for threads in [1, 2, 4] {
        let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            times[0].push(measure(&DashMap::<u32, Handle>::new(), threads));
            times[1].push(measure(&papaya::HashMap::<u32, Handle>::new(), threads));
        }
        let [dash, papaya] = times.map(|mut it| {
            it.sort_by(f64::total_cmp);
            it[it.len() / 2]
        });
        println!(
            "{threads:>8}  {dash:>9.1} ns  {papaya:>9.1} ns  {:>6.2}",
            papaya / dash
        );
    }
}
