//! Embedding lookups: one row of a table per token. Tables are stored as floats or as integers.

use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::gather::Gather;
use crate::encoder::graph::ops::shape::{BroadcastTo, Slice};
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial};
use crate::encoder::matcher::expr::{Expr, IdKind};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::layout::{Atom, Layout, Lengths};
use crate::encoder::matcher::patterns::product::Places;
use crate::encoder::matcher::weight::matrix;
use crate::encoder::onnx::OneHot;
use crate::encoder::plan::{Matrix, Quantization, TensorRef, Vector};
use crate::encoder::spec::PositionRule;

impl GraphMatcher<'_> {
    /// Matches a Gather of whole rows of a weight.
    pub(in crate::encoder::matcher) fn lookup(&mut self, node: &TypedNode) -> Option<AbstractValue> {
        let [data, indices] = node.inputs[..] else { return None };
        if *node.op_as::<Gather>()? != (Gather::Slices { axis: 0 })
            || !matches!(self.value(data), AbstractValue::Fixed)
        {
            return None;
        }
        let fact = &node.outputs[0];
        if !matches!(
            fact.datum_type,
            DatumType::F32 | DatumType::I8 | DatumType::U8 | DatumType::I16 | DatumType::U16
        ) {
            return None;
        }
        let table = matrix(self.model, data).filter(|t| !t.transposed)?;
        let rank = self.model.outlet_fact(data).ok()?.rank();
        let by = match self.value(indices).clone() {
            AbstractValue::Ids(by, mut layout) if rank == 2 => {
                layout.0.push(vec![Atom::Width(table.used()[1])]);
                let layout = self.lengths.layout(layout.0);
                return Some(self.rows(Expr::Lookup { table, by }, layout));
            }
            AbstractValue::Fixed | AbstractValue::Mask => self.probe.index(indices, false)?,
            AbstractValue::FromIds => self.probe.index(indices, true)?,
            _ => return None,
        };
        let axes = self.model.outlet_fact(indices).ok()?.shape.to_tvec();
        let Lengths { batch, tokens } = &self.lengths;
        let per_token = match &*axes {
            [b, t] => t == tokens && (b.is_one() || b == batch),
            // The positions of one text, which broadcast to all texts.
            [t] => t == tokens && matches!(by, IdKind::Positions(_)),
            _ => false,
        };
        if rank != 2 || !per_token {
            return None;
        }
        let layout = self.per_token(&axes, table.used()[1]);
        Some(self.rows(Expr::Lookup { table, by }, layout))
    }

    /// Matches a row of zeros and a one per id.
    pub(in crate::encoder::matcher) fn one_hot(op: &OneHot, x: AbstractValue) -> Option<AbstractValue> {
        let AbstractValue::Ids(by, layout) = x else { return None };
        (op.axis == layout.0.len()).then_some(AbstractValue::OneHot { by, layout, columns: op.depth })
    }

    /// Matches the product of such rows and a table, `[columns, width]`: a lookup.
    pub(super) fn one_hot_lookup(
        &mut self,
        (by, layout, columns): (IdKind, &Layout, usize),
        b: OutletId,
        places: &[Places],
    ) -> Option<AbstractValue> {
        let table = matrix(self.model, b).filter(|t| !t.transposed && t.float)?;
        let rank = layout.0.len();
        let is_product = self.model.outlet_fact(b).ok()?.rank() == 2
            && places.iter().all(|place| match *place {
                [Some(a), Some(0), None] => a == rank,
                [Some(a), None, Some(out)] => a == out && a < rank,
                [None, Some(1), Some(out)] => out == rank,
                _ => false,
            });
        if !is_product || table.used()[0] != columns {
            return None;
        }
        let mut axes = layout.0.clone();
        axes.push(vec![Atom::Width(table.used()[1])]);
        let layout = self.lengths.layout(axes);
        Some(self.rows(Expr::Lookup { table, by }, layout))
    }

    /// Returns the layout of one row per token.
    fn per_token(&self, axes: &[TDim], width: usize) -> Layout {
        let batch =
            if axes.len() == 2 && axes[0] == self.lengths.batch { vec![Atom::Batch] } else { Vec::new() };
        let rows = [batch, vec![Atom::Tokens], vec![Atom::Width(width)]];
        self.lengths.layout(rows.into_iter().skip(2 - axes.len().min(2)))
    }

    /// Matches `x + y`, where `y` has one row per position and is the same for all texts.
    pub(super) fn add_position_rows(
        &mut self,
        x: &RowPolynomial,
        y: &RowPolynomial,
    ) -> Option<AbstractValue> {
        let Expr::Lookup { by: IdKind::Positions(_) | IdKind::Zero, .. } = self.exprs.get(y.of) else {
            return None;
        };
        let mut of_one = x.layout.clone();
        of_one.0.first_mut()?.clear();
        let fits = x.layout == self.lengths.rows(x.layout.width()?) && of_one == y.layout;
        (fits && x.is_identity() && y.is_identity())
            .then(|| self.rows(Expr::Sum(x.of, y.of), x.layout.clone()))
    }

    /// Matches rows of an integer table times a scalar: the scale of the table.
    pub(super) fn table_scaled(&mut self, rows: &RowPolynomial, c: f32) -> Option<AbstractValue> {
        let Expr::Lookup { table, by } = self.exprs.get(rows.of).clone() else { return None };
        let mut table = table;
        let Quantization::Affine { scale, .. } = &mut table.quantization else { return None };
        if table.float || !rows.is_identity() || !scale.is_empty() {
            return None;
        }
        scale.push(Vector::Uniform(c));
        Some(self.rows(Expr::Lookup { table, by }, rows.layout.clone()))
    }

    /// Matches rows of an integer table plus a scalar: the negated zero point of the table.
    pub(super) fn table_centered(&mut self, rows: &RowPolynomial, c: f32) -> Option<AbstractValue> {
        let Expr::Lookup { mut table, by } = self.exprs.get(rows.of).clone() else { return None };
        match &mut table.quantization {
            Quantization::Affine { scale, zero: zero @ None, .. }
                if scale.is_empty() && !table.float && rows.is_identity() =>
            {
                *zero = Some(Vector::Uniform(-c));
            }
            _ => return None,
        }
        Some(self.rows(Expr::Lookup { table, by }, rows.layout.clone()))
    }

    /// Matches rows of a table times the rows of a one-column table with the same ids: one scale per
    /// row of the table.
    pub(super) fn table_scaled_by_row(
        &mut self,
        x: &RowPolynomial,
        y: &RowPolynomial,
    ) -> Option<AbstractValue> {
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
        Some(self.rows(Expr::Lookup { table, by }, layout.clone()))
    }

    /// Matches constant rows that are added to every text: position embeddings that need no ids, or the
    /// only row of a table.
    pub(super) fn fixed_lookup(&mut self, outlet: OutletId, to: &RowPolynomial) -> Option<Expr> {
        let width = to.layout.width()?;
        if to.layout != self.lengths.rows(width) {
            return None;
        }
        let (table, first) = self.fixed_rows(outlet, width)?;
        let by = if table.shape[0] == 1 {
            IdKind::Zero
        } else {
            IdKind::Positions(PositionRule { first, skipped_id: None })
        };
        Some(Expr::Lookup { table, by })
    }

    /// Returns a table of constant rows and the row of the first token.
    fn fixed_rows(&self, outlet: OutletId, width: usize) -> Option<(Matrix, usize)> {
        self.fixed_rows_within(outlet, width, 8)
    }

    fn fixed_rows_within(&self, outlet: OutletId, width: usize, steps: usize) -> Option<(Matrix, usize)> {
        let steps = steps.checked_sub(1)?;
        let node = self.model.node(outlet.node);
        let input = node.inputs.first().copied();
        match node.op_as::<AxisOp>() {
            Some(AxisOp::Add(0)) => return self.fixed_rows_within(input?, width, steps),
            Some(_) => return None,
            None => {}
        }
        if node.op_is::<BroadcastTo>() {
            return self.fixed_rows_within(input?, width, steps);
        }
        if let Some(slice) = node.op_as::<Slice>() {
            let at = self.model.outlet_fact(input?).ok()?.rank().checked_sub(2)?;
            let first = slice.start.to_usize().ok()?;
            let all = slice.axis == at && slice.end == self.lengths.tokens.clone() + first;
            return if all { Some((matrix(self.model, input?)?, first)) } else { None };
        }
        // One row, or one per token of a static export.
        let table = matrix(self.model, outlet).filter(|t| !t.transposed && t.used()[1] == width)?;
        let rows = table.used()[0].to_dim();
        let constant = matches!(table.parts[..], [TensorRef::Constant(_)]);
        (constant && (rows.is_one() || rows == self.lengths.tokens)).then_some((table, 0))
    }
}
