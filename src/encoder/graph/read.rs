//! Reads tract's graph node by node: what each value is follows from what its inputs are. Every
//! pattern has its file in `rules`; a value that none of them knows is `Unknown`, and then the
//! graph is run as it is.

use std::collections::HashMap;

use tract_core::internal::{AxisOp, bail};
use tract_core::ops::array::{MultiBroadcastTo, Slice};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::Iff;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, RmsNorm, Softmax};
use tract_core::ops::source::TypedSource;
use tract_core::prelude::*;

use super::layout::{Layout, Lengths};
use super::probe::Probe;
use super::symbol::{Id, Index, Meaning, Rows, Symbol, Symbols, Text, Texts};
use crate::encoder::onnx::{Checked, DynamicQuantize, Role, Translated};

/// The graph, and what is known of it so far.
pub(super) struct Reader<'a> {
    pub(super) model: &'a TypedModel,
    pub(super) lengths: Lengths,
    pub(super) symbols: Symbols,
    pub(super) probe: Probe<'a>,
    meanings: HashMap<OutletId, Meaning>,
}

impl<'a> Reader<'a> {
    /// Reads a graph.
    /// `longest`: the most tokens of a text.
    pub(super) fn read(translated: &'a Translated, longest: usize) -> TractResult<Self> {
        let lengths = Lengths { batch: translated.batch.clone(), tokens: translated.sequence.clone() };
        let model = &translated.model;
        let probe = Probe::new(model, &translated.roles, &lengths, longest);
        let mut reader =
            Self { model, lengths, symbols: Symbols::default(), probe, meanings: HashMap::new() };
        for (outlet, role) in model.inputs.iter().zip(&translated.roles) {
            reader.meanings.insert(
                *outlet,
                match role {
                    Role::TokenIds => Meaning::Ids(Index::TokenIds),
                    Role::TokenTypes => Meaning::Ids(Index::TokenTypes),
                    Role::Mask => Meaning::Mask,
                },
            );
        }
        for id in model.eval_order()? {
            let node = model.node(id);
            if node.op_is::<TypedSource>() {
                continue;
            }
            for (slot, meaning) in reader.node(node).into_iter().enumerate() {
                let dims = node.outputs[slot].fact.shape.to_tvec();
                let fits = meaning.layout().is_none_or(|layout| reader.lengths.fit(layout, &dims));
                reader
                    .meanings
                    .insert(OutletId::new(id, slot), if fits { meaning } else { Meaning::Unknown });
            }
            if reader.symbols.are_too_many() {
                bail!("no BERT has so many values");
            }
        }
        Ok(reader)
    }

    /// What an outlet is.
    pub(super) fn meaning(&self, outlet: OutletId) -> &Meaning {
        self.meanings.get(&outlet).unwrap_or(&Meaning::Unknown)
    }

    /// The rows that an outlet holds, if it is `[batch, tokens, width]` of them.
    pub(super) fn output(&self, outlet: OutletId, width: usize) -> Option<Id> {
        match self.meaning(outlet) {
            Meaning::Rows(rows) if rows.is_plain() && rows.layout == self.lengths.rows(width) => {
                Some(rows.of)
            }
            _ => None,
        }
    }

    /// The pooled rows that an outlet holds, one a text.
    pub(super) fn pooled(&self, outlet: OutletId) -> Option<Text> {
        match self.meaning(outlet) {
            Meaning::Text(text) if text.flat && matches!(text.texts, Texts::First | Texts::Mean) => {
                Some(*text)
            }
            _ => None,
        }
    }

    fn node(&mut self, node: &TypedNode) -> Vec<Meaning> {
        if node.op_is::<DynamicQuantize>() {
            return self.dynamic_quantize(node);
        }
        let known = match node.op_as::<Checked>() {
            Some(_) => self.lookup(node),
            None => None,
        };
        let known = known.or_else(|| self.made_of_constants(node)).or_else(|| self.rule(node));
        vec![known.unwrap_or(Meaning::Unknown); node.outputs.len()]
    }

