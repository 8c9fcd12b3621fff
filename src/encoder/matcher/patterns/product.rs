//! Products with weights, biases, and slices of columns.

use std::ops::Range;

use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::ops::shape::Slice;
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, scaled_range};
use crate::encoder::matcher::expr::{Expr, ExprId};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::layout::{Atom, Layout};
use crate::encoder::matcher::weight::matrix;
use crate::encoder::plan::Vector;

/// The position of an EinSum axis in the two inputs and in the output.
pub(super) type Places = [Option<usize>; 3];

/// Returns the axes of an EinSum of two inputs.
pub(super) fn places(op: &EinSum) -> Option<Vec<Places>> {
    // `None` if an operand has a letter twice.
    let place = |letters: &str, letter: char| {
        let mut places = letters.chars().enumerate().filter(|(_, own)| *own == letter).map(|(axis, _)| axis);
        let place = places.next();
        places.next().is_none().then_some(place)
    };
    let [a, b] = &op.inputs[..] else { return None };
    let letters = op.letters().into_iter();
    letters.map(|letter| Some([place(a, letter)?, place(b, letter)?, place(&op.output, letter)?])).collect()
}

impl GraphMatcher<'_> {
    /// Matches a product: with a weight, of queries and keys, or of probabilities and values.
    pub(in crate::encoder::matcher) fn einsum(&mut self, node: &TypedNode) -> Option<AbstractValue> {
        let op = node.op_as::<EinSum>()?;
        let [a, b] = node.inputs[..] else { return None };
        let places = places(op)?;
        match (self.value(a).clone(), self.value(b).clone()) {
            (one @ AbstractValue::Quantized { .. }, two) => self.quantized_product(one, two, b, &places),
            (one, two) => self.product(one, two, b, &places),
        }
    }

    /// Matches the product of two values. The second one is at `b_outlet`.
    pub(super) fn product(
        &mut self,
        a: AbstractValue,
        b: AbstractValue,
        b_outlet: OutletId,
        places: &[Places],
    ) -> Option<AbstractValue> {
        match (self.classifier_rows(a), b) {
            (AbstractValue::Rows(rows), AbstractValue::Fixed) => {
                let (id, layout) = self.with_weight(&rows, b_outlet, places)?;
                let factor = rows.factor()?;
                let id = if factor == 1.0 { id } else { self.scaled_weight(id, &[Vector::Uniform(factor)])? };
                Some(AbstractValue::Rows(RowPolynomial::identity(id, layout)))
            }
            (AbstractValue::OneHot { by, layout, columns }, AbstractValue::Fixed) => {
                self.one_hot_lookup((by, &layout, columns), b_outlet, places)
            }
            (AbstractValue::Rows(q), AbstractValue::Rows(k)) => self.scores(&q, &k, places),
            (AbstractValue::Probabilities(scores), AbstractValue::Rows(v)) => {
                self.context(&scores, &v, places)
            }
            _ => None,
        }
    }

    /// Matches `x · W`, which contracts the columns of `x` with the rows of a weight.
    fn with_weight(&mut self, x: &RowPolynomial, b: OutletId, places: &[Places]) -> Option<(ExprId, Layout)> {
        let mut weight = matrix(self.model, b)?;
        let rank = self.model.outlet_fact(b).ok()?.rank();
        let mut axes = vec![Vec::new(); places.iter().filter(|p| p[2].is_some()).count()];
        // The contracted axis comes first: it decides whether the weight is transposed.
        let contracted = |place: &&Places| place[2].is_none();
        for place in places.iter().filter(contracted).chain(places.iter().filter(|p| !contracted(p))) {
            match *place {
                [Some(a), Some(b), None] => {
                    let [Atom::Width(width)] = x.layout.0.get(a)?[..] else { return None };
                    if b + 1 == rank {
                        weight.transposed = !weight.transposed;
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
        Some((self.exprs.id(Expr::Product { x: x.of, weight }), layout))
    }

    /// Multiplies the weight of a product by further factors.
    pub(super) fn scaled_weight(&mut self, product: ExprId, by: &[Vector]) -> Option<ExprId> {
        if let Expr::Clipped { x, range, shift: None } = *self.exprs.get(product) {
            let [Vector::Uniform(factor)] = *by else { return None };
            let range = scaled_range(range, factor)?;
            let x = self.scaled_weight(x, by)?;
            return Some(self.exprs.id(Expr::Clipped { x, range, shift: None }));
        }
        let Expr::Product { x, weight } = self.exprs.get(product).clone() else { return None };
        let weight = by.iter().try_fold(weight, |weight, by| weight.scaled(by))?;
        Some(self.exprs.id(Expr::Product { x, weight }))
    }

    /// Matches rows times one number per column: a weight with one scale per output.
    pub(super) fn scaled_rows(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        let AbstractValue::Rows(rows) = x else { return None };
        let by = self.along_row(rows, by)?;
        if !rows.is_identity() {
            return None;
        }
        let id = self.scaled_weight(rows.of, &[by])?;
        Some(AbstractValue::Rows(RowPolynomial::identity(id, rows.layout.clone())))
    }

    /// Matches rows times one number per column, in front of a product: the weight was equalized (see
    /// [`equalize`](crate::encoder::quantize::equalize)).
    ///
    /// Only rows that a `Linear` reads are matched. Factors of other rows have a pattern of their own: those of
    /// a product belong to its weight, those of a LayerNorm are its gamma.
    pub(super) fn factored_rows(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        let AbstractValue::Rows(rows) = x else { return None };
        let by = self.along_row(rows, by)?;
        let is_input = matches!(
            self.exprs.get(rows.of),
            Expr::Norm { .. } | Expr::Context { .. } | Expr::Activated { .. }
        );
        if !is_input || !rows.is_identity() {
            return None;
        }
        Some(self.rows(Expr::Factored { x: rows.of, by }, rows.layout.clone()))
    }

    /// Moves a scalar factor of a product into its weight, so that later patterns see the expression
    /// itself.
    pub(super) fn fold_factor(&mut self, rows: RowPolynomial) -> RowPolynomial {
        match rows.factor() {
            Some(factor) if rows.is_identity() || factor == 0.0 => rows,
            Some(factor) => match self.scaled_weight(rows.of, &[Vector::Uniform(factor)]) {
                Some(of) => RowPolynomial::identity(of, rows.layout),
                None => rows,
            },
            None => rows,
        }
    }

    /// Matches `x + bias`. The bias of a sum belongs to the product in the sum.
    pub(super) fn biased(&mut self, x: &RowPolynomial, bias: Vector) -> Option<AbstractValue> {
        let id = self.with_bias(x.of, bias)?;
        Some(AbstractValue::Rows(RowPolynomial::identity(id, x.layout.clone())))
    }

    fn with_bias(&mut self, x: ExprId, bias: Vector) -> Option<ExprId> {
        match *self.exprs.get(x) {
            Expr::Product { .. } => Some(self.exprs.id(Expr::Biased { x, bias })),
            // clip(x) + bias is x + bias, clipped to a range that the bias shifts.
            Expr::Clipped { x, range, shift: None } if self.is_product(x) => {
                let x = self.with_bias(x, bias.clone())?;
                Some(self.exprs.id(Expr::Clipped { x, range, shift: Some(bias) }))
            }
            Expr::Sum(a, b) => {
                let (product, other) = if self.is_product(a) { (a, b) } else { (b, a) };
                let product = self.with_bias(product, bias)?;
                Some(self.exprs.id(Expr::Sum(product, other)))
            }
            _ => None,
        }
    }

    /// Returns true for a product that has no bias yet, clipped or not.
    fn is_product(&self, id: ExprId) -> bool {
        match self.exprs.get(id) {
            Expr::Product { .. } => true,
            Expr::Clipped { x, shift: None, .. } => self.is_product(*x),
            _ => false,
        }
    }

    /// Matches a slice of columns (queries, keys or values of a joint product), or of first rows.
    pub(in crate::encoder::matcher) fn columns(
        &mut self,
        op: &Slice,
        x: AbstractValue,
    ) -> Option<AbstractValue> {
        if let AbstractValue::FixedScale { of, scale, zero } = x {
            let of = Box::new(self.columns(op, *of)?);
            return Some(AbstractValue::FixedScale { of, scale, zero });
        }
        let AbstractValue::Rows(rows) = x else { return None };
        if op.axis + 1 != rows.layout.0.len() {
            return self.first_row(op, &rows);
        }
        let width = rows.layout.width()?;
        let range = op.start.to_usize().ok()?..op.end.to_usize().ok()?;
        if range.end > width || !rows.is_identity() {
            return None;
        }
        let of = self.columns_of(rows.of, &range)?;
        let mut axes = rows.layout.0;
        *axes.last_mut()? = vec![Atom::Width(range.len())];
        Some(AbstractValue::Rows(RowPolynomial::identity(of, self.lengths.layout(axes))))
    }

    fn columns_of(&mut self, id: ExprId, columns: &Range<usize>) -> Option<ExprId> {
        let expr = match self.exprs.get(id).clone() {
            Expr::Product { x, weight } => Expr::Product { x, weight: weight.columns(columns) },
            Expr::Clipped { x, range, shift } => {
                let shift = shift.map(|shift| shift.part(columns));
                Expr::Clipped { x: self.columns_of(x, columns)?, range, shift }
            }
            Expr::Biased { x, bias } => {
                Expr::Biased { x: self.columns_of(x, columns)?, bias: bias.part(columns) }
            }
            _ => return None,
        };
        Some(self.exprs.id(expr))
    }
}
