//! Functions of one tensor, element by element.

use crate::encoder::graph::op::{computed, one};
use crate::encoder::graph::prelude::*;
use crate::encoder::reference::linear::{erfc, reference_activation};
use crate::encoder::spec::Activation;

use super::binary::narrow;

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Abs,
    Erf,
    Exp,
    Gelu,
    IsNan,
    Ln,
    Neg,
    Not,
    Recip,
    /// Rounds to the nearest integer, halves to even.
    Round,
    Rsqrt,
    Sigmoid,
    Sign,
    Sqrt,
    Square,
    Tanh,
}

impl Unary {
    fn on_floats(self) -> Option<fn(f32) -> f32> {
        Some(match self {
            Self::Abs => f32::abs,
            Self::Erf => |x| (1.0 - erfc(f64::from(x))) as f32,
            Self::Exp => f32::exp,
            Self::Gelu => |x| reference_activation(Activation::Gelu, f64::from(x)) as f32,
            Self::Ln => f32::ln,
            Self::Neg => |x| -x,
            Self::Recip => f32::recip,
            Self::Round => f32::round_ties_even,
            Self::Rsqrt => |x| x.sqrt().recip(),
            Self::Sigmoid => |x| (1.0 + (-x).exp()).recip(),
            Self::Sign => |x| if x == 0.0 { 0.0 } else { x.signum() },
            Self::Sqrt => f32::sqrt,
            Self::Square => |x| x * x,
            Self::Tanh => f32::tanh,
            Self::IsNan | Self::Not => return None,
        })
    }

    fn on_integers(self) -> Option<fn(i64) -> i64> {
        Some(match self {
            Self::Abs => i64::wrapping_abs,
            Self::Neg => i64::wrapping_neg,
            Self::Sign => i64::signum,
            Self::Square => |x| x.wrapping_mul(x),
            _ => return None,
        })
    }
}

impl TypedOp for Unary {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        let datum_type = if *self == Self::IsNan { DatumType::Bool } else { x.datum_type };
        Ok(tvec!(datum_type.fact(x.shape.to_tvec())))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let unknown = || TractError::msg(format!("{self:?} of {:?}", x.datum_type()));
        let result = match (x.datum_type(), self) {
            (DatumType::F32, Self::IsNan) => map(&x, f32::is_nan),
            (DatumType::F32, _) => map(&x, self.on_floats().ok_or_else(unknown)?),
            (DatumType::Bool, Self::Not) => map(&x, |x: bool| !x),
            (DatumType::I64 | DatumType::I32, _) => {
                let wide = map(&*x.cast_to::<i64>()?, self.on_integers().ok_or_else(unknown)?)?;
                narrow(wide, x.datum_type())
            }
            _ => Err(unknown()),
        };
        Ok(computed(result?))
    }
}

/// Applies `f` to all elements.
fn map<T: Datum + Copy, U: Datum + Copy>(x: &Tensor, f: fn(T) -> U) -> TractResult<Tensor> {
    let plain = x.try_as_plain_ram()?;
    let results: Vec<U> = plain.as_slice::<T>()?.iter().map(|x| f(*x)).collect();
    Tensor::from_shape(x.shape(), &results)
}
