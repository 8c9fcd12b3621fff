//! Products with weights, their biases, and parts of their columns.

use tract_core::internal::DimLike;
use tract_core::ops::array::Slice;
use tract_core::ops::einsum::EinSum;
use tract_core::prelude::*;

use std::ops::Range;

use crate::encoder::graph::layout::{Atom, Layout};
use crate::encoder::graph::read::Reader;
use crate::encoder::graph::symbol::{Id, Meaning, Rows, Symbol};
use crate::encoder::graph::weight::{Vector, matrix};

/// Where an axis of an EinSum is in its inputs and its output.
pub(super) type Places = [Option<usize>; 3];

/// The axes of a product of two.
pub(super) fn places(op: &EinSum) -> Option<Vec<Places>> {
    let one = |list: &[usize]| match list {
        [] => Some(None),
        [at] => Some(Some(*at)),
        _ => None,
    };
    op.axes
        .iter_all_axes()
        .map(|axis| {
            Some([one(axis.inputs.first()?)?, one(axis.inputs.get(1)?)?, one(axis.outputs.first()?)?])
        })
        .collect()
}

impl Reader<'_> {
    /// A product: with a weight, of queries and keys, or of probabilities and values.
    pub(in crate::encoder::graph) fn einsum(&mut self, node: &TypedNode) -> Option<Meaning> {
        let op = node.op_as::<EinSum>()?;
        let [a, b] = node.inputs[..] else { return None };
        let places = places(op)?;
        match (self.meaning(a).clone(), self.meaning(b).clone()) {
            (Meaning::Rows(rows), Meaning::Fixed) => {
                let (id, layout) = self.with_weight(&rows, b, &places)?;
                let factor = rows.factor()?;
                let id = if factor == 1.0 { id } else { self.scaled_weight(id, &[Vector::Uniform(factor)])? };
                Some(Meaning::Rows(Rows::plain(id, layout)))
            }
            (Meaning::Quantised { of, centred: true }, Meaning::Fixed) => {
                let (product, layout) = self.with_weight(&of, b, &places)?;
                Some(Meaning::Unscaled { of: of.of, product, layout })
            }
            (Meaning::Rows(q), Meaning::Rows(k)) => self.scores(&q, &k, &places),
            (Meaning::Probabilities(scores), Meaning::Rows(v)) => self.context(&scores, &v, &places),
            _ => None,
        }
    }

    /// `x · W`: the columns of `x` against the rows of a weight.
    fn with_weight(&mut self, x: &Rows, b: OutletId, places: &[Places]) -> Option<(Id, Layout)> {
        let mut weight = matrix(self.model, b)?;
        let rank = self.model.outlet_fact(b).ok()?.rank();
        let mut axes = vec![Vec::new(); places.iter().filter(|p| p[2].is_some()).count()];
        // The contracted axis first: it says which way round the weight is.
        let contracted = |place: &&Places| place[2].is_none();
        for place in places.iter().filter(contracted).chain(places.iter().filter(|p| !contracted(p))) {
            match *place {
                [Some(a), Some(b), None] => {
                    let [Atom::Width(width)] = x.layout.0.get(a)?[..] else { return None };
                    if b + 1 == rank {
                        weight.turned = !weight.turned;
                    }
                    if weight.used()[0] != width {
                        return None;
                    }
                }
                [Some(a), b, Some(out)] if b.is_none_or(|b| b + 2 < rank) => {
                    axes.get_mut(out)?.clone_from(x.layout.0.get(a)?);
                }
                [None, Some(b), Some(out)] if b + 2 >= rank => {
                    *axes.get_mut(out)? = vec![Atom::Width(weight.used()[1])];
                }
                [None, Some(b), _] if b + 2 < rank => {}
                _ => return None,
            }
        }
        let layout = self.lengths.layout(axes);
        Some((self.symbols.id(Symbol::Product { x: x.of, weight }), layout))
    }

    /// A product whose weight is multiplied by more factors.
    pub(super) fn scaled_weight(&mut self, product: Id, by: &[Vector]) -> Option<Id> {
        let Symbol::Product { x, weight } = self.symbols.get(product).clone() else { return None };
        let weight = by.iter().try_fold(weight, |weight, by| weight.scaled(by))?;
        Some(self.symbols.id(Symbol::Product { x, weight }))
    }

    /// Rows times one number a column: a weight with a scale an output.
    pub(super) fn scaled_rows(&mut self, x: &Meaning, by: OutletId) -> Option<Meaning> {
        let Meaning::Rows(rows) = x else { return None };
        let by = self.along_row(rows, by)?;
        if !rows.is_plain() {
            return None;
        }
        let id = self.scaled_weight(rows.of, &[by])?;
        Some(Meaning::Rows(Rows::plain(id, rows.layout.clone())))
    }

    /// A factor of a product goes into its weight, so that what follows sees plain rows.
    pub(super) fn shed(&mut self, rows: Rows) -> Rows {
        match rows.factor() {
            Some(factor) if rows.is_plain() || factor == 0.0 => rows,
            Some(factor) => match self.scaled_weight(rows.of, &[Vector::Uniform(factor)]) {
                Some(of) => Rows::plain(of, rows.layout),
                None => rows,
            },
            None => rows,
        }
    }

    /// `x + bias`. The bias of a sum belongs to the product in it.
    pub(super) fn biased(&mut self, x: &Rows, bias: Vector) -> Option<Meaning> {
        let id = self.with_bias(x.of, bias)?;
        Some(Meaning::Rows(Rows::plain(id, x.layout.clone())))
    }

    fn with_bias(&mut self, x: Id, bias: Vector) -> Option<Id> {
        match *self.symbols.get(x) {
            Symbol::Product { .. } => Some(self.symbols.id(Symbol::Biased { x, bias })),
            Symbol::Sum(a, b) => {
                let product = |id: Id| matches!(self.symbols.get(id), Symbol::Product { .. });
                let (product, other) = if product(a) { (a, b) } else { (b, a) };
                let product = self.with_bias(product, bias)?;
                Some(self.symbols.id(Symbol::Sum(product, other)))
            }
            _ => None,
        }
    }

    /// Some columns of a packed product: queries, keys or values.
    pub(in crate::encoder::graph) fn columns(&mut self, op: &Slice, x: Meaning) -> Option<Meaning> {
        let Meaning::Rows(rows) = x else { return None };
        if op.axis + 1 != rows.layout.0.len() {
            return self.first_row(op, &rows);
        }
        let width = rows.layout.width()?;
        let range = op.start.to_usize().ok()?..op.end.to_usize().ok()?;
        if range.end > width || !rows.is_plain() {
            return None;
        }
        let of = self.part_of(rows.of, &range)?;
        let mut axes = rows.layout.0;
        *axes.last_mut()? = vec![Atom::Width(range.len())];
        Some(Meaning::Rows(Rows::plain(of, self.lengths.layout(axes))))
    }

    fn part_of(&mut self, id: Id, range: &Range<usize>) -> Option<Id> {
        let symbol = match self.symbols.get(id).clone() {
            Symbol::Product { x, weight } => Symbol::Product { x, weight: weight.columns(range) },
            Symbol::Biased { x, bias } => {
                Symbol::Biased { x: self.part_of(x, range)?, bias: bias.part(range) }
            }
            _ => return None,
        };
        Some(self.symbols.id(symbol))
    }
}
