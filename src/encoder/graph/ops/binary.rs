//! Operators on two tensors, element by element.

use crate::encoder::graph::op::computed;
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{broadcast_strides, walk};

use super::shape::broadcast;

/// An operator on two tensors of as many axes, which broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Pow,
    And,
    Or,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Binary {
    /// Returns true if the result is a truth value.
    fn compares(self) -> bool {
        use Binary::*;
        matches!(self, And | Or | Equal | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    fn on_floats(self) -> Option<fn(f32, f32) -> f32> {
        Some(match self {
            Self::Add => |a, b| a + b,
            Self::Sub => |a, b| a - b,
            Self::Mul => |a, b| a * b,
            Self::Div => |a, b| a / b,
            Self::Min => f32::min,
            Self::Max => f32::max,
            Self::Pow => f32::powf,
            _ => return None,
        })
    }

    /// Returns the operator on integers of 64 bits. The translator lets no other integers in than int64 and
    /// int32, whose results wrap.
    fn on_integers(self) -> Option<fn(i64, i64) -> i64> {
        Some(match self {
            Self::Add => i64::wrapping_add,
            Self::Sub => i64::wrapping_sub,
            Self::Mul => i64::wrapping_mul,
            Self::Min => i64::min,
            Self::Max => i64::max,
            _ => return None,
        })
    }

    fn compare<T: PartialOrd>(self) -> Option<fn(T, T) -> bool> {
        Some(match self {
            Self::Equal => |a, b| a == b,
            Self::Less => |a, b| a < b,
            Self::LessOrEqual => |a, b| a <= b,
            Self::Greater => |a, b| a > b,
            Self::GreaterOrEqual => |a, b| a >= b,
            _ => return None,
        })
    }

    fn on_flags(self) -> Option<fn(bool, bool) -> bool> {
        Some(match self {
            Self::And => |a, b| a & b,
            Self::Or => |a, b| a | b,
            _ => return None,
        })
    }
}

impl TypedOp for Binary {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [a, b] = inputs else { bail!("two inputs are expected") };
        ensure!(a.datum_type == b.datum_type, "{:?} and {:?} differ", a.datum_type, b.datum_type);
        let datum_type = if self.compares() { DatumType::Bool } else { a.datum_type };
        Ok(tvec!(datum_type.fact(broadcast(&[&a.shape[..], &b.shape[..]])?)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [a, b] = &inputs[..] else { bail!("two inputs are expected") };
        let datum_type = a.datum_type();
        ensure!(datum_type == b.datum_type(), "the types differ");
        let unknown = || TractError::msg(format!("{self:?} of {datum_type:?}"));
        let result = match datum_type {
            DatumType::F32 if self.compares() => zip(a, b, self.compare::<f32>().ok_or_else(unknown)?),
            DatumType::F32 => zip(a, b, self.on_floats().ok_or_else(unknown)?),
            DatumType::Bool => zip(a, b, self.on_flags().ok_or_else(unknown)?),
            DatumType::TDim => Err(unknown()),
            _ => {
                let (a, b) = (a.cast_to::<i64>()?, b.cast_to::<i64>()?);
                if self.compares() {
                    return Ok(computed(zip(&a, &b, self.compare::<i64>().ok_or_else(unknown)?)?));
                }
                let wide = zip(&a, &b, self.on_integers().ok_or_else(unknown)?)?;
                narrow(wide, datum_type)
            }
        };
        Ok(computed(result?))
    }
}

/// Converts int64 to an integer type, and wraps what does not fit.
pub(super) fn narrow(wide: Tensor, to: DatumType) -> TractResult<Tensor> {
    match to {
        DatumType::I64 => Ok(wide),
        DatumType::I32 => {
            let plain = wide.try_as_plain_ram()?;
            let narrow: Vec<i32> = plain.as_slice::<i64>()?.iter().map(|x| *x as i32).collect();
            Tensor::from_shape(wide.shape(), &narrow)
        }
        other => bail!("arithmetic on {other:?}"),
    }
}

/// Applies `f` to all pairs of elements.
fn zip<T: Datum + Copy, U: Datum + Copy>(a: &Tensor, b: &Tensor, f: fn(T, T) -> U) -> TractResult<Tensor> {
    let shape = broadcast(&[a.shape(), b.shape()])?;
    let strides = [broadcast_strides(a.shape(), &shape)?, broadcast_strides(b.shape(), &shape)?];
    let (a, b) = (a.try_as_plain_ram()?, b.try_as_plain_ram()?);
    let (a, b) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
    let last = shape.last().copied().unwrap_or(1);
    let [a_step, b_step] = [0, 1].map(|i| strides[i].last().copied().unwrap_or(0));
    let mut out = Vec::with_capacity(shape.iter().product());
    walk(&shape, [&strides[0], &strides[1]], |[a_at, b_at]| {
        out.extend((0..last).map(|i| f(a[a_at + i * a_step], b[b_at + i * b_step])));
    });
    Tensor::from_shape(&shape, &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_broadcast() {
        let run = |op: Binary, a: Tensor, b: Tensor| {
            op.eval(&SymbolValues::default(), tvec!(Arc::new(a), Arc::new(b))).unwrap().remove(0)
        };
        let a = Tensor::from_shape(&[2, 1], &[1i32, i32::MAX]).unwrap();
        let b = Tensor::from_shape(&[1, 3], &[1i32, 2, 3]).unwrap();
        let sum = run(Binary::Add, a.clone(), b.clone());
        assert_eq!(sum.shape(), [2, 3]);
        let plain = sum.try_as_plain_ram().unwrap();
        assert_eq!(plain.as_slice::<i32>().unwrap(), [2, 3, 4, i32::MIN, i32::MIN + 1, i32::MIN + 2]);
        let less = run(Binary::Less, a, b);
        let plain = less.try_as_plain_ram().unwrap();
        assert_eq!(plain.as_slice::<bool>().unwrap(), [false, true, true, false, false, false]);
        let power = run(Binary::Pow, tensor1(&[3f32]), tensor1(&[2f32]));
        assert_eq!(power.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap(), [9.0]);
    }
}
