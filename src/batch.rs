//! Encodings → [`Batch`]es: texts of like length together, padded on the right.

use std::ops::Range;

/// A padded batch of token ids: three row-major `[batch, sequence]` matrices,
/// the inputs of a BERT by their ONNX names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Texts in the batch.
    pub batch: usize,
    /// Tokens a row, padding included.
    pub sequence: usize,
    /// Token ids; padding has the pad token's id.
    pub input_ids: Vec<i64>,
    /// 1 for a real token, 0 for padding.
    pub attention_mask: Vec<i64>,
    /// Segment: 0, or 1 for the second text of a pair.
    pub token_type_ids: Vec<i64>,
    /// Real tokens of each row.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Pads the rows on the right to the longest of them. Each row is
    /// `(input_ids, token_type_ids)`, both of the same length.
    pub fn pad<'a>(rows: impl IntoIterator<Item = (&'a [u32], &'a [u32])>, pad_token_id: i64) -> Self {
        let rows: Vec<_> = rows.into_iter().collect();
        let lengths: Vec<usize> = rows.iter().map(|(ids, _)| ids.len()).collect();
        let sequence = lengths.iter().copied().max().unwrap_or(0);
        let cells = rows.len() * sequence;
        let mut batch = Self {
            batch: rows.len(),
            sequence,
            input_ids: vec![pad_token_id; cells],
            attention_mask: vec![0; cells],
            token_type_ids: vec![0; cells],
            lengths,
        };
        for (row, (ids, types)) in rows.into_iter().enumerate() {
            let at = row * sequence;
            for (i, (&id, &kind)) in ids.iter().zip(types).enumerate() {
                batch.input_ids[at + i] = i64::from(id);
                batch.attention_mask[at + i] = 1;
                batch.token_type_ids[at + i] = i64::from(kind);
            }
        }
        batch
    }
}

/// How the texts of a batch lie beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchLayout {
    /// Rows of one length, padding included, and how many tokens a batch may have. A larger batch
    /// makes the event loop wait longer for its turn.
    Padded(usize),
    /// Only real tokens, and how many of them make a batch.
    Ragged(usize),
}

/// Groups texts. Returns their order and the ranges of it that make a batch.
///
/// Padded texts go by length, shortest first and stable, and rows of a batch differ by at most an
/// eighth, so that little work goes into padding. Others keep their order.
pub fn plan(lengths: &[usize], fill: BatchLayout) -> (Vec<usize>, Vec<Range<usize>>) {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if let BatchLayout::Padded(_) = fill {
        order.sort_by_key(|&i| lengths[i]);
    }
    let mut ranges = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for end in 1..=order.len() {
        tokens += lengths[order[end - 1]];
        let full = end == order.len() || {
            let (shortest, next) = (lengths[order[start]], lengths[order[end]]);
            match fill {
                BatchLayout::Padded(most) => {
                    next > shortest + shortest / 8 || (end + 1 - start) * next > most
                }
                BatchLayout::Ragged(most) => tokens + next > most,
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
    fn pads_on_the_right() {
        let batch = Batch::pad([(&[5, 6, 7][..], &[0, 0, 1][..]), (&[8][..], &[0][..])], 9);
        assert_eq!((batch.batch, batch.sequence), (2, 3));
        assert_eq!(batch.input_ids, [5, 6, 7, 8, 9, 9]);
        assert_eq!(batch.attention_mask, [1, 1, 1, 1, 0, 0]);
        assert_eq!(batch.token_type_ids, [0, 0, 1, 0, 0, 0]);
        assert_eq!(batch.lengths, [3, 1]);
    }

    proptest! {
        #[test]
        fn a_plan_covers_every_text_once_and_keeps_its_limits(
            lengths in prop::collection::vec(2usize..600, 0..80), padded in any::<bool>(), most in 16usize..600,
        ) {
            let (order, ranges) = plan(&lengths, if padded { BatchLayout::Padded(most) } else { BatchLayout::Ragged(most) });
            let mut seen: Vec<usize> = ranges.iter().cloned().flatten().map(|i| order[i]).collect();
            prop_assert!(padded || seen.is_sorted());
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for range in ranges {
                let rows: Vec<usize> = range.map(|i| lengths[order[i]]).collect();
                let longest = *rows.iter().max().unwrap();
                let shortest = *rows.iter().min().unwrap();
                let tokens = if padded { rows.len() * longest } else { rows.iter().sum() };
                prop_assert!(rows.len() == 1 || tokens <= most);
                prop_assert!(!padded || longest <= shortest + shortest / 8);
            }
        }
    }
}
