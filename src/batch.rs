//! Groups encoded texts into batches without padding.

use std::ops::Range;

/// A ragged batch: the tokens of all texts, one text after the other, without padding.
///
/// ```
/// use corom::batch::Batch;
///
/// let batch = Batch::new([(&[101, 7, 102][..], &[0, 0, 0][..]), (&[101, 102], &[0, 0])]);
/// assert_eq!(batch.input_ids, [101, 7, 102, 101, 102]);
/// assert_eq!(batch.cu_seqlens, [0, 3, 5]);
/// assert_eq!((batch.texts(), batch.tokens()), (2, 5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Token ids, `[tokens]`.
    pub input_ids: Vec<u32>,
    /// Token types (segments), `[tokens]`: 0, or 1 for the second text of a pair.
    pub token_type_ids: Vec<u32>,
    /// Prefix sums of the texts' lengths, `[texts + 1]`: text `i` has the tokens
    /// `cu_seqlens[i]..cu_seqlens[i + 1]`.
    pub cu_seqlens: Vec<u32>,
}

impl Batch {
    /// Joins texts. Each is `(input_ids, token_type_ids)`, two lists of the same length.
    pub fn new<'a>(texts: impl IntoIterator<Item = (&'a [u32], &'a [u32])>) -> Self {
        let mut batch = Self { input_ids: Vec::new(), token_type_ids: Vec::new(), cu_seqlens: vec![0] };
        for (ids, types) in texts {
            batch.input_ids.extend_from_slice(ids);
            batch.token_type_ids.extend_from_slice(types);
            batch.cu_seqlens.push(batch.input_ids.len() as u32);
        }
        batch
    }

    /// Returns the number of texts.
    pub fn texts(&self) -> usize {
        self.cu_seqlens.len().saturating_sub(1)
    }

    /// Returns the number of tokens of all texts.
    pub fn tokens(&self) -> usize {
        self.input_ids.len()
    }

    /// Returns the number of tokens of each text.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.cu_seqlens.windows(2).map(|ends| ends[1].saturating_sub(ends[0]) as usize)
    }

    /// Returns the tokens of a text, as a range of `input_ids`.
    ///
    /// # Panics
    /// If there is no text `text`.
    pub fn range(&self, text: usize) -> Range<usize> {
        self.cu_seqlens[text] as usize..self.cu_seqlens[text + 1] as usize
    }
}

/// The grouping of texts that a back end wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchLayout {
    /// Texts of similar length together, because the back end pads them to the longest one.
    /// `max_tokens` bounds the tokens of a batch, padding included.
    Padded {
        /// See above.
        max_tokens: usize,
    },
    /// Texts in their own order, because padding is never computed. `max_tokens` bounds the tokens
    /// of a batch: the event loop waits for one batch at a time.
    Ragged {
        /// See above.
        max_tokens: usize,
    },
}

/// Returns the texts, given by their lengths, in the order of their batches: that of [`next_batch`].
///
/// For [`BatchLayout::Padded`] texts are sorted by length, shortest first and stable, so that little
/// padding is computed. [`BatchLayout::Ragged`] keeps the order.
pub fn order(lengths: &[usize], layout: BatchLayout) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if let BatchLayout::Padded { .. } = layout {
        order.sort_by_key(|&i| lengths[i]);
    }
    order
}

/// Returns how many of the texts make the next batch: 0 only if there are none. `lengths` are the lengths of the
/// remaining texts, in the order of [`order`]. A text longer than `max_tokens` is a batch of its own. The
/// lengths in a padded batch differ by at most an eighth.
///
/// ```
/// use corom::batch::{BatchLayout, next_batch};
///
/// assert_eq!(next_batch([30, 20, 40], BatchLayout::Ragged { max_tokens: 64 }), 2);
/// ```
pub fn next_batch(lengths: impl IntoIterator<Item = usize>, layout: BatchLayout) -> usize {
    let mut lengths = lengths.into_iter();
    let Some(shortest) = lengths.next() else { return 0 };
    let (mut texts, mut tokens) = (1, shortest);
    for next in lengths {
        tokens += next;
        let is_full = match layout {
            BatchLayout::Padded { max_tokens } => {
                next > shortest + shortest / 8 || (texts + 1) * next > max_tokens
            }
            BatchLayout::Ragged { max_tokens } => tokens > max_tokens,
        };
        if is_full {
            break;
        }
        texts += 1;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batch_joins_texts_and_records_where_each_begins() {
        let batch = Batch::new([(&[5, 6, 7][..], &[0, 0, 1][..]), (&[8][..], &[0][..])]);
        assert_eq!(batch.input_ids, [5, 6, 7, 8]);
        assert_eq!(batch.token_type_ids, [0, 0, 1, 0]);
        assert_eq!(batch.cu_seqlens, [0, 3, 4]);
        assert_eq!(batch.lengths().collect::<Vec<_>>(), [3, 1]);
        assert_eq!(batch.range(1), 3..4);
    }

    proptest! {
        #[test]
        fn batches_cover_every_text_once_within_their_limits(
            lengths in prop::collection::vec(2usize..600, 0..80), padded in any::<bool>(), max_tokens in 16usize..600,
        ) {
            let layout =
                if padded { BatchLayout::Padded { max_tokens } } else { BatchLayout::Ragged { max_tokens } };
            let order = order(&lengths, layout);
            prop_assert!(padded || order.is_sorted());
            let mut seen = order.clone();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            let mut rest: Vec<usize> = order.iter().map(|&i| lengths[i]).collect();
            prop_assert_eq!(next_batch([], layout), 0);
            while !rest.is_empty() {
                let count = next_batch(rest.iter().copied(), layout);
                prop_assert!(count > 0 && count <= rest.len());
                let rows: Vec<usize> = rest.drain(..count).collect();
                let longest = *rows.iter().max().unwrap();
                let shortest = *rows.iter().min().unwrap();
                let tokens = if padded { rows.len() * longest } else { rows.iter().sum() };
                prop_assert!(rows.len() == 1 || tokens <= max_tokens);
                prop_assert!(!padded || longest <= shortest + shortest / 8);
                // The next text does not fit.
                if let (Some(&next), false) = (rest.first(), padded) {
                    prop_assert!(tokens + next > max_tokens);
                }
            }
        }
    }
}
