//! One batch through the graph: checks, and the pieces that a graph may want it in.

use super::plan::Plans;
use crate::batch::Batch;
use crate::encoder::EncoderInfo;
use crate::encoder::onnx::Role;
use crate::error::{Error, ErrorCode, Result};

/// Some rows of a batch, and how many of their tokens, as one run of the graph.
struct Piece {
    rows: std::ops::Range<usize>,
    /// Tokens of each row that are taken.
    tokens: usize,
    /// The batch and the sequence that the graph is run with.
    batch: usize,
    sequence: usize,
}

/// Runs a batch. Returns `[tokens, hidden]` for each layer, or `[batch, hidden]` for a graph that
/// pools.
pub(super) fn run(
    plans: &mut Plans,
    batch: &Batch,
    info: &EncoderInfo,
    one_by_one: bool,
) -> Result<Vec<Vec<f32>>> {
    let hidden = info.hidden_size;
    // Where each text's rows begin: padding has none.
    let mut starts = vec![0];
    for length in &batch.lengths {
        let rows = if info.pooled { 1 } else { *length };
        starts.push(starts.last().copied().unwrap_or(0) + rows * hidden);
    }
    let all = starts.last().copied().unwrap_or(0);
    let mut results: Vec<Vec<f32>> = vec![vec![0.0; all]; plans.outputs()];
    for piece in pieces(batch, info, one_by_one) {
        let plan = plans.get(piece.batch, piece.sequence)?;
        let inputs: Vec<Vec<i64>> = plan.roles.iter().map(|role| cut(batch, *role, &piece)).collect();
        let outputs = plan.run(&inputs, piece.batch, piece.sequence)?;
        let from_row = if info.pooled { hidden } else { piece.sequence * hidden };
        for (result, output) in results.iter_mut().zip(&outputs) {
            for (i, to) in piece.rows.clone().enumerate() {
                let target = result.get_mut(starts[to]..starts[to + 1]);
                let taken = target.as_ref().map_or(0, |target| target.len());
                let source = output.get(i * from_row..i * from_row + taken);
                match (source, target) {
                    (Some(source), Some(target)) => target.copy_from_slice(source),
                    _ => return Err(Error::new(ErrorCode::Internal, "the graph gave too few rows")),
                }
            }
        }
    }
    Ok(results)
}

/// How a batch is cut: whole, text by text, or to the shape of a static export.
fn pieces(batch: &Batch, info: &EncoderInfo, one_by_one: bool) -> Vec<Piece> {
    let rows = info.static_batch.unwrap_or(if one_by_one { 1 } else { batch.batch });
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < batch.batch {
        // A static export that quantises as it runs would mix the texts of a batch.
        let taken = if one_by_one { 1 } else { rows.min(batch.batch - start) };
        let tokens = if one_by_one { batch.lengths[start] } else { batch.sequence };
        let sequence = info.static_sequence.unwrap_or(tokens);
        pieces.push(Piece { rows: start..start + taken, tokens, batch: rows, sequence });
        start += taken;
    }
    pieces
}

/// An input of a piece: `[piece.batch, piece.sequence]`. Rows beyond the piece's
/// own repeat its first one.
fn cut(batch: &Batch, role: Role, piece: &Piece) -> Vec<i64> {
    let list = match role {
        Role::TokenIds => &batch.input_ids,
        Role::Mask => &batch.attention_mask,
        Role::TokenTypes => &batch.token_type_ids,
    };
    let mut cells = vec![0; piece.batch * piece.sequence];
    for (i, row) in cells.chunks_mut(piece.sequence).enumerate() {
        let source = piece.rows.clone().nth(i).unwrap_or(piece.rows.start) * batch.sequence;
        row[..piece.tokens].copy_from_slice(&list[source..source + piece.tokens]);
    }
    cells
}
