//! Runs a batch through the graph: pads it, and cuts it to the shape that the graph needs.

use super::pad::PaddedBatch;
use super::runnable_graph::RunnableGraphs;
use crate::batch::Batch;
use crate::encoder::EncoderInfo;
use crate::encoder::onnx::InputRole;
use crate::error::{Error, ErrorCode, Result};

/// Some texts of a batch as one run of the graph.
struct Run {
    texts: std::ops::Range<usize>,
    /// Tokens taken from each text's padded row.
    tokens: usize,
    /// The batch size and the sequence length that the graph runs with.
    batch: usize,
    sequence: usize,
}

/// Runs a batch. Returns `[tokens, hidden_size]` per layer, or `[texts, hidden_size]` for a graph
/// that pools. `one_by_one`: each text is a run of its own, without padding.
pub(super) fn run(
    graphs: &mut RunnableGraphs,
    batch: &Batch,
    pad_token_id: i64,
    info: &EncoderInfo,
    one_by_one: bool,
) -> Result<Vec<Vec<f32>>> {
    let hidden = info.hidden_size;
    let batch = PaddedBatch::new(batch, pad_token_id);
    // The beginning of each text's rows in the result, which has no padding.
    let mut starts = vec![0];
    for length in &batch.lengths {
        let rows = if info.pooled { 1 } else { *length };
        starts.push(starts.last().copied().unwrap_or(0) + rows * hidden);
    }
    let total = starts.last().copied().unwrap_or(0);
    let mut results: Vec<Vec<f32>> = vec![vec![0.0; total]; graphs.outputs()];
    for run in runs(&batch, info, one_by_one) {
        let graph = graphs.get(run.batch, run.sequence)?;
        let inputs: Vec<Vec<i64>> =
            graph.roles.iter().map(|role| input(&batch, *role, &run, pad_token_id)).collect();
        let outputs = graph.run(&inputs, run.batch, run.sequence)?;
        let row = if info.pooled { hidden } else { run.sequence * hidden };
        for (result, output) in results.iter_mut().zip(&outputs) {
            for (i, text) in run.texts.clone().enumerate() {
                let target = result.get_mut(starts[text]..starts[text + 1]);
                let len = target.as_ref().map_or(0, |target| target.len());
                match (output.get(i * row..i * row + len), target) {
                    (Some(source), Some(target)) => target.copy_from_slice(source),
                    _ => return Err(Error::new(ErrorCode::Internal, "the graph returned too few rows")),
                }
            }
        }
    }
    Ok(results)
}

/// Returns the runs of a batch: one, one per text, or as many as a static export needs.
fn runs(batch: &PaddedBatch, info: &EncoderInfo, one_by_one: bool) -> Vec<Run> {
    let texts = batch.lengths.len();
    let rows = info.static_batch.unwrap_or(if one_by_one { 1 } else { texts });
    let mut runs = Vec::new();
    let mut start = 0;
    while start < texts {
        // A static export that quantizes activations per tensor would mix the texts of a batch.
        let taken = if one_by_one { 1 } else { rows.min(texts - start) };
        let tokens = if one_by_one { batch.lengths[start] } else { batch.sequence };
        let sequence = info.static_sequence.unwrap_or(tokens);
        runs.push(Run { texts: start..start + taken, tokens, batch: rows, sequence });
        start += taken;
    }
    runs
}

/// Returns an input of a run, `[run.batch, run.sequence]`. Rows after the last text repeat the first
/// text.
fn input(batch: &PaddedBatch, role: InputRole, run: &Run, pad_token_id: i64) -> Vec<i64> {
    let list = match role {
        InputRole::TokenIds => &batch.input_ids,
        InputRole::Mask => &batch.attention_mask,
        InputRole::TokenTypes => &batch.token_type_ids,
    };
    let padding = if role == InputRole::TokenIds { pad_token_id } else { 0 };
    let mut cells = vec![padding; run.batch * run.sequence];
    for (i, row) in cells.chunks_mut(run.sequence).enumerate() {
        let source = run.texts.clone().nth(i).unwrap_or(run.texts.start) * batch.sequence;
        row[..run.tokens].copy_from_slice(&list[source..source + run.tokens]);
    }
    cells
}
