//! The exact search: every query against every row, in tiles that stay in the processor's caches.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::rows::{Int8Row, Numbers, Rows};
use super::top_k::{Hit, TopK};
use crate::error::{Result, fail};
use crate::similarity::{Metric, dot, score};

/// Rows per unit of work. The sums of a chunk are added in the order of the chunks, so that no result depends on the
/// number of threads.
const CHUNK: usize = 1 << 13;
/// Rows that are compared with one query after the other.
const TILE: usize = 8;
/// The largest number of a query that is multiplied by int8 rows, unless the sums would leave i32.
const QUERY_MAX: i64 = 4095;

/// The result of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The best rows, best first. A larger score is better: for L2 and L1 it is the negative distance.
    pub hits: Vec<Hit>,
    /// The mean of the scores of all rows.
    pub mean: f64,
    /// The standard deviation of the scores of all rows.
    pub deviation: f64,
}

/// Returns the best `top_k` rows for each query, `[n, dimension]`, row-major. Equal scores keep the order of the rows.
///
/// # Errors
/// `INVALID_ARGUMENT` if the queries have another dimension, numbers that are not finite, or there are no rows.
pub fn scan(rows: &Rows, queries: &[f32], top_k: usize, threads: usize) -> Result<Vec<Found>> {
    let dimension = rows.dimension;
    if !queries.len().is_multiple_of(dimension) || !queries.iter().all(|x| x.is_finite()) {
        fail!(
            InvalidArgument,
            "queries: {} numbers; expected finite numbers in rows of {dimension}",
            queries.len()
        );
    }
    if rows.is_empty() {
        fail!(InvalidArgument, "there are no vectors to search");
    }
    let queries: Vec<Query> =
        queries.chunks_exact(dimension).map(|query| Query::new(query, rows.metric)).collect();
    let chunks = rows.len().div_ceil(CHUNK);
    let next = AtomicUsize::new(0);
    // Per chunk and query: the sum of the scores and of their squares.
    let sums: Mutex<Vec<Vec<(f64, f64)>>> = Mutex::new(vec![Vec::new(); chunks]);
    let work = || {
        let mut best = vec![TopK::new(top_k); queries.len()];
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunks {
                return best;
            }
            let start = chunk * CHUNK;
            let end = (start + CHUNK).min(rows.len());
            let mut sum = vec![(0.0, 0.0); queries.len()];
            scan_chunk(rows, start, end, &queries, &mut |query, row, score| {
                best[query].push(Hit { row: row as u32, score });
                sum[query].0 += f64::from(score);
                sum[query].1 += f64::from(score) * f64::from(score);
            });
            sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[chunk] = sum;
        }
    };
    let mut best = vec![TopK::new(top_k); queries.len()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, chunks)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let found = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            best.iter_mut().zip(found).for_each(|(best, found)| best.merge(found));
        }
    });
    let sums = sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = rows.len() as f64;
    let finish = |(query, best): (usize, TopK)| {
        let (sum, squares) =
            sums.iter().fold((0.0, 0.0), |all, sum| (all.0 + sum[query].0, all.1 + sum[query].1));
        let mean = sum / count;
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        Found { hits: best.into_sorted(), mean, deviation }
    };
    Ok(best.into_iter().enumerate().map(finish).collect())
}

impl Rows {
    /// Returns the score of one row, as [`scan`] computes it.
    ///
    /// # Panics
    /// If the query has another dimension or there is no such row.
    pub fn score(&self, query: &[f32], row: usize) -> f32 {
        assert_eq!(query.len(), self.dimension, "the query's dimension is that of the rows");
        let mut result = 0.0;
        let query = [Query::new(query, self.metric)];
        scan_chunk(self, row, row + 1, &query, &mut |_, _, score| result = score);
        result
    }
}

/// A query in each form that a scan needs.
struct Query {
    f32: Vec<f32>,
    i16: Vec<i16>,
    scale: f32,
    squared_norm: f32,
}

impl Query {
    fn new(query: &[f32], metric: Metric) -> Self {
        let norm = dot(query, query).sqrt();
        let factor = if metric == Metric::Cosine && norm > 0.0 { 1.0 / norm } else { 1.0 };
        let f32: Vec<f32> = query.iter().map(|x| x * factor).collect();
        let limit = QUERY_MAX.min(i64::from(i32::MAX) / (127 * query.len() as i64)) as f32;
        let largest = f32.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let inverse = if largest > 0.0 { limit / largest } else { 0.0 };
        let i16 = f32.iter().map(|x| (x * inverse).round() as i16).collect();
        Self { squared_norm: dot(&f32, &f32), f32, i16, scale: largest / limit }
    }
}

