//! Tracks how the axes of a value relate to a batch of texts.
//!
//! Exporters reshape and transpose: `[batch, tokens, width]` becomes `[batch, heads, tokens, dim]` or
//! `[batch · tokens, width]`. A layout says what each axis consists of. A reshape or transpose that
//! moves elements out of order has no layout, and its result is unknown.

/// A factor of an axis.
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Atom {
    /// The texts of the batch.
    Batch,
    /// The tokens of a text, padding included.
    Tokens,
    /// The tokens of a text as keys, in a matrix of attention scores.
    Keys,
    /// Attention heads.
    Heads(usize),
    /// The columns of a head.
    Dim(usize),
    /// All columns of a row: the heads, each with its columns.
    Width(usize),
}

/// The axes. Each is a product of atoms, the outer one first. An axis of length 1 has no atom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Layout(pub(super) Vec<Vec<Atom>>);

/// The lengths of a batch: numbers, or symbols.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    pub(super) batch: TDim,
    pub(super) tokens: TDim,
}

impl Lengths {
    pub(super) fn of(&self, atom: Atom) -> TDim {
        match atom {
            Atom::Batch => self.batch.clone(),
            Atom::Tokens | Atom::Keys => self.tokens.clone(),
            Atom::Heads(n) | Atom::Dim(n) | Atom::Width(n) => n.to_dim(),
        }
    }

    /// Drops atoms of length 1, and merges heads and their columns into all columns.
    fn axis(&self, atoms: Vec<Atom>) -> Vec<Atom> {
        let mut axis: Vec<Atom> = atoms.into_iter().filter(|a| !self.of(*a).is_one()).collect();
        if let Some(at) = axis.windows(2).position(|w| matches!(w, [Atom::Heads(_), Atom::Dim(_)]))
            && let (Atom::Heads(heads), Atom::Dim(dim)) = (axis[at], axis[at + 1])
        {
            axis.splice(at..at + 2, [Atom::Width(heads.saturating_mul(dim))]);
        }
        axis
    }

    /// Returns the layout of axes.
    pub(super) fn layout(&self, axes: impl IntoIterator<Item = Vec<Atom>>) -> Layout {
        Layout(axes.into_iter().map(|axis| self.axis(axis)).collect())
    }

    /// Returns `[batch, tokens, width]`, the layout of hidden states.
    pub(super) fn rows(&self, width: usize) -> Layout {
        self.layout([vec![Atom::Batch], vec![Atom::Tokens], vec![Atom::Width(width)]])
    }

    /// Returns `[batch, width]`, the layout of the first row of each text. No other rows lack an axis of tokens.
    pub(super) fn first_rows(&self, width: usize) -> Layout {
        self.layout([vec![Atom::Batch], vec![Atom::Width(width)]])
    }

    /// Returns true if the axes of a layout have these lengths.
    pub(super) fn fit(&self, layout: &Layout, dims: &[TDim]) -> bool {
        let product = |axis: &Vec<Atom>| {
            axis.iter().try_fold([1, 0, 0], |have, atom| {
                let more = self.monomial(&self.of(*atom))?;
                Some([have[0] * more[0], have[1] + more[1], have[2] + more[2]])
            })
        };
        layout.0.len() == dims.len()
            && layout.0.iter().zip(dims).all(|(axis, dim)| {
                let due = self.monomial(dim);
                due.is_some() && product(axis) == due
            })
    }

    /// Returns the layout after an operator on axes, or `None` if it moves elements out of order.
    pub(super) fn apply(&self, op: &AxisOp, layout: &Layout) -> Option<Layout> {
        let mut axes = layout.0.clone();
        match op {
            AxisOp::Add(at) if *at <= axes.len() => axes.insert(*at, Vec::new()),
            AxisOp::Rm(at) if axes.get(*at)?.is_empty() => {
                axes.remove(*at);
            }
            AxisOp::Move(from, to) if *from < axes.len() && *to < axes.len() => {
                let axis = axes.remove(*from);
                axes.insert(*to, axis);
            }
            AxisOp::Reshape(at, from, to) => {
                let range = *at..at + from.len();
                let atoms: Vec<Atom> = axes.get(range.clone())?.iter().flatten().copied().collect();
                axes.splice(range, self.group(atoms, to)?);
            }
            _ => return None,
        }
        Some(self.layout(axes))
    }

