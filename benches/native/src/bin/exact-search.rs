//! Searches random int8 rows exactly, as `corom eval --rows int8` does. Prints seconds and peak memory.
//!
//!     exact-search [ROWS [QUERIES [THREADS]]]

use std::time::Instant;

use corom::eval::{RowType, Rows, scan};
use corom::similarity::Metric;

/// Numbers per vector, results per query, and rows that are made at once.
const DIMENSION: usize = 768;
const TOP_K: usize = 1000;
const PORTION: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (count, queries) = (next(1_000_000)?, next(1000)?);
    let threads = next(std::thread::available_parallelism()?.get())?;
    let mut state = 1u64;
    let mut numbers = |rows: usize| -> Vec<f32> {
        let mut number = || {
            // Xorshift64, by Marsaglia.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..rows * DIMENSION).map(|_| number()).collect()
    };
    let mut rows = Rows::new(RowType::Int8, DIMENSION, Metric::Cosine, count)?;
    for at in (0..count).step_by(PORTION) {
        rows.extend(&numbers(PORTION.min(count - at)))?;
    }
    let queries = numbers(queries);
    let start = Instant::now();
    let found = scan(&rows, &queries, TOP_K, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    let hits: usize = found.iter().map(|found| found.hits.len()).sum();
    println!(
        "{} queries, {count} rows of {DIMENSION} numbers, {hits} hits, {threads} threads: {seconds:.1} s",
        found.len()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    Ok(())
}
