//! Verifies masks and positions by evaluation, not by pattern matching.
//!
//! A subgraph that depends only on the attention mask and on lengths is run on a small batch. Its
//! result must mask exactly the padding, or count the positions. Exporters write masks in a dozen
//! ways, but there is only one correct result. Positions may also depend on the token ids: RoBERTa
//! does not count pad tokens (`position_rule`).

use std::collections::{HashMap, HashSet};

use super::layout::{Atom, Layout, Lengths};
use super::unquantized::{has_static_quantization, without_static_quantization};
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::{InputRole, ModelSizes};

/// Texts of a probe batch, and tokens of its first text, unless the graph fixes them.
const PROBE_SHAPE: (usize, usize) = (2, 5);
/// The most tokens of the second probe batch, which detects windows wider than the first batch.
const MAX_PROBE_TOKENS: usize = 512;
/// A mask value this low removes a key from the softmax.
const MASKED_SCORE: f32 = -1000.0;
/// The most elements of a constant that may name token ids.
const MAX_CONSTANT_ELEMENTS: usize = 16;
/// The most evaluations per graph. A graph has a handful of masks and positions.
const MAX_RUNS: usize = 256;

/// Evaluates parts of a graph.
pub(super) struct Probe<'a> {
    model: &'a TypedModel,
    roles: &'a [InputRole],
    batch: usize,
    /// The tokens of the first text of each probe batch.
    lengths: Vec<usize>,
    vocab_size: usize,
    runs: usize,
    /// Results of earlier calls of `masks`.
    masks: HashMap<(OutletId, bool, Layout), bool>,
}

/// The result of an evaluation as floats, with the probe batch that it comes from.
pub(super) struct Evaluation {
    datum_type: DatumType,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
    pub(super) batch: usize,
    pub(super) tokens: usize,
}

impl Evaluation {
    /// Returns the tokens of a text. The last text is shorter than the others.
    pub(super) fn length(&self, text: usize) -> usize {
        length(text, self.batch, self.tokens)
    }
}

