//! Checks that every back end makes before it runs a batch.

use crate::batch::Batch;
use crate::config::BertConfig;
use crate::error::{Result, fail};

/// Rejects a batch that contradicts itself or exceeds the model's tables. `limit` is the most tokens of a text.
///
/// # Errors
/// `INVALID_ARGUMENT`, `TOKEN_ID_OUT_OF_RANGE`.
pub(super) fn check(batch: &Batch, config: &BertConfig, limit: usize) -> Result<()> {
    let Batch { input_ids, token_type_ids, cu_seqlens } = batch;
    let ends_with_tokens = cu_seqlens.last().is_some_and(|end| *end as usize == input_ids.len());
    if cu_seqlens.first() != Some(&0) || !ends_with_tokens || token_type_ids.len() != input_ids.len() {
        fail!(
            InvalidArgument,
            "batch: cu_seqlens {cu_seqlens:?} and {} token_type_ids do not describe {} input_ids",
            token_type_ids.len(),
            input_ids.len()
        );
    }
    if let Some(text) = cu_seqlens.windows(2).position(|ends| ends[0] >= ends[1]) {
        fail!(InvalidArgument, "batch: text {text} has no token");
    }
    let longest = batch.lengths().max().unwrap_or(0);
    if longest > limit {
        fail!(InvalidArgument, "batch: a text has {longest} tokens; this model supports at most {limit}");
    }
    let tables =
        [("token id", input_ids, config.vocab_size), ("token type", token_type_ids, config.type_vocab_size)];
    for (what, ids, size) in tables {
        if let Some(id) = ids.iter().find(|id| **id as usize >= size) {
            fail!(TokenIdOutOfRange, "{what} {id} is out of range: this model has {size}");
        }
    }
    Ok(())
}
