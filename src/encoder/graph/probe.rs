//! Masks and positions are not read but tried: whatever a graph computes from the attention mask
//! and the lengths alone is run on a small batch, and must come out as it should. Exporters spell
//! masks in a dozen ways, but there is only one right result.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::DimLike;

use super::layout::{Atom, Layout, Lengths};
use super::symbol::Index;
use crate::encoder::onnx::Role;

/// Texts and tokens of the trial, where the graph leaves them open.
const TRIAL: (usize, usize) = (2, 5);
/// A score that is so low counts for nothing.
const LOW: f32 = -1000.0;

/// A graph whose parts can be run.
pub(super) struct Probe<'a> {
    model: &'a TypedModel,
    roles: &'a [Role],
    batch: usize,
    tokens: usize,
    /// What a mask was found to be.
    masks: HashMap<(OutletId, bool), bool>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(model: &'a TypedModel, roles: &'a [Role], lengths: &Lengths) -> Self {
        let batch = lengths.batch.to_usize().unwrap_or(TRIAL.0);
        let tokens = lengths.tokens.to_usize().unwrap_or(TRIAL.1);
        Self { model, roles, batch, tokens, masks: HashMap::new() }
    }

    /// The tokens of a text of the trial: all, then fewer.
    fn length(&self, text: usize) -> usize {
        if text + 1 == self.batch && self.tokens > 2 { self.tokens - 2 } else { self.tokens }
    }

    /// Runs what an outlet needs.
    fn run(&self, outlet: OutletId) -> TractResult<Tensor> {
        let mut part = self.model.clone();
        part.select_output_outlets(&[outlet])?;
        part.compact()?;
        let runnable = part.into_runnable()?;
        let shape = [self.batch, self.tokens];
        let inputs = self.roles.iter().map(|role| {
            let mut cells = vec![0i64; self.batch * self.tokens];
            if *role == Role::Mask {
                for (text, row) in cells.chunks_mut(self.tokens).enumerate() {
                    row[..self.length(text)].fill(1);
                }
            }
            Ok(Tensor::from_shape(&shape, &cells)?.into_tvalue())
        });
        let outputs = runnable.run(inputs.collect::<TractResult<TVec<_>>>()?)?;
        match outputs.into_iter().next() {
            Some(value) => Ok(value.into_tensor()),
            None => Ok(Tensor::default()),
        }
    }

    /// What integers that depend on lengths only are: positions, or zeros.
    pub(super) fn index(&self, outlet: OutletId) -> Option<Index> {
        let ids = self.run(outlet).ok()?;
        let ids = ids.cast_to::<i64>().ok()?.into_owned();
        let ids = ids.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?.to_vec();
        if !ids.is_empty() && ids.iter().all(|id| *id == 0) {
            return Some(Index::Zero);
        }
        let rows = [self.tokens, self.batch * self.tokens];
        let counted = ids.iter().enumerate().all(|(i, id)| *id == (i % self.tokens) as i64);
        (rows.contains(&ids.len()) && counted).then_some(Index::Positions)
    }

    /// Whether a value is 1 for each number of a token and 0 for padding, `[batch, tokens, …]`.
    pub(super) fn is_the_mask(&self, outlet: OutletId) -> bool {
        self.floats(outlet).is_some_and(|(shape, values)| {
            shape.get(..2) == Some(&[self.batch, self.tokens])
                && values.chunks((values.len() / (self.batch * self.tokens)).max(1)).enumerate().all(
                    |(i, cell)| {
                        let token = i % self.tokens < self.length(i / self.tokens);
                        cell.iter().all(|x| *x == f32::from(u8::from(token)))
                    },
                )
        })
    }

    /// Whether a value is the number of each text's tokens, `[batch, …]`.
    pub(super) fn is_the_count(&self, outlet: OutletId) -> bool {
        self.floats(outlet).is_some_and(|(shape, values)| {
            shape.first() == Some(&self.batch)
                && values
                    .chunks((values.len() / self.batch).max(1))
                    .enumerate()
                    .all(|(text, cell)| cell.iter().all(|x| *x == self.length(text) as f32))
        })
    }

    fn floats(&self, outlet: OutletId) -> Option<(Vec<usize>, Vec<f32>)> {
        let value = self.run(outlet).ok()?.cast_to::<f32>().ok()?.into_owned();
        let values = value.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec();
        (!values.is_empty()).then(|| (value.shape().to_vec(), values))
    }

    /// Whether a value masks padding and nothing else when it is added to scores (`boolean` is
    /// false), or when it decides where scores are kept (true: kept where it is true).
    pub(super) fn masks(&mut self, outlet: OutletId, scores: &Layout, boolean: bool) -> bool {
        if let Some(known) = self.masks.get(&(outlet, boolean)) {
            return *known;
        }
        let found = self.try_mask(outlet, scores, boolean).unwrap_or(false);
        self.masks.insert((outlet, boolean), found);
        found
    }

    fn try_mask(&self, outlet: OutletId, scores: &Layout, boolean: bool) -> Option<bool> {
        let mask = self.run(outlet).ok()?;
        if boolean != (mask.datum_type() == DatumType::Bool) || mask.rank() != scores.0.len() {
            return None;
        }
        let mask = mask.cast_to::<f32>().ok()?.into_owned();
        let values = mask.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec();
        let kept = |value: f32| if boolean { value != 0.0 } else { value.abs() < 1e-6 };
        let dropped = |value: f32| if boolean { value == 0.0 } else { value <= LOW };
        for (text, query, key) in self.cells() {
            let mut at = 0;
            for (axis, length) in scores.0.iter().zip(mask.shape()) {
                let mut index = 0;
                for atom in axis {
                    let (place, size) = match atom {
                        Atom::Batch => (text, self.batch),
                        Atom::Tokens => (query, self.tokens),
                        Atom::Keys => (key, self.tokens),
                        Atom::Heads(n) | Atom::Dim(n) | Atom::Width(n) => (n - 1, *n),
                    };
                    index = index * size + place;
                }
                at = at * length + if *length == 1 { 0 } else { index };
            }
            let value = *values.get(at)?;
            let padding = key >= self.length(text);
            if !(if padding { dropped(value) } else { kept(value) }) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Each text's queries that are no padding, with every key.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        let queries = |text: usize| (0..self.length(text)).map(move |query| (text, query));
        (0..self.batch)
            .flat_map(queries)
            .flat_map(|(text, query)| (0..self.tokens).map(move |key| (text, query, key)))
    }
}
