//! Translates `OneHot`, with which TensorFlow's BERT looks token types up.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

/// `OneHot` with the values 0 and 1. An index outside `-depth..depth` selects nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneHot {
    /// The axis of the result that the indices select on.
    pub(crate) axis: usize,
    pub(crate) depth: usize,
}

impl TypedOp for OneHot {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [indices] = inputs else { bail!("expected one input") };
        let mut shape: TVec<TDim> = indices.shape.to_tvec();
        shape.insert(self.axis, self.depth.to_dim());
        Ok(tvec!(DatumType::F32.fact(shape)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [indices] = &*inputs else { bail!("expected one input") };
        let mut shape: TVec<usize> = indices.shape().into();
        let inner: usize = shape[self.axis..].iter().product();
        shape.insert(self.axis, self.depth);
        let plain = indices.try_as_plain_ram()?;
        let indices = plain.as_slice::<i64>()?;
        let mut ones = vec![0f32; indices.len() * self.depth];
        for (i, index) in indices.iter().enumerate() {
            let index = if *index < 0 { index.saturating_add(self.depth as i64) } else { *index };
            if let Some(index) = usize::try_from(index).ok().filter(|index| *index < self.depth) {
                ones[(i / inner * self.depth + index) * inner + i % inner] = 1.0;
            }
        }
        Ok(tvec!(Arc::new(Tensor::from_shape(&shape, &ones)?)))
    }
}

/// Inputs: indices, depth, [off, on]. An index from `-depth` to -1 counts from the end; any other index outside
/// `0..depth` selects nothing.
pub(crate) fn one_hot(ctx: &mut NodeContext) -> NodeOutputs {
    let (indices, values) = (ctx.input(0)?, ctx.input(2)?);
    let [depth @ 1..=65536] = ctx.constant_integers(1)?[..] else {
        return Err(ctx.builder.unsupported("the depth is not a number from 1 to 65536"));
    };
    if !matches!(indices.onnx_type(), DatumType::I64 | DatumType::I32) {
        return Err(ctx.builder.unsupported(format_args!("indices of type {:?}", indices.onnx_type())));
    }
    if values.rank() != 1 || values.dims()[0] != 2.to_dim() {
        return Err(ctx.builder.invalid("the third input is not [off, on]"));
    }
    let rank = indices.rank();
    let axis = ctx.axis(ctx.node.int_or("axis", -1)?, rank + 1)?;
    let is_zero_and_one = values.tensor().is_some_and(|t| {
        let plain = t.try_as_plain_ram();
        plain.is_ok_and(|plain| plain.as_slice::<f32>().is_ok_and(|values| values == [0.0, 1.0]))
    });
    if !is_zero_and_one {
        return Err(ctx.builder.unsupported("the values are not the floats 0 and 1"));
    }
    let indices = ctx.builder.cast(&indices, DatumType::I64)?;
    Ok(tvec!(ctx.builder.wire(OneHot { axis, depth: depth as usize }, &[&indices])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hot_selects_along_its_axis() {
        let run = |axis, indices: &[i64]| {
            let x = Arc::new(tensor1(indices));
            let ones = OneHot { axis, depth: 3 }.eval(&SymbolValues::default(), tvec!(x)).unwrap();
            ones[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(1, &[2, 0]), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(run(0, &[2, 0]), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(run(1, &[-1, 3]), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
