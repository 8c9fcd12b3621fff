//! The embeddings of a BERT: the sum of three table lookups, and a LayerNorm.

use super::add_norm::LayerNorm;
use super::simd::{F32x4, I32x4, LANES};
use crate::encoder::spec::PositionRule;
use crate::error::{Result, fail};

/// An embedding table, `[rows, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingTable {
    width: usize,
    values: TableValues,
}

#[derive(Debug, Clone, PartialEq)]
enum TableValues {
    F32(Vec<f32>),
    /// Integers, and one scale per row.
    I8(Vec<i8>, Vec<f32>),
}

impl EmbeddingTable {
    /// Takes a table of floats.
    ///
    /// # Panics
    /// If the length of `values` is not a multiple of `width`.
    pub fn f32(width: usize, values: Vec<f32>) -> Self {
        assert!(values.len().is_multiple_of(width.max(1)), "a table is [rows, width]");
        Self { width, values: TableValues::F32(values) }
    }

    /// Takes a table of int8 with one scale per row: `scale · q`.
    ///
    /// # Panics
    /// If there is not one scale per row.
    pub fn i8(width: usize, values: Vec<i8>, scales: Vec<f32>) -> Self {
        assert_eq!(values.len(), scales.len() * width, "a table is [rows, width]");
        Self { width, values: TableValues::I8(values, scales) }
    }

    /// Returns the width of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        let len = match &self.values {
            TableValues::F32(values) => values.len(),
            TableValues::I8(values, _) => values.len(),
        };
        len / self.width.max(1)
    }

    /// Returns the bytes held.
    pub fn bytes(&self) -> usize {
        match &self.values {
            TableValues::F32(values) => size_of_val(&values[..]),
            TableValues::I8(values, scales) => size_of_val(&values[..]) + size_of_val(&scales[..]),
        }
    }

    /// Computes `out = table[row]`, or `out += table[row]` if `add` is true.
    fn look_up(&self, row: usize, add: bool, out: &mut [f32]) {
        let range = row * self.width..(row + 1) * self.width;
        match &self.values {
            TableValues::F32(values) => {
                if add {
                    super::add_norm::add(out, &values[range]);
                } else {
                    out.copy_from_slice(&values[range]);
                }
            }
            TableValues::I8(values, scales) => {
                let scale = scales[row];
                let (quads, rest) = values[range].as_chunks::<LANES>();
                let (vectors, out_rest) = out.as_chunks_mut::<LANES>();
                for (q, out) in quads.iter().zip(vectors) {
                    let value = I32x4::load_i8(q).to_f32().mul(F32x4::splat(scale));
                    if add { F32x4::load(out).add(value) } else { value }.store(out);
                }
                for (q, out) in rest.iter().zip(out_rest) {
                    let value = f32::from(*q) * scale;
                    *out = if add { *out + value } else { value };
                }
            }
        }
    }
}

/// The tables of the op and its LayerNorm.
#[derive(Debug)]
pub struct Embed {
    word: EmbeddingTable,
    token_type: Option<EmbeddingTable>,
    position: Option<EmbeddingTable>,
    rule: PositionRule,
    norm: LayerNorm,
}

impl Embed {
    /// Takes the tables and the LayerNorm.
    ///
    /// # Panics
    /// If they differ in width.
    pub fn new(
        word: EmbeddingTable,
        token_type: Option<EmbeddingTable>,
        position: Option<EmbeddingTable>,
        norm: LayerNorm,
    ) -> Self {
        for table in [Some(&word), token_type.as_ref(), position.as_ref()].into_iter().flatten() {
            assert_eq!(table.width(), norm.hidden(), "all tables are as wide as the LayerNorm");
        }
        Self { word, token_type, position, rule: PositionRule::default(), norm }
    }

    /// Sets which rows of the position table the tokens read.
    #[must_use]
    pub fn with_positions(self, rule: PositionRule) -> Self {
        Self { rule, ..self }
    }

    /// Returns the width of a row.
    pub fn hidden(&self) -> usize {
        self.norm.hidden()
    }

