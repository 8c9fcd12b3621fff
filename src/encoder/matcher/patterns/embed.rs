//! Lookups: rows of a table for each token, stored as floats or as integers.

use tract_core::internal::AxisOp;
use tract_core::ops::array::{MultiBroadcastTo, Slice};
use tract_core::prelude::*;

use crate::encoder::matcher::abstract_value::{AbstractValue, IdKind, RowPolynomial};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::layout::{Atom, Layout, Lengths};
use crate::encoder::matcher::weight::matrix;
use crate::encoder::onnx::Checked;
use crate::encoder::plan::{Matrix, Quantization, TensorRef, Vector};

impl GraphMatcher<'_> {
    /// A gather of whole rows of a weight.
    pub(in crate::encoder::matcher) fn lookup(&mut self, node: &TypedNode) -> Option<AbstractValue> {
        let [data, indices] = node.inputs[..] else { return None };
        if node.op_as::<Checked>()?.rows_of_axis() != Some(0)
            || !matches!(self.value(data), AbstractValue::Fixed)
        {
            return None;
        }
        let fact = &node.outputs[0].fact;
        if !matches!(fact.datum_type, DatumType::F32 | DatumType::I8 | DatumType::U8) {
            return None;
        }
        let table = matrix(self.model, data).filter(|t| !t.transposed)?;
        let rank = self.model.outlet_fact(data).ok()?.rank();
        let by = match *self.value(indices) {
            AbstractValue::Ids(by) => by,
            AbstractValue::Fixed => self.probe.index(indices)?,
            _ => return None,
        };
        let axes = self.model.outlet_fact(indices).ok()?.shape.to_tvec();
        let Lengths { batch, tokens } = &self.lengths;
        let per_token = match &*axes {
            [b, t] => t == tokens && (b.is_one() || b == batch),
            // Positions of one text, for all.
            [t] => t == tokens && by == IdKind::Positions,
            _ => false,
        };
        if rank != 2 || !per_token {
            return None;
        }
        let layout = self.per_token(&axes, table.used()[1]);
        Some(self.plain(Expr::Lookup { table, by }, layout))
    }

    /// The layout of a row a token.
    fn per_token(&self, axes: &[TDim], width: usize) -> Layout {
        let batch =
            if axes.len() == 2 && axes[0] == self.lengths.batch { vec![Atom::Batch] } else { Vec::new() };
        let rows = [batch, vec![Atom::Tokens], vec![Atom::Width(width)]];
        self.lengths.layout(rows.into_iter().skip(2 - axes.len().min(2)))
    }

    /// `x + y` where `y` has one row for each position, whatever the text.
    pub(super) fn same_for_all(&mut self, x: &RowPolynomial, y: &RowPolynomial) -> Option<AbstractValue> {
        let Expr::Lookup { by: IdKind::Positions | IdKind::Zero, .. } = self.exprs.get(y.of) else {
            return None;
        };
        let mut of_one = x.layout.clone();
        of_one.0.first_mut()?.clear();
        let fits = x.layout == self.lengths.rows(x.layout.width()?) && of_one == y.layout;
        (fits && x.is_identity() && y.is_identity())
            .then(|| self.plain(Expr::Sum(x.of, y.of), x.layout.clone()))
    }

    /// A table with one more factor, where rows are its and stored as integers.
    pub(super) fn scaled_table(&mut self, rows: &RowPolynomial, c: f32) -> Option<AbstractValue> {
        let Expr::Lookup { table, by } = self.exprs.get(rows.of).clone() else { return None };
        let mut table = table;
        let Quantization::Affine { scale, .. } = &mut table.quantization else { return None };
        if table.float || !rows.is_identity() || !scale.is_empty() {
            return None;
        }
        scale.push(Vector::Uniform(c));
        Some(self.plain(Expr::Lookup { table, by }, rows.layout.clone()))
    }

    /// A table of integers less their zero point.
    pub(super) fn centred_table(&mut self, rows: &RowPolynomial, c: f32) -> Option<AbstractValue> {
        let Expr::Lookup { mut table, by } = self.exprs.get(rows.of).clone() else { return None };
        match &mut table.quantization {
            Quantization::Affine { scale, zero: zero @ None, .. }
                if scale.is_empty() && !table.float && rows.is_identity() =>
            {
                *zero = Some(Vector::Uniform(-c));
            }
            _ => return None,
        }
        Some(self.plain(Expr::Lookup { table, by }, rows.layout.clone()))
    }

    /// RowPolynomial of a table times the numbers of another that is one column wide and read alike.
    pub(super) fn row_scaled(&mut self, x: &RowPolynomial, y: &RowPolynomial) -> Option<AbstractValue> {
        let (Expr::Lookup { table: a, by }, Expr::Lookup { table: b, by: by_b }) =
            (self.exprs.get(x.of).clone(), self.exprs.get(y.of).clone())
        else {
            return None;
        };
        let (mut table, scales, layout) = match (a.used()[1], b.used()[1]) {
            (_, 1) => (a, b, &x.layout),
            (1, _) => (b, a, &y.layout),
            _ => return None,
        };
        let plain = matches!(&scales.quantization, Quantization::Affine { scale, zero: None, .. } if scale.is_empty());
        let [tensor] = &scales.parts[..] else { return None };
        if by != by_b
            || !plain
            || !scales.float
            || scales.shape[0] != table.shape[0]
            || !x.is_identity()
            || !y.is_identity()
        {
            return None;
        }
        let vector = Vector::Stored { tensor: tensor.clone(), part: None, len: scales.shape[0] };
        match &mut table.quantization {
            Quantization::Affine { axis: axis @ None, scale, .. } => {
                *axis = Some(0);
                scale.push(vector);
            }
            _ => return None,
        }
        Some(self.plain(Expr::Lookup { table, by }, layout.clone()))
    }

    /// RowPolynomial that are added to those of every text: positions that need no ids, or the one row of
    /// a table.
    pub(super) fn positions(&mut self, outlet: OutletId, to: &RowPolynomial) -> Option<Expr> {
        let width = to.layout.width()?;
        if to.layout != self.lengths.rows(width) {
            return None;
        }
        let table = self.fixed_rows(outlet, width)?;
        let by = if table.shape[0] == 1 { IdKind::Zero } else { IdKind::Positions };
        Some(Expr::Lookup { table, by })
    }

    fn fixed_rows(&self, outlet: OutletId, width: usize) -> Option<Matrix> {
        self.fixed_rows_within(outlet, width, 8)
    }

    fn fixed_rows_within(&self, outlet: OutletId, width: usize, steps: usize) -> Option<Matrix> {
        let steps = steps.checked_sub(1)?;
        let node = self.model.node(outlet.node);
        let input = node.inputs.first().copied();
        match node.op_as::<AxisOp>() {
            Some(AxisOp::Add(0)) => return self.fixed_rows_within(input?, width, steps),
            Some(_) => return None,
            None => {}
        }
        if node.op_is::<MultiBroadcastTo>() {
            return self.fixed_rows_within(input?, width, steps);
        }
        if let Some(slice) = node.op_as::<Slice>() {
            let at = self.model.outlet_fact(input?).ok()?.rank().checked_sub(2)?;
            let all = slice.axis == at && slice.start == 0.to_dim() && slice.end == self.lengths.tokens;
            return if all { matrix(self.model, input?) } else { None };
        }
        // As many rows as texts of the export have tokens, or one.
        let table = matrix(self.model, outlet).filter(|t| !t.transposed && t.used()[1] == width)?;
        let rows = table.used()[0].to_dim();
        let constant = matches!(table.parts[..], [TensorRef::Constant(_)]);
        (constant && (rows.is_one() || rows == self.lengths.tokens)).then_some(table)
    }
}
