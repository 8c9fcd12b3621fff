//! Finds out by evaluation whether the rows of a text depend on the other texts of its batch or on padding.
//!
//! A BERT masks padding and computes each text for itself. A graph that is no BERT may do neither, and so may a
//! damaged one: its vectors would change with the texts of a call. Such a graph gets one text at a time.

use super::forward;
use super::pad::padding_id;
use super::runnable_graph::RunnableGraphs;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::EncoderInfo;

/// Tokens of the first text. A graph whose shapes tract cannot leave symbolic has been planned for this length.
const LONG: usize = 8;
/// Tokens of the second text, which is padded to the length of the first.
const SHORT: usize = 6;
/// The largest difference of two numbers that counts as rounding, relative to the largest number.
const MAX_DIFFERENCE: f32 = 1e-3;

/// Returns true if the second of two texts gets the same rows beside the first one as alone. Returns false if
/// the graph runs only for a text alone. Texts that are too long for the model are not tried.
pub(super) fn keeps_texts_apart(
    graphs: &mut RunnableGraphs,
    info: &EncoderInfo,
    config: &BertConfig,
) -> bool {
    if info.max_tokens < LONG {
        return true;
    }
    let (long, short) = (ids(config, LONG, 0), ids(config, SHORT, LONG));
    let types = [0; LONG];
    let both = Batch::new([(&long[..], &types[..]), (&short[..], &types[..SHORT])]);
    let alone = Batch::new([(&short[..], &types[..SHORT])]);
    let pad = padding_id(config);
    let first_rows = if info.pooled { 1 } else { LONG };
    match (forward::run(graphs, &both, pad, info, false), forward::run(graphs, &alone, pad, info, true)) {
        (Ok(both), Ok(alone)) => are_close(&both, first_rows * info.hidden_size, &alone),
        (Err(_), Ok(_)) => false,
        // The error of the first text that is embedded says why.
        _ => true,
    }
}

/// Returns false if the graph has a fixed length and the rows of a shorter text depend on the ids of padding.
#[cfg(feature = "cli")]
pub(super) fn masks_padding(graphs: &mut RunnableGraphs, info: &EncoderInfo, config: &BertConfig) -> bool {
    if info.static_sequence.is_none_or(|length| length <= SHORT) {
        return true;
    }
    let ids = ids(config, SHORT, 0);
    let text = Batch::new([(&ids[..], &[0; SHORT][..])]);
    let pad = padding_id(config);
    let other = if pad == 0 { 1 } else { 0 };
    match [pad, other].map(|padding| forward::run(graphs, &text, padding, info, true)) {
        [Ok(one), Ok(two)] => are_close(&one, 0, &two),
        _ => true,
    }
}

/// Returns `count` token ids that differ from the pad token's.
fn ids(config: &BertConfig, count: usize, skipped: usize) -> Vec<u32> {
    let all = (0..config.vocab_size.max(1) as u32).filter(|id| i64::from(*id) != config.pad_token_id);
    let ids: Vec<u32> = all.cycle().skip(skipped).take(count).collect();
    if ids.is_empty() { vec![0; count] } else { ids }
}

/// Returns true if the numbers of each layer from `from` on are those of the other run. NaN equals nothing.
fn are_close(layers: &[Vec<f32>], from: usize, others: &[Vec<f32>]) -> bool {
    layers.iter().zip(others).all(|(layer, other)| {
        let largest = other.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        layer.get(from..).is_some_and(|rows| {
            rows.len() == other.len()
                && rows.iter().zip(other).all(|(a, b)| (a - b).abs() <= MAX_DIFFERENCE * largest)
        })
    })
}