    /// Returns the number of tokens in the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.word.rows()
    }

    /// Returns the bytes of the tables.
    pub fn bytes(&self) -> usize {
        [Some(&self.word), self.token_type.as_ref(), self.position.as_ref()]
            .into_iter()
            .flatten()
            .map(EmbeddingTable::bytes)
            .sum()
    }

    /// Computes `out`, `[tokens, hidden]`, from `ids` and `types`, `[tokens]` each.
    ///
    /// # Errors
    /// `TOKEN_ID_OUT_OF_RANGE` for an id outside the vocabulary. `INVALID_ARGUMENT` for an unknown token
    /// type, or for a sequence that is longer than the table of positions. Then `out` is unchanged.
    ///
    /// # Panics
    /// If the length of a slice does not match its shape.
    pub fn forward(&self, ids: &[u32], types: &[u32], cu_seqlens: &[usize], out: &mut [f32]) -> Result<()> {
        let tokens = cu_seqlens.last().copied().unwrap_or(0);
        assert!(ids.len() == tokens && types.len() == tokens, "ids and types are [tokens]");
        assert_eq!(out.len(), tokens * self.hidden(), "out is [tokens, hidden]");
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.word.rows()) {
            fail!(TokenIdOutOfRange, "token id {id}: the model's vocabulary has {} tokens", self.word.rows());
        }
        if let Some(table) = &self.token_type
            && let Some(kind) = types.iter().find(|kind| **kind as usize >= table.rows())
        {
            fail!(InvalidArgument, "token type {kind}: the model has {}", table.rows());
        }
        let longest = cu_seqlens.windows(2).map(|s| s[1] - s[0]).max().unwrap_or(0);
        if let Some(table) = &self.position
            && longest > table.rows().saturating_sub(self.rule.first)
        {
            let positions = table.rows().saturating_sub(self.rule.first);
            fail!(InvalidArgument, "{longest} tokens: the model has {positions} positions");
        }
        for sequence in cu_seqlens.windows(2) {
            let positions = self.rule.rows(&ids[sequence[0]..sequence[1]]);
            for (token, position) in (sequence[0]..sequence[1]).zip(positions) {
                let row = &mut out[token * self.hidden()..][..self.hidden()];
                // Hugging Face's BERT adds them in this order.
                self.word.look_up(ids[token] as usize, false, row);
                if let Some(table) = &self.token_type {
                    table.look_up(types[token] as usize, true, row);
                }
                if let Some(table) = &self.position {
                    table.look_up(position, true, row);
                }
            }
        }
        self.norm.layer_norm(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::quantize::int8::quantize_rows_i8;
    use crate::encoder::reference::embed::{ReferenceEmbed, reference_embed};
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    /// Returns a table in f32 and in int8, and the values that each represents.
    fn forms(width: usize, values: &[f32]) -> [(EmbeddingTable, Vec<f32>); 2] {
        let (q, scales) = quantize_rows_i8(values, width).unwrap();
        let from_q = q.iter().enumerate().map(|(i, q)| f32::from(*q) * scales[i / width]).collect();
        [
            (EmbeddingTable::f32(width, values.to_vec()), values.to_vec()),
            (EmbeddingTable::i8(width, q, scales), from_q),
        ]
    }

    proptest! {
        #[test]
        fn embed_is_close_to_the_reference(hidden in 1usize..40, lengths in prop::collection::vec(0usize..9, 0..5), seed in any::<u64>()) {
            let mut random = Random(seed);
            let mut cu_seqlens = vec![0];
            lengths.iter().for_each(|l| cu_seqlens.push(cu_seqlens.last().unwrap() + l));
            let tokens = *cu_seqlens.last().unwrap();
            let ids: Vec<u32> = (0..tokens).map(|_| random.below(11) as u32).collect();
            let types: Vec<u32> = (0..tokens).map(|_| random.below(2) as u32).collect();
            let rule = PositionRule { first: random.below(3), skipped_id: (random.below(2) == 1).then_some(4) };
            let rule = if rule.first == 0 { PositionRule::default() } else { rule };
            let [word, token_type, position] = [11, 2, 11].map(|rows| random.normals(rows * hidden));
            let (gamma, beta) = (random.normals(hidden), random.normals(hidden));
            for i in 0..2 {
                let (word, word_values) = forms(hidden, &word)[i].clone();
                let (token_type, type_values) = forms(hidden, &token_type)[i].clone();
                let (position, position_values) = forms(hidden, &position)[i].clone();
                let embed = Embed::new(word, Some(token_type), Some(position), LayerNorm::new(gamma.clone(), beta.clone(), 1e-3)).with_positions(rule);
                let reference = ReferenceEmbed {
                    word: &word_values, token_type: &type_values, position: &position_values, rule,
                    gamma: &gamma, beta: &beta, eps: 1e-3,
                };
                let mut out = vec![0.0; tokens * hidden];
                embed.forward(&ids, &types, &cu_seqlens, &mut out).unwrap();
                for (got, expected) in out.iter().zip(reference_embed(&reference, &ids, &types, &cu_seqlens)) {
                    prop_assert!((got - expected).abs() < 1e-4, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn embed_rejects_ids_types_and_positions_out_of_range() {
        let table = |rows: usize| EmbeddingTable::f32(4, vec![1.0; rows * 4]);
        let norm = LayerNorm::new(vec![1.0; 4], vec![0.0; 4], 1e-5);
        let embed = Embed::new(table(5), Some(table(2)), Some(table(3)), norm);
        let run = |ids: &[u32], types: &[u32]| {
            embed.forward(ids, types, &[0, ids.len()], &mut vec![0.0; 4 * ids.len()]).map_err(|e| e.code())
        };
        assert_eq!(run(&[1, 5], &[0, 0]), Err(ErrorCode::TokenIdOutOfRange));
        assert_eq!(run(&[1, 4], &[0, 2]), Err(ErrorCode::InvalidArgument));
        assert_eq!(run(&[1; 4], &[0; 4]), Err(ErrorCode::InvalidArgument));
        assert_eq!(run(&[1; 3], &[1; 3]), Ok(()));
        assert_eq!(run(&[], &[]), Ok(()));
    }
}
