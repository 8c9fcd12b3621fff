//! Spherical k-means (Dhillon and Modha, 2001): clusters of vectors by their cosine.
//!
//! ```text
//! centers := greedy k-means++                    probability ∝ 1 − cosine to the nearest center
//! repeat:    label[i] := argmax over centers of ⟨x_i, center⟩
//!            center   := Σ of its x_i, scaled to length 1
//! until no label changes
//! ```
//! `x` are the vectors, scaled to length 1. A cluster that loses its last vector takes the one that fits its own cluster
//! worst.

use super::VectorSource;
use crate::error::{Result, fail};
use crate::index::random::Random;
use crate::index::vectors::dot::dot;
use crate::l2::l2_normalize;

const MAX_ROUNDS: usize = 100;

/// The options of [`cluster`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterOptions {
    /// The number of clusters.
    pub k: usize,
    /// A seed gives the same clusters on every host.
    pub seed: u64,
}

/// The result of [`cluster`].
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// The cluster of each vector, from 0 on.
    pub labels: Vec<u32>,
    /// The centers, of length 1, `[k, dimension]`.
    pub centers: Vec<f32>,
    /// The mean cosine of a vector to the center of its cluster.
    pub cohesion: f64,
}

/// Groups vectors into `k` clusters.
///
/// # Errors
/// `INVALID_ARGUMENT` if `k` is 0 or more than the number of vectors; the errors of the source.
///
/// ```
/// use corom::index::{ClusterOptions, VectorList, cluster};
///
/// let vectors = [1.0, 0.1, 0.9, 0.0, 0.0, 1.0, 0.1, 2.0];
/// let clusters = cluster(&VectorList::new(&vectors, 2)?, ClusterOptions { k: 2, seed: 0 })?;
/// assert_eq!(clusters.labels[0], clusters.labels[1]);
/// assert_ne!(clusters.labels[0], clusters.labels[2]);
/// # Ok::<(), corom::error::Error>(())
/// ```
pub fn cluster(vectors: &dyn VectorSource, options: ClusterOptions) -> Result<Clusters> {
    let (count, dimension, k) = (vectors.count(), vectors.dimension(), options.k);
    if k == 0 || k > count {
        fail!(InvalidArgument, "k: found {k}; expected 1 to {count}, the number of vectors");
    }
    let mut centers = first_centers(vectors, k, &mut Random(options.seed))?;
    let mut labels = vec![u32::MAX; count];
    let mut row = vec![0.0; dimension];
    let mut cosines = vec![0.0_f32; count];
    for _ in 0..MAX_ROUNDS {
        let mut has_changed = false;
        let mut sums = vec![0.0_f64; k * dimension];
        let mut sizes = vec![0_usize; k];
        for i in 0..count {
            unit(vectors, i, &mut row)?;
            let (label, cosine) = nearest(&centers, &row);
            has_changed |= labels[i] != label as u32;
            (labels[i], cosines[i]) = (label as u32, cosine);
            sizes[label] += 1;
            sums[label * dimension..][..dimension]
                .iter_mut()
                .zip(&row)
                .for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for empty in 0..k {
            if sizes[empty] > 0 {
                continue;
            }
            let is_spare = |&i: &usize| sizes[labels[i] as usize] > 1;
            let worst =
                (0..count).filter(is_spare).reduce(|a, b| if cosines[b] < cosines[a] { b } else { a });
            let Some(worst) = worst else { break };
            unit(vectors, worst, &mut row)?;
            let old = labels[worst] as usize;
            for (at, &x) in row.iter().enumerate() {
                sums[old * dimension + at] -= f64::from(x);
                sums[empty * dimension + at] += f64::from(x);
            }
            (sizes[old], sizes[empty]) = (sizes[old] - 1, 1);
            (labels[worst], cosines[worst]) = (empty as u32, 1.0);
            has_changed = true;
        }
        if !has_changed {
            break;
        }
        for (center, sum) in centers.chunks_exact_mut(dimension).zip(sums.chunks_exact(dimension)) {
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            // Vectors that cancel out have no direction: the center stays.
            if length > 0.0 {
                center.iter_mut().zip(sum).for_each(|(x, sum)| *x = (sum / length) as f32);
            }
        }
    }
    let cohesion = cosines.iter().map(|&x| f64::from(x)).sum::<f64>() / count as f64;
    Ok(Clusters { labels, centers, cohesion })
}

/// Chooses the first centers (Arthur and Vassilvitskii, 2007): each is the best of `2 + ln k` random vectors, of which far
/// ones are likely.
fn first_centers(vectors: &dyn VectorSource, k: usize, random: &mut Random) -> Result<Vec<f32>> {
    let (count, dimension) = (vectors.count(), vectors.dimension());
    let trials = 2 + (k as f64).ln() as usize;
    let mut row = vec![0.0; dimension];
    unit(vectors, random.below(count), &mut row)?;
    let mut centers = row.clone();
    let mut distances = vec![f32::INFINITY; count];
    let update = |distances: &mut Vec<f32>, center: &[f32]| -> Result<f64> {
        let mut row = vec![0.0; dimension];
        let mut total = 0.0;
        for (i, distance) in distances.iter_mut().enumerate() {
            unit(vectors, i, &mut row)?;
            *distance = distance.min((1.0 - dot(&row, center)).max(0.0));
            total += f64::from(*distance);
        }
        Ok(total)
    };
    let mut total = update(&mut distances, &centers)?;
    for _ in 1..k {
        let mut best: Option<(f64, Vec<f32>, Vec<f32>)> = None;
        for _ in 0..trials {
            unit(vectors, pick(&distances, total, random), &mut row)?;
            let mut with = distances.clone();
            let sum = update(&mut with, &row)?;
            if best.as_ref().is_none_or(|best| sum < best.0) {
                best = Some((sum, with, row.clone()));
            }
        }
        if let Some((sum, with, center)) = best {
            (total, distances) = (sum, with);
            centers.extend(center);
        }
    }
    Ok(centers)
}

/// Returns a random index with a probability in proportion to the distances.
fn pick(distances: &[f32], total: f64, random: &mut Random) -> usize {
    let mut rest = (random.next() >> 11) as f64 / (1_u64 << 53) as f64 * total;
    for (i, &distance) in distances.iter().enumerate() {
        rest -= f64::from(distance);
        if rest < 0.0 {
            return i;
        }
    }
    random.below(distances.len()) // All vectors are centers.
}

/// Reads a vector and scales it to length 1.
fn unit(vectors: &dyn VectorSource, index: usize, row: &mut [f32]) -> Result<()> {
    vectors.read(index, row)?;
    let dimension = row.len();
    l2_normalize(row, dimension);
    Ok(())
}

/// Returns the center with the largest cosine, the first of equal ones, and that cosine.
fn nearest(centers: &[f32], row: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (label, center) in centers.chunks_exact(row.len()).enumerate() {
        let cosine = dot(row, center);
        if cosine > best.1 {
            best = (label, cosine);
        }
    }
    best
}
