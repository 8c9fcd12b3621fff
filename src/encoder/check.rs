//! What no encoder may be given.

use crate::batch::Batch;
use crate::config::BertConfig;
use crate::error::{Result, fail};

/// Refuses a batch that the graph must not see.
pub(super) fn check(batch: &Batch, config: &BertConfig, static_sequence: Option<usize>) -> Result<()> {
    let cells = batch.batch * batch.sequence;
    let lists = [&batch.input_ids, &batch.attention_mask, &batch.token_type_ids];
    if lists.iter().any(|l| l.len() != cells)
        || batch.lengths.len() != batch.batch
        || batch.lengths.iter().any(|l| *l == 0 || *l > batch.sequence)
    {
        fail!(
            InvalidArgument,
            "a batch of {} texts of {} tokens has lists of other lengths",
            batch.batch,
            batch.sequence
        );
    }
    let longest = static_sequence.unwrap_or(config.max_position_embeddings);
    if batch.sequence > longest {
        fail!(InvalidArgument, "a text of {} tokens; the model takes {longest}", batch.sequence);
    }
    if batch.attention_mask.iter().any(|m| !matches!(m, 0 | 1)) {
        fail!(InvalidArgument, "an attention mask has other values than 0 and 1");
    }
    let bounds = [
        ("token id", &batch.input_ids, config.vocab_size),
        ("token type", &batch.token_type_ids, config.type_vocab_size),
    ];
    for (what, ids, size) in bounds {
        if let Some(id) = ids.iter().find(|id| !(0..size as i64).contains(*id)) {
            fail!(TokenIdOutOfRange, "{what} {id} is out of range: the model has {size}");
        }
    }
    Ok(())
}
