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

/// How a back end wants texts grouped.
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

/// Groups texts by their lengths. Returns an order of the texts, and the ranges of that order that
/// make one batch each. A text longer than `max_tokens` is a batch of its own.
///
/// For [`BatchLayout::Padded`] texts are sorted by length, shortest first and stable, and the
/// lengths in a batch differ by at most an eighth, so that little padding is computed.
/// [`BatchLayout::Ragged`] keeps the order.
///
/// ```
/// use corom::batch::{BatchLayout, group};
///
/// let (order, batches) = group(&[30, 20, 40], BatchLayout::Ragged { max_tokens: 64 });
/// assert_eq!(order, [0, 1, 2]);
/// assert_eq!(batches, [0..2, 2..3]);
/// ```
pub fn group(lengths: &[usize], layout: BatchLayout) -> (Vec<usize>, Vec<Range<usize>>) {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if let BatchLayout::Padded { .. } = layout {
        order.sort_by_key(|&i| lengths[i]);
    }
    let mut ranges = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for end in 1..=order.len() {
        tokens += lengths[order[end - 1]];
        let full = end == order.len() || {
            let (shortest, next) = (lengths[order[start]], lengths[order[end]]);
            match layout {
                BatchLayout::Padded { max_tokens } => {
                    next > shortest + shortest / 8 || (end + 1 - start) * next > max_tokens
                }
                BatchLayout::Ragged { max_tokens } => tokens + next > max_tokens,
            }
        };
        if full {
            ranges.push(start..end);
            (start, tokens) = (end, 0);
        }
    }
    (order, ranges)
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
        fn group_covers_every_text_once_within_its_limits(
            lengths in prop::collection::vec(2usize..600, 0..80), padded in any::<bool>(), max_tokens in 16usize..600,
        ) {
            let layout =
                if padded { BatchLayout::Padded { max_tokens } } else { BatchLayout::Ragged { max_tokens } };
            let (order, ranges) = group(&lengths, layout);
            let mut seen: Vec<usize> = ranges.iter().cloned().flatten().map(|i| order[i]).collect();
            prop_assert!(padded || seen.is_sorted());
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for range in ranges {
                let rows: Vec<usize> = range.map(|i| lengths[order[i]]).collect();
                let longest = *rows.iter().max().unwrap();
                let shortest = *rows.iter().min().unwrap();
                let tokens = if padded { rows.len() * longest } else { rows.iter().sum() };
                prop_assert!(rows.len() == 1 || tokens <= max_tokens);
                prop_assert!(!padded || longest <= shortest + shortest / 8);
            }
        }
    }
}
