//! Reads the typed graph node by node. What a node's output is follows from what its inputs are; each
//! pattern has a file in `patterns`. A value that no pattern knows is `Unknown`, and then the unfused
//! encoder runs the graph.
//!
//! The matcher reads forwards instead of rewriting the graph. No order of rules has to be found, and
//! one pattern per meaning is enough, where a rewriter needs one per spelling.

use std::collections::HashMap;

use super::abstract_value::{AbstractValue, PooledRows, RowPolynomial, RowPooling};
use super::expr::{Expr, ExprId, ExprTable, IdKind};
use super::layout::{Atom, Layout, Lengths};
use super::probe::Probe;
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::cast::Cast;
use crate::encoder::graph::ops::constant::TypedSource;
use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::ops::gather::Gather;
use crate::encoder::graph::ops::reduce::{Reduce, RmsNorm, Softmax};
use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::{BroadcastTo, Slice};
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::{DynamicQuantize, InputRole, ModelSizes, OneHot, StaticQuantize, Translated};

/// The graph, and what is known of its values so far.
pub(super) struct GraphMatcher<'a> {
    pub(super) model: &'a TypedModel,
    pub(super) lengths: Lengths,
    pub(super) exprs: ExprTable,
    pub(super) probe: Probe<'a>,
    values: HashMap<OutletId, AbstractValue>,
}

impl<'a> GraphMatcher<'a> {
    /// Reads a graph.
    pub(super) fn run(translated: &'a Translated, sizes: ModelSizes) -> TractResult<Self> {
        let lengths = Lengths { batch: translated.batch.clone(), tokens: translated.sequence.clone() };
        let model = &translated.model;
        let probe = Probe::new(model, &translated.roles, &lengths, sizes);
        let mut matcher = Self { model, lengths, exprs: ExprTable::default(), probe, values: HashMap::new() };
        let ids = matcher.lengths.layout([vec![Atom::Batch], vec![Atom::Tokens]]);
        for (outlet, role) in model.inputs.iter().zip(&translated.roles) {
            matcher.values.insert(
                *outlet,
                match role {
                    InputRole::TokenIds => AbstractValue::Ids(IdKind::TokenIds, ids.clone()),
                    InputRole::TokenTypes => AbstractValue::Ids(IdKind::TokenTypes, ids.clone()),
                    InputRole::Mask => AbstractValue::Mask,
                },
            );
        }
        for id in model.eval_order() {
            let node = model.node(id);
            if node.op_is::<TypedSource>() {
                continue;
            }
            for (slot, value) in matcher.node(node).into_iter().enumerate() {
                let dims = node.outputs[slot].shape.to_tvec();
                let fits = value.layout().is_none_or(|layout| matcher.lengths.fit(layout, &dims));
                matcher
                    .values
                    .insert(OutletId::new(id, slot), if fits { value } else { AbstractValue::Unknown });
            }
            if matcher.exprs.is_too_large() {
                bail!("the graph has more expressions than a BERT");
            }
        }
        Ok(matcher)
    }

    /// Returns what an outlet holds.
    pub(super) fn value(&self, outlet: OutletId) -> &AbstractValue {
        self.values.get(&outlet).unwrap_or(&AbstractValue::Unknown)
    }

    /// Returns the expression that an outlet holds, if its shape is `[batch, tokens, width]`.
    pub(super) fn output(&self, outlet: OutletId, width: usize) -> Option<ExprId> {
        match self.value(outlet) {
            AbstractValue::Rows(rows) if rows.is_identity() && rows.layout == self.lengths.rows(width) => {
                Some(rows.of)
            }
            _ => None,
        }
    }

    /// Returns the pooled rows that an outlet holds, if there is one per text.
    pub(super) fn pooled(&self, outlet: OutletId) -> Option<PooledRows> {
        match self.value(outlet) {
            AbstractValue::Pooled(text)
                if text.flat && matches!(text.pooling, RowPooling::First | RowPooling::Mean) =>
            {
                Some(*text)
            }
            _ => None,
        }
    }

    /// Returns the expression whose first rows an outlet holds, if its shape is `[batch, width]`.
    pub(super) fn logits(&self, outlet: OutletId) -> Option<ExprId> {
        let AbstractValue::Rows(rows) = self.value(outlet) else { return None };
        let width = rows.layout.width()?;
        (rows.is_identity() && rows.layout == self.lengths.first_rows(width)).then_some(rows.of)
    }

    fn node(&mut self, node: &TypedNode) -> Vec<AbstractValue> {
        if node.op_is::<DynamicQuantize>() {
            return self.dynamic_quantize(node);
        }
        let known = match node.op_as::<Gather>() {
            Some(_) => self.lookup(node),
            None => None,
        };
        let known = known
            .or_else(|| self.fixed_or_mask(node))
            .or_else(|| self.match_patterns(node))
            .or_else(|| self.integers_of_ids(node));
        vec![known.unwrap_or(AbstractValue::Unknown); node.outputs.len()]
    }

