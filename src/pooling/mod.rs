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
//! assert_eq!(pool(Pooling::Max, &[&last], &[2, 1], 2), [3.0, 4.0, 5.0, 6.0]);
//! ```

mod kinds;

pub use kinds::{Pooling, PoolingChoice};

/// Pools hidden states into one vector per text, `[texts, hidden_size]`.
///
/// `layers` has one matrix `[tokens, hidden_size]` per layer of [`Pooling::layers`], in that order. The
/// texts lie end to end, without padding; `lengths` has the number of tokens per text. The
/// [module](self) has an example.
///
/// # Panics
/// Panics if a layer has fewer rows than the sum of `lengths`.
pub fn pool(pooling: Pooling, layers: &[&[f32]], lengths: &[usize], hidden_size: usize) -> Vec<f32> {
    pool_after(pooling, layers, lengths, 0, hidden_size)
}

/// Pools like [`pool`], without the first `skipped` tokens of each text, which must have more tokens.
///
/// sentence-transformers' `include_prompt: false` skips `[CLS]` and the prompt this way. Its class `Pooling`
/// then takes the first token that is left for `cls`, and weights for `weightedmean` count from the first
/// token of the text.
///
/// # Panics
/// Panics if a layer has fewer rows than the sum of `lengths`.
pub(crate) fn pool_after(
    pooling: Pooling,
    layers: &[&[f32]],
    lengths: &[usize],
    skipped: usize,
    hidden_size: usize,
) -> Vec<f32> {
    let mut out = vec![0.0; lengths.len() * hidden_size];
    let mut start = 0;
    for (&length, out) in lengths.iter().zip(out.chunks_exact_mut(hidden_size)) {
        let skipped = skipped.min(length.saturating_sub(1));
        let rows = start + skipped * hidden_size..start + length * hidden_size;
        start = rows.end;
        let length = length - skipped;
        let Some(last) = layers.first().map(|layer| &layer[rows.clone()]) else { continue };
        match pooling {
            Pooling::Cls => out.copy_from_slice(&last[..hidden_size]),
            Pooling::LastToken => out.copy_from_slice(&last[last.len() - hidden_size..]),
            Pooling::Max => {
                out.copy_from_slice(&last[..hidden_size]);
                for token in last.chunks_exact(hidden_size) {
                    out.iter_mut().zip(token).for_each(|(most, x)| {
                        // A NaN stays, so that the caller finds it: `f32::max` would drop it.
                        if *x > *most || x.is_nan() {
                            *most = *x;
                        }
                    });
                }
            }
            Pooling::WeightedMean => {
                for (i, token) in last.chunks_exact(hidden_size).enumerate() {
                    let weight = (skipped + i + 1) as f32;
                    out.iter_mut().zip(token).for_each(|(sum, x)| *sum += x * weight);
                }
                divide(out, (length * (length + 1 + 2 * skipped) / 2) as f32);
            }
            Pooling::MeanSqrtLen => {
                add_rows(out, last);
                divide(out, (length.max(1) as f32).sqrt());
            }
            Pooling::Mean | Pooling::AvgTop2 | Pooling::AvgFirstLast => {
                for layer in layers {
                    add_rows(out, &layer[rows.clone()]);
                }
                divide(out, (length * layers.len()).max(1) as f32);
            }
        }
    }
    out
}

/// Adds all rows to `sum`, in their order.
fn add_rows(sum: &mut [f32], rows: &[f32]) {
    for token in rows.chunks_exact(sum.len()) {
        sum.iter_mut().zip(token).for_each(|(sum, x)| *sum += x);
    }
}

fn divide(values: &mut [f32], by: f32) {
    values.iter_mut().for_each(|x| *x /= by);
}

/// Concatenates the vectors of several poolings per text. `parts` has one matrix `[texts, width]` per
/// pooling. Returns `[texts, parts.len() * width]`.
pub fn concatenate(mut parts: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let texts = parts.first().map_or(0, |part| part.len() / width.max(1));
    let mut out = Vec::with_capacity(texts * parts.len() * width);
    for text in 0..texts {
        for part in &parts {
            out.extend_from_slice(&part[text * width..][..width]);
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
    fn cls_is_the_first_row_and_last_token_the_last() {
        assert_eq!(pool(Pooling::Cls, &[&LAST], &[2, 1], 2), [1.0, 2.0, 5.0, 6.0]);
        assert_eq!(pool(Pooling::LastToken, &[&LAST], &[2, 1], 2), [3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn means_are_over_real_tokens() {
        assert_eq!(pool(Pooling::Mean, &[&LAST], &[2, 1], 2), [2.0, 3.0, 5.0, 6.0]);
        let root = 2f32.sqrt();
        assert_eq!(pool(Pooling::MeanSqrtLen, &[&LAST], &[2, 1], 2), [4.0 / root, 6.0 / root, 5.0, 6.0]);
        assert_eq!(pool(Pooling::WeightedMean, &[&LAST], &[2, 1], 2), [7.0 / 3.0, 10.0 / 3.0, 5.0, 6.0]);
    }

    #[test]
    fn skipped_tokens_take_no_part() {
        let pool = |pooling| pool_after(pooling, &[&LAST], &[3], 1, 2);
        assert_eq!(pool(Pooling::Cls), [3.0, 4.0]);
        assert_eq!(pool(Pooling::LastToken), [5.0, 6.0]);
        assert_eq!(pool(Pooling::Mean), [4.0, 5.0]);
        assert_eq!(pool(Pooling::Max), [5.0, 6.0]);
        assert_eq!(
            pool(Pooling::WeightedMean),
            [(3.0 * 2.0 + 5.0 * 3.0) / 5.0, (4.0 * 2.0 + 6.0 * 3.0) / 5.0]
        );
        assert_eq!(pool_after(Pooling::AvgTop2, &[&LAST, &OTHER], &[3], 1, 2), [22.0, 27.5]);
    }

    #[test]
    fn max_is_per_element_and_may_be_negative() {
        let last = [-1.0, -8.0, -5.0, -2.0, -3.0, -4.0];
        assert_eq!(pool(Pooling::Max, &[&last], &[2, 1], 2), [-1.0, -2.0, -3.0, -4.0]);
    }

    #[test]
    fn averages_of_two_layers() {
        let expected = [11.0, 16.5, 27.5, 33.0];
        for pooling in [Pooling::AvgTop2, Pooling::AvgFirstLast] {
            assert_eq!(pool(pooling, &[&LAST, &OTHER], &[2, 1], 2), expected);
        }
    }

    #[test]
    fn concatenate_keeps_the_order_of_the_parts_per_text() {
        let parts = vec![vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]];
        assert_eq!(concatenate(parts, 2), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }
}