    /// Returns a length as `[number, power of batch, power of tokens]`. tract-data does not normalize the
    /// order of factors, so two equal lengths may differ as expressions.
    fn monomial(&self, length: &TDim) -> Option<[i64; 3]> {
        match length {
            TDim::Val(n) => Some([*n, 0, 0]),
            TDim::MulInt(n, inner) => self.monomial(inner).map(|m| [m[0] * n, m[1], m[2]]),
            TDim::Mul(factors) => factors.iter().try_fold([1, 0, 0], |have, factor| {
                let more = self.monomial(factor)?;
                Some([have[0] * more[0], have[1] + more[1], have[2] + more[2]])
            }),
            _ if *length == self.batch => Some([1, 1, 0]),
            _ if *length == self.tokens => Some([1, 0, 1]),
            _ => None,
        }
    }

    /// Groups consecutive atoms into axes of the given lengths.
    fn group(&self, atoms: Vec<Atom>, to: &[TDim]) -> Option<Vec<Vec<Atom>>> {
        let mut atoms: std::collections::VecDeque<Atom> = atoms.into();
        let mut axes = Vec::with_capacity(to.len());
        for length in to {
            let due = self.monomial(length)?;
            let (mut have, mut axis) = ([1, 0, 0], Vec::new());
            while have != due {
                let atom = atoms.pop_front()?;
                let size = self.monomial(&self.of(atom))?;
                let next = [have[0].checked_mul(size[0])?, have[1] + size[1], have[2] + size[2]];
                if let Atom::Width(width) = atom
                    && next[0] > due[0]
                {
                    // The only atom that is ever split: columns into heads.
                    let heads = usize::try_from(due[0] / have[0].max(1)).ok()?;
                    if next[1..] != due[1..] || heads == 0 || due[0] % have[0] != 0 || width % heads != 0 {
                        return None;
                    }
                    axis.push(Atom::Heads(heads));
                    atoms.push_front(Atom::Dim(width / heads));
                    break;
                }
                axis.push(atom);
                have = next;
            }
            axes.push(axis);
        }
        atoms.is_empty().then_some(axes)
    }
}

impl Layout {
    /// Returns the width of a row, if the last axis is a whole row.
    pub(super) fn width(&self) -> Option<usize> {
        match self.0.last()?.as_slice() {
            [Atom::Width(width)] => Some(*width),
            [] => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Atom::{Batch, Dim, Heads, Tokens, Width};

    fn lengths() -> Lengths {
        let model = TypedModel::default();
        Lengths { batch: model.symbols.sym("batch").to_dim(), tokens: model.symbols.sym("sequence").to_dim() }
    }

    #[test]
    fn heads_and_back() {
        let lengths = lengths();
        let rows = lengths.rows(32);
        let split = AxisOp::Reshape(2, vec![32.to_dim()], vec![4.to_dim(), 8.to_dim()]);
        let heads = lengths.apply(&split, &rows).unwrap();
        assert_eq!(heads.0, [vec![Batch], vec![Tokens], vec![Heads(4)], vec![Dim(8)]]);
        let transposed = lengths.apply(&AxisOp::Move(1, 2), &heads).unwrap();
        assert_eq!(transposed.0, [vec![Batch], vec![Heads(4)], vec![Tokens], vec![Dim(8)]]);
        let join = AxisOp::Reshape(2, vec![4.to_dim(), 8.to_dim()], vec![32.to_dim()]);
        assert_eq!(lengths.apply(&join, &heads).unwrap(), rows);
        // Joined in the wrong order they are no rows.
        let wrong =
            AxisOp::Reshape(1, vec![4.to_dim(), lengths.tokens.clone()], vec![lengths.tokens.clone() * 4]);
        assert_ne!(lengths.apply(&wrong, &transposed).map(|l| l.width()), Some(Some(32)));
    }

    #[test]
    fn flattened_rows() {
        let lengths = lengths();
        let (b, s) = (lengths.batch.clone(), lengths.tokens.clone());
        let flat = AxisOp::Reshape(0, vec![b.clone(), s.clone()], vec![b.clone() * &s]);
        let flat = lengths.apply(&flat, &lengths.rows(32)).unwrap();
        assert_eq!(flat.0, [vec![Batch, Tokens], vec![Width(32)]]);
        let back = AxisOp::Reshape(0, vec![b.clone() * &s], vec![b, s]);
        assert_eq!(lengths.apply(&back, &flat).unwrap(), lengths.rows(32));
    }

    #[test]
    fn one_text() {
        let lengths = Lengths { batch: 1.to_dim(), tokens: 16.to_dim() };
        let rows = lengths.rows(32);
        assert_eq!(rows.0, [vec![], vec![Tokens], vec![Width(32)]]);
        let flat = AxisOp::Reshape(0, vec![1.to_dim(), 16.to_dim()], vec![16.to_dim()]);
        assert_eq!(lengths.apply(&flat, &rows).unwrap().0, [vec![Tokens], vec![Width(32)]]);
        assert_eq!(lengths.apply(&AxisOp::Rm(1), &rows), None);
    }
}
