//! Pooling in the graph: the first row of a text, or the mean of its rows, and L2 normalization.

use crate::encoder::graph::ops::reduce::{Reduce, Reducer};
use crate::encoder::graph::ops::shape::Slice;
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, Curve, PooledRows, RowPolynomial, RowPooling};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::spec::Activation;

impl GraphMatcher<'_> {
    /// Matches a slice of the first row of each text.
    pub(super) fn first_row(&self, op: &Slice, rows: &RowPolynomial) -> Option<AbstractValue> {
        let first = op.axis == 1 && op.start.to_usize().ok()? == 0 && op.end.to_usize().ok()? == 1;
        let whole = rows.is_identity() && rows.layout == self.lengths.rows(rows.layout.width()?);
        (first && whole).then_some(AbstractValue::Pooled(PooledRows {
            of: rows.of,
            pooling: RowPooling::First,
            normalized: false,
            flat: false,
        }))
    }

    /// Returns the first row of each text as rows, for the layers of a classifier: `f(x)[0]` is `f(x[0])` if `f` works
    /// row by row. Also makes an activation of a `tanh` that no GELU contains. Other values stay as they are.
    pub(super) fn classifier_rows(&mut self, x: AbstractValue) -> AbstractValue {
        match x {
            AbstractValue::Pooled(PooledRows {
                of,
                pooling: RowPooling::First,
                normalized: false,
                flat: true,
            }) => match self.exprs.width(of) {
                Some(width) => {
                    AbstractValue::Rows(RowPolynomial::identity(of, self.lengths.first_rows(width)))
                }
                None => x,
            },
            AbstractValue::Curve { of, ref layout, curve: Curve::Tanh, offset: 0.0, factor: 1.0 } => {
                let layout = layout.clone();
                self.rows(Expr::Activated { x: of, activation: Activation::Tanh }, layout)
            }
            other => other,
        }
    }

    /// Matches rows times the attention mask: the rows of padding become 0.
    pub(super) fn masked_rows(&mut self, rows: &RowPolynomial, by: OutletId) -> Option<AbstractValue> {
        let whole = rows.is_identity() && rows.layout == self.lengths.rows(rows.layout.width()?);
        (whole && self.probe.is_the_mask(by)).then_some(AbstractValue::Pooled(PooledRows {
            of: rows.of,
            pooling: RowPooling::MaskedRows,
            normalized: false,
            flat: false,
        }))
    }

    /// Matches the sum of a text's rows, or of the squares of a pooled row.
    pub(in crate::encoder::matcher) fn pooled_sum(op: &Reduce, x: &AbstractValue) -> Option<AbstractValue> {
        if !matches!(op.reducer, Reducer::Sum) {
            return None;
        }
        match (x, op.axes.as_slice()) {
            (
                AbstractValue::Pooled(
                    text @ PooledRows { pooling: RowPooling::MaskedRows, normalized: false, .. },
                ),
                [1],
            ) => Some(AbstractValue::Pooled(PooledRows { pooling: RowPooling::Sum, ..*text })),
            (AbstractValue::PooledSquares(of), [1]) => {
                Some(AbstractValue::PooledNorm { of: *of, squared: true })
            }
            _ => None,
        }
    }

    /// Matches a sum divided by the number of tokens, or a row divided by its L2 norm.
    pub(super) fn pooled_quotient(
        &mut self,
        x: &PooledRows,
        y: &AbstractValue,
        by: OutletId,
    ) -> Option<AbstractValue> {
        match y {
            AbstractValue::Mask
                if x.pooling == RowPooling::Sum && !x.normalized && self.probe.is_the_count(by) =>
            {
                Some(AbstractValue::Pooled(PooledRows { pooling: RowPooling::Mean, ..*x }))
            }
            AbstractValue::PooledNorm { of, squared: false } if of == x && !x.normalized => {
                Some(AbstractValue::Pooled(PooledRows { normalized: true, ..*x }))
            }
            _ => None,
        }
    }
}
