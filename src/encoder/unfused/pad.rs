//! Pads a ragged batch to a rectangle, which the graph of an export needs.

use crate::batch::Batch;
use crate::config::BertConfig;

/// Returns the token id of padding: the pad token's, or 0 if the table of words has no row for it.
pub(super) fn padding_id(config: &BertConfig) -> i64 {
    let has_row = usize::try_from(config.pad_token_id).is_ok_and(|id| id < config.vocab_size);
    if has_row { config.pad_token_id } else { 0 }
}

/// A batch padded on the right: row-major `[texts, sequence]` matrices, the inputs of a BERT export.
#[derive(Debug)]
pub(super) struct PaddedBatch {
    /// The length of the longest text.
    pub(super) sequence: usize,
    /// Token ids. Padding has the id of the pad token.
    pub(super) input_ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub(super) attention_mask: Vec<i64>,
    /// Token types. Padding has type 0.
    pub(super) token_type_ids: Vec<i64>,
    /// The number of tokens of each text.
    pub(super) lengths: Vec<usize>,
}

impl PaddedBatch {
    pub(super) fn new(batch: &Batch, pad_token_id: i64) -> Self {
        let lengths: Vec<usize> = batch.lengths().collect();
        let sequence = lengths.iter().copied().max().unwrap_or(0);
        let cells = lengths.len() * sequence;
        let mut padded = Self {
            sequence,
            input_ids: vec![pad_token_id; cells],
            attention_mask: vec![0; cells],
            token_type_ids: vec![0; cells],
            lengths,
        };
        for text in 0..batch.texts() {
            let cells = text * sequence..;
            let tokens = batch.range(text);
            for (cell, token) in cells.zip(tokens) {
                padded.input_ids[cell] = i64::from(batch.input_ids[token]);
                padded.attention_mask[cell] = 1;
                padded.token_type_ids[cell] = i64::from(batch.token_type_ids[token]);
            }
        }
        padded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_batch_pads_on_the_right() {
        let batch = Batch::new([(&[5, 6, 7][..], &[0, 0, 1][..]), (&[8][..], &[0][..])]);
        let padded = PaddedBatch::new(&batch, 9);
        assert_eq!((&padded.lengths[..], padded.sequence), (&[3, 1][..], 3));
        assert_eq!(padded.input_ids, [5, 6, 7, 8, 9, 9]);
        assert_eq!(padded.attention_mask, [1, 1, 1, 1, 0, 0]);
        assert_eq!(padded.token_type_ids, [0, 0, 1, 0, 0, 0]);
    }
}