fn length(text: usize, batch: usize, tokens: usize) -> usize {
    if text + 1 == batch && tokens > 2 { tokens - 2 } else { tokens }
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        model: &'a TypedModel,
        roles: &'a [InputRole],
        lengths: &Lengths,
        sizes: ModelSizes,
    ) -> Self {
        let longest = sizes.max_positions;
        let batch = lengths.batch.to_usize().unwrap_or(PROBE_SHAPE.0);
        let lengths = match lengths.tokens.to_usize() {
            Ok(fixed) => vec![fixed],
            Err(_) => vec![PROBE_SHAPE.1.min(longest), longest.min(MAX_PROBE_TOKENS)],
        };
        Self { model, roles, batch, lengths, vocab_size: sizes.vocab_size, runs: 0, masks: HashMap::new() }
    }

    /// Evaluates an outlet, once per probe batch.
    fn evaluate(&mut self, outlet: OutletId) -> Option<Vec<Evaluation>> {
        let part = self.part(outlet)?;
        let lengths = self.lengths.iter();
        lengths
            .map(|tokens| self.evaluate_batch(&part, *tokens, &vec![0; self.batch * tokens]).ok())
            .collect()
    }

    /// Evaluates an outlet that depends on token ids, once per probe batch and list of ids. `ids` makes the
    /// ids of a batch of as many tokens. Returns each evaluation with its ids.
    pub(super) fn evaluate_with_ids(
        &mut self,
        outlet: OutletId,
        ids: impl Fn(usize) -> Vec<Vec<u32>>,
    ) -> Option<Vec<(Evaluation, Vec<u32>)>> {
        let part = self.part(outlet)?;
        let mut evaluations = Vec::new();
        for tokens in &self.lengths {
            // A table of positions that begins late is too short for as many tokens as it has rows.
            let tokens =
                if *tokens > PROBE_SHAPE.1 && self.lengths.len() > 1 { tokens * 3 / 4 } else { *tokens };
            for ids in ids(self.batch * tokens) {
                let cells: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
                evaluations.push((self.evaluate_batch(&part, tokens, &cells).ok()?, ids));
            }
        }
        Some(evaluations)
    }

    /// Returns the number of tokens in the vocabulary.
    pub(super) fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Returns the integer constants that an outlet is computed from, which are small lists or scalars.
    pub(super) fn constants(&self, outlet: OutletId) -> Vec<i64> {
        let (mut found, mut seen, mut due) = (Vec::new(), HashSet::new(), vec![outlet.node]);
        while let Some(node) = due.pop().map(|id| self.model.node(id)) {
            due.extend(node.inputs.iter().map(|input| input.node).filter(|id| seen.insert(*id)));
            let constants = node.outputs.iter().filter_map(|output| output.konst.as_ref());
            for tensor in constants.filter(|t| t.len() <= MAX_CONSTANT_ELEMENTS) {
                if let Ok(integers) = tensor.cast_to::<i64>()
                    && let Ok(plain) = integers.try_as_plain_ram()
                {
                    found.extend_from_slice(plain.as_slice::<i64>().unwrap_or_default());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the part of the graph that an outlet depends on.
    fn part(&mut self, outlet: OutletId) -> Option<TypedModel> {
        self.runs += 1;
        // With fewer tokens no text has padding.
        if self.runs > MAX_RUNS || self.lengths.iter().any(|tokens| *tokens < 3) {
            return None;
        }
        let mut part = self.model.part(outlet);
        if has_static_quantization(&part) {
            part = without_static_quantization(&part).ok()?;
        }
        Some(part)
    }

    fn evaluate_batch(&self, part: &TypedModel, tokens: usize, ids: &[i64]) -> TractResult<Evaluation> {
        let batch = self.batch;
        let inputs = self.roles.iter().map(|role| {
            let mut cells = vec![0i64; batch * tokens];
            match role {
                InputRole::Mask => {
                    for (text, row) in cells.chunks_mut(tokens).enumerate() {
                        row[..length(text, batch, tokens)].fill(1);
                    }
                }
                InputRole::TokenIds => cells.copy_from_slice(ids),
                InputRole::TokenTypes => {}
            }
            Tensor::from_shape(&[batch, tokens], &cells)
        });
        let outputs = part.run(inputs.collect::<TractResult<Vec<_>>>()?)?;
        let Some(value) = outputs.first() else { bail!("the part has no output") };
        let floats = value.cast_to::<f32>()?.into_owned();
        let values = floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        Ok(Evaluation {
            datum_type: value.datum_type(),
            shape: value.shape().to_vec(),
            values,
            batch,
            tokens,
        })
    }

    /// Returns true if a value `[batch, tokens, …]` is 1 for tokens and 0 for padding.
    pub(super) fn is_the_mask(&mut self, outlet: OutletId) -> bool {
        self.evaluate(outlet).is_some_and(|tried| {
            tried.iter().all(|t| {
                let cell = (t.values.len() / (t.batch * t.tokens)).max(1);
                t.shape.get(..2) == Some(&[t.batch, t.tokens])
                    && t.values.chunks(cell).enumerate().all(|(i, cell)| {
                        let token = i % t.tokens < t.length(i / t.tokens);
                        cell.iter().all(|x| *x == f32::from(u8::from(token)))
                    })
            })
        })
    }

    /// Returns true if a value `[batch, …]` is the number of each text's tokens.
    pub(super) fn is_the_count(&mut self, outlet: OutletId) -> bool {
        self.evaluate(outlet).is_some_and(|tried| {
            tried.iter().all(|t| {
                let cell = (t.values.len() / t.batch).max(1);
                t.shape.first() == Some(&t.batch)
                    && t.values
                        .chunks(cell)
                        .enumerate()
                        .all(|(text, cell)| cell.iter().all(|x| *x == t.length(text) as f32))
            })
        })
    }

    /// Returns true if a value masks exactly the padding: when it is added to scores (`boolean` is
    /// false), or when scores are kept where it is true (`boolean` is true).
    pub(super) fn masks(&mut self, outlet: OutletId, scores: &Layout, boolean: bool) -> bool {
        let key = (outlet, boolean, scores.clone());
        if let Some(known) = self.masks.get(&key) {
            return *known;
        }
        let tried = self.evaluate(outlet);
        let found = tried
            .is_some_and(|tried| tried.iter().all(|tried| is_mask(tried, scores, boolean).unwrap_or(false)));
        self.masks.insert(key, found);
        found
    }
}

fn is_mask(tried: &Evaluation, scores: &Layout, boolean: bool) -> Option<bool> {
    if boolean != (tried.datum_type == DatumType::Bool) || tried.shape.len() != scores.0.len() {
        return None;
    }
    let kept = |value: f32| if boolean { value != 0.0 } else { value.abs() < 1e-6 };
    let dropped = |value: f32| if boolean { value == 0.0 } else { value <= MASKED_SCORE };
    // A mask with one value for all heads is checked once.
    let heads = scores.0.iter().zip(&tried.shape).filter(|(_, length)| **length != 1);
    let heads = heads.flat_map(|(axis, _)| axis).find_map(|atom| match atom {
        Atom::Heads(heads) => Some(*heads),
        _ => None,
    });
    for text in 0..tried.batch {
        let length = tried.length(text);
        // In a long text, the first, a middle and the last query detect a window.
        let queries: Vec<usize> =
            if length < 16 { (0..length).collect() } else { vec![0, length / 2, length - 1] };
        for (query, head) in queries.into_iter().flat_map(|q| (0..heads.unwrap_or(1)).map(move |h| (q, h))) {
            for key in 0..tried.tokens {
                let value = *tried.values.get(place(tried, scores, [text, head, query, key]))?;
                let padding = key >= length;
                if !(if padding { dropped(value) } else { kept(value) }) {
                    return Some(false);
                }
            }
        }
    }
    Some(true)
}

/// Returns the index of the value for a text, head, query and key in a mask that broadcasts to the
/// scores.
fn place(tried: &Evaluation, scores: &Layout, [text, head, query, key]: [usize; 4]) -> usize {
    let mut at = 0;
    for (axis, length) in scores.0.iter().zip(&tried.shape) {
        let mut index = 0;
        for atom in axis {
            let (place, size) = match atom {
                Atom::Batch => (text, tried.batch),
                Atom::Tokens => (query, tried.tokens),
                Atom::Keys => (key, tried.tokens),
                Atom::Heads(n) => (head, *n),
                Atom::Dim(n) | Atom::Width(n) => (0, *n),
            };
            index = index * size + place;
        }
        at = at * length + if *length == 1 { 0 } else { index };
    }
    at
}
