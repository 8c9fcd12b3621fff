//! Translates `Add`, `Sub`, `Mul`, `Div`, `Pow`, `Min`, `Max` and `Sum`, with ONNX's broadcasting.

use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, integer_constant};
use crate::error::Result;

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

use Arithmetic::{Add, Div, Max, Min, Mul, Sub};

impl Arithmetic {
    /// Returns the operator of the graph.
    fn op(self) -> Binary {
        match self {
            Add => Binary::Add,
            Sub => Binary::Sub,
            Mul => Binary::Mul,
            Div => Binary::Div,
            Min => Binary::Min,
            Max => Binary::Max,
        }
    }

    /// Computes the operation on integers that may depend on batch or sequence. Returns `None` if the result
    /// cannot be expressed.
    fn on_lengths(self, a: &TDim, b: &TDim) -> Option<TDim> {
        Some(match self {
            Add => a.clone() + b,
            Sub => a.clone() - b,
            Mul => a.clone() * b.clone(),
            Div => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a.checked_div(b)?.to_dim(),
                (None, Some(1..)) => {
                    let (quotient, rest) = a.maybe_div(b).ok()?;
                    (rest == 1).then_some(quotient)?
                }
                _ => return None,
            },
            Min | Max => {
                let a_is_less = if (b.clone() - a).prove_positive_or_zero() {
                    true
                } else if (a.clone() - b).prove_positive_or_zero() {
                    false
                } else {
                    return None;
                };
                if a_is_less == (self == Min) { a.clone() } else { b.clone() }
            }
        })
    }
}

impl TypedGraphBuilder {
    /// Computes `a op b` with broadcasting.
    pub(crate) fn arithmetic(&mut self, op: Arithmetic, a: &Value, b: &Value) -> Result<Value> {
        if a.onnx_type() != b.onnx_type() {
            return Err(self.invalid(format_args!(
                "the inputs have different types, {:?} and {:?}",
                a.onnx_type(),
                b.onnx_type()
            )));
        }
        if let Some((elements, shape)) = self.map_integers(&[a, b], |x| op.on_lengths(x[0], x[1]))? {
            return integer_constant(&elements, &shape).map_err(|e| self.invalid(e));
        }
        match (op, a.onnx_type()) {
            (_, DatumType::F32) | (Add | Sub | Mul | Min | Max, DatumType::I64 | DatumType::I32) => {}
            (_, other) => {
                return Err(self
                    .unsupported(format_args!("{op:?} of {other:?}; supported are float, int64 and int32")));
            }
        }
        self.binary(op.op(), a, b)
    }

    /// Adds an operator on two values, with broadcasting. The caller has checked the types.
    pub(crate) fn binary(&mut self, op: Binary, a: &Value, b: &Value) -> Result<Value> {
        let dims = self.broadcast(&[a.dims(), b.dims()])?;
        let a = self.with_rank(a, dims.len())?;
        let b = self.with_rank(b, dims.len())?;
        // tract, which runs what is not recognized, drops a neutral operand (`x + 0`, `x and true`) even if the result has that operand's shape.
        let (a, b) = match (self.is_uniform(&a)?, self.is_uniform(&b)?) {
            (false, true) => (self.broadcast_to(&a, &dims)?, b),
            (true, false) => {
                let b = self.broadcast_to(&b, &dims)?;
                (a, b)
            }
            _ => (a, b),
        };
        self.wire(op, &[&a, &b])
    }

    /// Returns true if it is known that all elements of a value are equal.
    fn is_uniform(&self, value: &Value) -> Result<bool> {
        Ok(match value {
            Value::Const(tensor) => tensor.is_uniform(),
            Value::Wire(outlet, ..) => {
                self.model.outlet_fact(*outlet).map_err(|e| self.invalid(e))?.uniform.is_some()
            }
        })
    }

    /// Computes `a + b` with broadcasting.
    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        self.arithmetic(Add, a, b)
    }

    /// Computes `a · b` element by element with broadcasting.
    pub(crate) fn mul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        self.arithmetic(Mul, a, b)
    }

    /// Computes `x + bias`, where the bias has the length of the last axis.
    pub(crate) fn add_bias(&mut self, x: &Value, bias: &Value) -> Result<Value> {
        if bias.rank() != 1 || x.dims().last() != bias.dims().last() {
            return Err(self.invalid(format_args!(
                "a bias of shape {:?} does not match {:?}",
                bias.dims(),
                x.dims()
            )));
        }
        self.add(x, bias)
    }

    /// Computes `a · x` for a number `x`.
    pub(crate) fn scale(&mut self, a: &Value, x: f32) -> Result<Value> {
        self.arithmetic(Mul, a, &Value::float(x))
    }
}

/// Translates an operator with two inputs.
fn binary(ctx: &mut NodeContext, op: Arithmetic) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    Ok(tvec!(ctx.builder.arithmetic(op, &a, &b)?))
}

/// Translates an operator with any number of inputs.
fn variadic(ctx: &mut NodeContext, op: Arithmetic) -> NodeOutputs {
    let mut result = ctx.input(0)?;
    for i in 1..ctx.inputs.len() {
        let next = ctx.input(i)?;
        result = ctx.builder.arithmetic(op, &result, &next)?;
    }
    Ok(tvec!(result))
}

pub(crate) fn add(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Add)
}

pub(crate) fn sub(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Sub)
}

pub(crate) fn mul(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Mul)
}

pub(crate) fn div(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Div)
}

pub(crate) fn min(ctx: &mut NodeContext) -> NodeOutputs {
    variadic(ctx, Min)
}

pub(crate) fn max(ctx: &mut NodeContext) -> NodeOutputs {
    variadic(ctx, Max)
}

pub(crate) fn sum(ctx: &mut NodeContext) -> NodeOutputs {
    variadic(ctx, Add)
}

/// Translates `Pow` of floats. The exponent may be an integer.
pub(crate) fn pow(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    if a.onnx_type() != DatumType::F32 {
        return Err(ctx
            .builder
            .unsupported(format_args!("Pow of {:?}; only float is supported", a.onnx_type())));
    }
    let b = ctx.builder.cast(&b, DatumType::F32)?;
    Ok(tvec!(ctx.builder.binary(Binary::Pow, &a, &b)?))
}
