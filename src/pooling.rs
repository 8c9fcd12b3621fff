//! Pools hidden states into one vector per text. Slices in, slices out.
//!
//! ```
//! use corom::config::Pooling;
//! use corom::pooling::pool;
//!
//! // The last layer of two texts with 2 tokens and 1 token; hidden size 2.
//! let last = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
//! assert_eq!(pool(Pooling::Cls, &[&last], &[2, 1], 2), [1.0, 2.0, 5.0, 6.0]);
//! assert_eq!(pool(Pooling::Mean, &[&last], &[2, 1], 2), [2.0, 3.0, 5.0, 6.0]);
//! ```

use crate::config::Pooling;

/// Pools hidden states into one vector per text, `[texts, hidden_size]`.
///
/// `layers` has one matrix `[tokens, hidden_size]` per layer of [`Pooling::layers`], in that order. The
/// texts lie end to end, without padding; `lengths` has the number of tokens per text. The
/// [module](self) has an example.
///
/// # Panics
/// Panics if a layer has fewer rows than the sum of `lengths`.
pub fn pool(pooling: Pooling, layers: &[&[f32]], lengths: &[usize], hidden_size: usize) -> Vec<f32> {
    let mut out = vec![0.0; lengths.len() * hidden_size];
    let mut start = 0;
    for (&length, out) in lengths.iter().zip(out.chunks_exact_mut(hidden_size)) {
        let rows = start..start + length * hidden_size;
        start = rows.end;
        match pooling {
            Pooling::Cls => {
                if let Some(last) = layers.first() {
                    out.copy_from_slice(&last[rows][..hidden_size]);
                }
            }
            Pooling::Mean | Pooling::AvgTop2 | Pooling::AvgFirstLast => {
                for layer in layers {
                    for token in layer[rows.clone()].chunks_exact(hidden_size) {
                        for (sum, x) in out.iter_mut().zip(token) {
                            *sum += x;
                        }
                    }
                }
                let count = (length * layers.len()).max(1) as f32;
                for sum in out {
                    *sum /= count;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two texts of 2 and 1 tokens, hidden size 2.
    const LAST: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const OTHER: [f32; 6] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];

    #[test]
    fn cls_is_the_first_row() {
        assert_eq!(pool(Pooling::Cls, &[&LAST], &[2, 1], 2), [1.0, 2.0, 5.0, 6.0]);
    }

    #[test]
    fn mean_is_over_real_tokens() {
        assert_eq!(pool(Pooling::Mean, &[&LAST], &[2, 1], 2), [2.0, 3.0, 5.0, 6.0]);
    }

    #[test]
    fn averages_of_two_layers() {
        let expected = [11.0, 16.5, 27.5, 33.0];
        for pooling in [Pooling::AvgTop2, Pooling::AvgFirstLast] {
            assert_eq!(pool(pooling, &[&LAST, &OTHER], &[2, 1], 2), expected);
        }
    }
}