    fn made_of_constants(&self, node: &TypedNode) -> Option<Meaning> {
        let mut made = Meaning::Fixed;
        for input in &node.inputs {
            match self.meaning(*input) {
                Meaning::Fixed => {}
                Meaning::Mask => made = Meaning::Mask,
                _ => return None,
            }
        }
        Some(made)
    }

    fn rule(&mut self, node: &TypedNode) -> Option<Meaning> {
        let first = *node.inputs.first()?;
        let one = self.meaning(first).clone();
        if let Some(cast) = node.op_as::<Cast>() {
            let keeps = match one {
                Meaning::Ids(_) => matches!(cast.to, DatumType::I32 | DatumType::I64),
                Meaning::Unscaled { .. } => matches!(cast.to, DatumType::I32 | DatumType::F32),
                Meaning::FixedStep { .. } => {
                    matches!(cast.to, DatumType::U8 | DatumType::I8 | DatumType::F32)
                }
                _ => cast.to == DatumType::F32,
            };
            return keeps.then_some(one);
        }
        if let Some(op) = node.op_as::<AxisOp>() {
            return self.moved(one, op);
        }
        if node.op_is::<MultiBroadcastTo>() {
            if let Meaning::TextLength { .. } = one {
                return Some(one);
            }
            let same = self.model.outlet_fact(first).ok()?.shape == node.outputs[0].fact.shape;
            return same.then_some(one);
        }
        if let Some(op) = node.op_as::<TypedBinOp>() {
            return self.binary(op, first, *node.inputs.get(1)?);
        }
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            if op.0.is::<math::RoundHalfToEven>() {
                return self.fixed_step(node);
            }
            return self.unary(op, one);
        }
        if node.op_is::<EinSum>() {
            return self.einsum(node);
        }
        if let Some(op) = node.op_as::<Reduce>() {
            return Self::text_sum(op, &one).or_else(|| Self::reduced(op, &one, |id| self.symbols.get(id)));
        }
        if let Some(op) = node.op_as::<RmsNorm>() {
            return self.rms_norm(op, &one);
        }
        if let Some(op) = node.op_as::<Softmax>() {
            return Self::softmax(op, one);
        }
        if node.op_is::<Iff>() {
            return self.choice(node);
        }
        if let Some(op) = node.op_as::<Slice>() {
            return self.columns(op, one);
        }
        None
    }

    /// A value whose axes were moved.
    fn moved(&self, meaning: Meaning, op: &AxisOp) -> Option<Meaning> {
        let to = |layout: &Layout| self.lengths.apply(op, layout);
        Some(match meaning {
            Meaning::Rows(mut rows) => {
                rows.layout = to(&rows.layout)?;
                Meaning::Rows(rows)
            }
            Meaning::Curve { of, layout, curve, offset, factor } => {
                Meaning::Curve { of, layout: to(&layout)?, curve, offset, factor }
            }
            Meaning::Scores(mut scores) => {
                scores.layout = to(&scores.layout)?;
                Meaning::Scores(scores)
            }
            Meaning::Probabilities(mut scores) => {
                scores.layout = to(&scores.layout)?;
                Meaning::Probabilities(scores)
            }
            Meaning::Quantised { mut of, centred } => {
                of.layout = to(&of.layout)?;
                Meaning::Quantised { of, centred }
            }
            Meaning::Unscaled { of, product, layout } => {
                Meaning::Unscaled { of, product, layout: to(&layout)? }
            }
            Meaning::Text(text) if text.texts != Texts::Kept => match op {
                AxisOp::Rm(1) if !text.flat => Meaning::Text(Text { flat: true, ..text }),
                AxisOp::Add(1) if text.flat => Meaning::Text(Text { flat: false, ..text }),
                _ => return None,
            },
            // Single numbers.
            Meaning::Step { .. } | Meaning::ZeroPoint { .. } => meaning,
            _ => return None,
        })
    }

    /// A symbol's rows as they are.
    pub(super) fn plain(&mut self, symbol: Symbol, layout: Layout) -> Meaning {
        Meaning::Rows(Rows::plain(self.symbols.id(symbol), layout))
    }
}