/// Calls `found` with query, row and score for each pair of a query and a row of `start..end`.
fn scan_chunk(
    rows: &Rows,
    start: usize,
    end: usize,
    queries: &[Query],
    found: &mut impl FnMut(usize, usize, f32),
) {
    let dimension = rows.dimension;
    match &rows.numbers {
        Numbers::F32(numbers) => {
            let metric = if rows.metric == Metric::Cosine { Metric::Dot } else { rows.metric };
            for first in (start..end).step_by(TILE) {
                let tile = &numbers[first * dimension..(first + TILE).min(end) * dimension];
                for (index, query) in queries.iter().enumerate() {
                    // The shapes agree, so there is no error.
                    for (row, score) in score(&query.f32, tile, metric).into_iter().flatten().enumerate() {
                        found(index, first + row, if metric.more_is_nearer() { score } else { -score });
                    }
                }
            }
        }
        Numbers::Int8(numbers, int8_rows) => {
            let mut wide = vec![0i16; TILE * dimension];
            for first in (start..end).step_by(TILE) {
                let last = (first + TILE).min(end);
                let tile = &numbers[first * dimension..last * dimension];
                wide.iter_mut().zip(tile).for_each(|(wide, &narrow)| *wide = i16::from(narrow));
                for (index, query) in queries.iter().enumerate() {
                    for (row, numbers) in (first..last).zip(wide.chunks_exact(dimension)) {
                        found(index, row, int8_score(query, numbers, int8_rows[row], rows.metric));
                    }
                }
            }
        }
    }
}

fn int8_score(query: &Query, numbers: &[i16], row: Int8Row, metric: Metric) -> f32 {
    let product = query.scale * row.scale * dot_i16(&query.i16, numbers) as f32;
    match metric {
        Metric::L2 => -(query.squared_norm + row.squared_norm - 2.0 * product).max(0.0).sqrt(),
        _ => product,
    }
}

/// Returns the inner product. The compiler turns the loop into multiply-add instructions of 16-bit pairs.
fn dot_i16(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rows::RowType;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    fn rows(row_type: RowType, metric: Metric, vectors: &[f32], dimension: usize) -> Rows {
        let mut rows = Rows::new(row_type, dimension, metric, 0).unwrap();
        rows.extend(vectors).unwrap();
        rows
    }

    #[test]
    fn f32_scan_is_the_sorted_list_of_all_scores() {
        for metric in [Metric::Dot, Metric::Cosine, Metric::L2, Metric::L1] {
            let (vectors, queries) = (numbers(300 * 33, 1), numbers(5 * 33, 2));
            let found = scan(&rows(RowType::F32, metric, &vectors, 33), &queries, 20, 2).unwrap();
            for (query, found) in queries.chunks_exact(33).zip(found) {
                let mut scores = score(query, &vectors, metric).unwrap();
                let order = crate::rank::rank(&scores, Some(20), metric);
                assert_eq!(
                    found.hits.iter().map(|hit| hit.row as usize).collect::<Vec<_>>(),
                    order,
                    "{metric:?}"
                );
                if !metric.more_is_nearer() {
                    scores.iter_mut().for_each(|score| *score = -*score);
                }
                for hit in &found.hits {
                    assert!((hit.score - scores[hit.row as usize]).abs() < 1e-5);
                }
                let mean = scores.iter().map(|&x| f64::from(x)).sum::<f64>() / 300.0;
                let variance = scores.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 300.0;
                assert!((found.mean - mean).abs() < 1e-5 && (found.deviation - variance.sqrt()).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn int8_scan_is_close_to_f32() {
        for metric in [Metric::Dot, Metric::Cosine, Metric::L2] {
            let (vectors, queries) = (numbers(500 * 96, 3), numbers(4 * 96, 4));
            let [exact, coded] = [RowType::F32, RowType::Int8]
                .map(|row_type| scan(&rows(row_type, metric, &vectors, 96), &queries, 500, 1).unwrap());
            for (exact, coded) in exact.iter().zip(&coded) {
                let mut scores = vec![0.0; 500];
                exact.hits.iter().for_each(|hit| scores[hit.row as usize] = hit.score);
                let worst = coded
                    .hits
                    .iter()
                    .map(|hit| (hit.score - scores[hit.row as usize]).abs())
                    .fold(0.0, f32::max);
                assert!(worst < 0.02 * exact.deviation as f32, "{metric:?}: {worst} of {}", exact.deviation);
            }
        }
    }

    #[test]
    fn result_does_not_depend_on_the_threads() {
        let (vectors, queries) = (numbers((2 * CHUNK + 77) * 4, 5), numbers(3 * 4, 6));
        for row_type in [RowType::F32, RowType::Int8] {
            let rows = rows(row_type, Metric::Dot, &vectors, 4);
            let one = scan(&rows, &queries, 100, 1).unwrap();
            for hit in &one[1].hits {
                assert_eq!(rows.score(&queries[4..8], hit.row as usize), hit.score);
            }
            assert_eq!(one, scan(&rows, &queries, 100, 3).unwrap());
        }
    }

    #[test]
    fn sums_of_the_largest_numbers_stay_within_i32() {
        for dimension in [768, 4129, 1 << 16] {
            let rows = rows(RowType::Int8, Metric::Dot, &vec![1.0; dimension], dimension);
            let found = scan(&rows, &vec![1.0; dimension], 1, 1).unwrap();
            let error = (found[0].hits[0].score / dimension as f32 - 1.0).abs();
            assert!(error < 1e-3, "{dimension}: {error}");
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        let rows = rows(RowType::F32, Metric::Dot, &[1.0, 2.0], 2);
        assert!(scan(&rows, &[1.0], 1, 1).is_err());
        assert!(scan(&rows, &[1.0, f32::NAN], 1, 1).is_err());
        assert!(scan(&Rows::new(RowType::F32, 2, Metric::Dot, 0).unwrap(), &[1.0, 1.0], 1, 1).is_err());
        assert!(Rows::new(RowType::Int8, 2, Metric::L1, 0).is_err());
        assert!(scan(&rows, &[], 1, 1).unwrap().is_empty());
    }
}