    fn fixed_or_mask(&self, node: &TypedNode) -> Option<AbstractValue> {
        let mut made = AbstractValue::Fixed;
        for input in &node.inputs {
            match self.value(*input) {
                AbstractValue::Fixed => {}
                AbstractValue::Mask => made = AbstractValue::Mask,
                _ => return None,
            }
        }
        Some(made)
    }

    /// Matches what is computed from token ids: RoBERTa's positions.
    fn integers_of_ids(&self, node: &TypedNode) -> Option<AbstractValue> {
        let depends = |input: &OutletId| {
            matches!(self.value(*input), AbstractValue::Ids(IdKind::TokenIds, _) | AbstractValue::FromIds)
        };
        let known = |input: &OutletId| {
            depends(input) || matches!(self.value(*input), AbstractValue::Fixed | AbstractValue::Mask)
        };
        let matches = node.inputs.iter().any(depends) && node.inputs.iter().all(known);
        matches.then_some(AbstractValue::FromIds)
    }

    fn match_patterns(&mut self, node: &TypedNode) -> Option<AbstractValue> {
        let first = *node.inputs.first()?;
        let one = self.value(first).clone();
        if let Some(cast) = node.op_as::<Cast>() {
            let keeps = match one {
                AbstractValue::Ids(..) => matches!(cast.to, DatumType::I32 | DatumType::I64),
                AbstractValue::Unscaled { .. } => matches!(cast.to, DatumType::I32 | DatumType::F32),
                _ => cast.to == DatumType::F32,
            };
            return keeps.then_some(one);
        }
        if let Some(op) = node.op_as::<AxisOp>() {
            return self.with_axes_moved(one, op);
        }
        if node.op_is::<BroadcastTo>() {
            if let AbstractValue::PooledNorm { .. } = one {
                return Some(one);
            }
            let same = self.model.outlet_fact(first).ok()?.shape == node.outputs[0].shape;
            return same.then_some(one);
        }
        if let Some(op) = node.op_as::<Binary>() {
            return self.binary(op, first, *node.inputs.get(1)?);
        }
        if let Some(op) = node.op_as::<Unary>() {
            return self.unary(op, one);
        }
        if let Some(op) = node.op_as::<StaticQuantize>() {
            return self.static_quantize(op, node);
        }
        if let Some(op) = node.op_as::<OneHot>() {
            return Self::one_hot(op, one);
        }
        if node.op_is::<EinSum>() {
            return self.einsum(node);
        }
        if let Some(op) = node.op_as::<Reduce>() {
            return Self::pooled_sum(op, &one).or_else(|| Self::reduced(op, &one, |id| self.exprs.get(id)));
        }
        if let Some(op) = node.op_as::<RmsNorm>() {
            return self.rms_norm(op, &one);
        }
        if let Some(op) = node.op_as::<Softmax>() {
            return Self::softmax(op, one);
        }
        if node.op_is::<Select>() {
            return self.select(node);
        }
        if let Some(op) = node.op_as::<Slice>() {
            return self.columns(op, one);
        }
        None
    }

    /// Returns a value after an operator on its axes.
    fn with_axes_moved(&self, value: AbstractValue, op: &AxisOp) -> Option<AbstractValue> {
        let to = |layout: &Layout| self.lengths.apply(op, layout);
        Some(match value {
            AbstractValue::Rows(mut rows) => {
                rows.layout = to(&rows.layout)?;
                AbstractValue::Rows(rows)
            }
            AbstractValue::Ids(kind, layout) => AbstractValue::Ids(kind, to(&layout)?),
            AbstractValue::Curve { of, layout, curve, offset, factor } => {
                AbstractValue::Curve { of, layout: to(&layout)?, curve, offset, factor }
            }
            AbstractValue::Scores(mut scores) => {
                scores.layout = to(&scores.layout)?;
                AbstractValue::Scores(scores)
            }
            AbstractValue::Probabilities(mut scores) => {
                scores.layout = to(&scores.layout)?;
                AbstractValue::Probabilities(scores)
            }
            AbstractValue::Quantized { of, by, centered } => {
                let of = Box::new(self.with_axes_moved(*of, op)?);
                AbstractValue::Quantized { of, by, centered }
            }
            AbstractValue::FixedScale { of, scale, zero } => {
                let of = Box::new(self.with_axes_moved(*of, op)?);
                AbstractValue::FixedScale { of, scale, zero }
            }
            AbstractValue::Unscaled { of, by } => {
                AbstractValue::Unscaled { of: Box::new(self.with_axes_moved(*of, op)?), by }
            }
            AbstractValue::Pooled(text) if text.pooling != RowPooling::MaskedRows => match op {
                AxisOp::Rm(1) if !text.flat => AbstractValue::Pooled(PooledRows { flat: true, ..text }),
                AxisOp::Add(1) if text.flat => AbstractValue::Pooled(PooledRows { flat: false, ..text }),
                _ => return None,
            },
            // Scalars.
            AbstractValue::QuantizationScale { .. } | AbstractValue::ZeroPoint { .. } => value,
            _ => return None,
        })
    }

    /// Returns the rows of an expression.
    pub(super) fn rows(&mut self, expr: Expr, layout: Layout) -> AbstractValue {
        AbstractValue::Rows(RowPolynomial::identity(self.exprs.id(expr), layout))
    }
}
