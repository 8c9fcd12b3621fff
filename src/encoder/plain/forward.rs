//! One batch through the graph: checks, and the pieces that a graph may want it in.

use super::plan::Plans;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::EncoderInfo;
use crate::encoder::onnx::Role;
use crate::error::{Error, ErrorCode, Result, fail};

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

/// Some rows of a batch, and how many of their tokens, as one run of the graph.
struct Piece {
    rows: std::ops::Range<usize>,
    /// Tokens of each row that are taken.
    tokens: usize,
    /// The batch and the sequence that the graph is run with.
    batch: usize,
    sequence: usize,
}

/// Runs a batch. Returns `[batch, sequence, hidden]` for each layer, or
/// `[batch, hidden]` for a graph that pools.
pub(super) fn run(
    plans: &mut Plans,
    batch: &Batch,
    info: &EncoderInfo,
    one_by_one: bool,
) -> Result<Vec<Vec<f32>>> {
    let hidden = info.hidden_size;
    let row = if info.pooled { hidden } else { batch.sequence * hidden };
    let mut results: Vec<Vec<f32>> = vec![vec![0.0; batch.batch * row]; plans.outputs()];
    for piece in pieces(batch, info, one_by_one) {
        let plan = plans.get(piece.batch, piece.sequence)?;
        let inputs: Vec<Vec<i64>> = plan.roles.iter().map(|role| cut(batch, *role, &piece)).collect();
        let outputs = plan.run(&inputs, piece.batch, piece.sequence)?;
        let from_row = if info.pooled { hidden } else { piece.sequence * hidden };
        let taken = if info.pooled { hidden } else { piece.tokens * hidden };
        for (result, output) in results.iter_mut().zip(&outputs) {
            for (i, to) in piece.rows.clone().enumerate() {
                let source = output.get(i * from_row..i * from_row + taken);
                let target = result.get_mut(to * row..to * row + taken);
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
