//! `QuantizeLinear` as one operator: `clamp(round(x / scale) + zero, min, max)`.

/// The integers that a quantization makes.
use crate::encoder::graph::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntegerRange {
    /// The type that holds them in the graph. 4-bit integers have a byte each.
    pub(crate) datum_type: DatumType,
    pub(crate) min: i32,
    pub(crate) max: i32,
}

impl IntegerRange {
    /// Returns the integers of a type, or `None` for a type that nothing is quantized to. `four_bits` says that
    /// the elements of int8 or uint8 are 4-bit integers.
    pub(crate) fn of(datum_type: DatumType, four_bits: bool) -> Option<Self> {
        let (min, max) = match (datum_type, four_bits) {
            (DatumType::U8, true) => (0, 15),
            (DatumType::I8, true) => (-8, 7),
            (DatumType::U8, false) => (0, 255),
            (DatumType::I8, false) => (-128, 127),
            (DatumType::U16, false) => (0, 65_535),
            (DatumType::I16, false) => (-32_768, 32_767),
            _ => return None,
        };
        Some(Self { datum_type, min, max })
    }
}

/// Quantizes with a scale and a zero point that are given.
///
/// Inputs, all f32: x, scale, zero point. Scale and zero point have one element, or as many axes as x, of which
/// one is longer than 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StaticQuantize(pub(crate) IntegerRange);

impl TypedOp for StaticQuantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x, _, _] = inputs else { bail!("expected three inputs") };
        Ok(tvec!(self.0.datum_type.fact(x.shape.to_tvec())))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [x, scale, zero] = &*inputs else { bail!("expected three inputs") };
        let (scale, zero) = (Parameter::new(scale, x.shape())?, Parameter::new(zero, x.shape())?);
        let IntegerRange { datum_type, min, max } = self.0;
        let (min, max) = (min as f32, max as f32);
        let plain = x.try_as_plain_ram()?;
        let steps = plain
            .as_slice::<f32>()?
            .iter()
            .enumerate()
            .map(|(i, x)| ((x / scale.at(i)).round_ties_even() + zero.at(i)).clamp(min, max));
        let shape = x.shape();
        let integers = match datum_type {
            DatumType::U8 => Tensor::from_shape(shape, &steps.map(|x| x as u8).collect::<Vec<_>>()),
            DatumType::I8 => Tensor::from_shape(shape, &steps.map(|x| x as i8).collect::<Vec<_>>()),
            DatumType::U16 => Tensor::from_shape(shape, &steps.map(|x| x as u16).collect::<Vec<_>>()),
            DatumType::I16 => Tensor::from_shape(shape, &steps.map(|x| x as i16).collect::<Vec<_>>()),
            other => bail!("cannot quantize to {other:?}"),
        };
        Ok(tvec!(Arc::new(integers?)))
    }
}

/// A scale or a zero point: one number, or one per index of an axis.
struct Parameter<'a> {
    values: &'a [f32],
    /// Elements of x per index of the axis.
    inner: usize,
}

impl<'a> Parameter<'a> {
    fn new(tensor: &'a Tensor, shape: &[usize]) -> TractResult<Self> {
        let values = tensor.try_as_plain_ram()?.as_slice::<f32>()?;
        let axis = tensor.shape().iter().position(|n| *n != 1);
        let inner = match axis {
            Some(axis) if tensor.rank() == shape.len() && values.len() == shape[axis] => {
                shape[axis + 1..].iter().product()
            }
            None => 1,
            Some(_) => bail!("a scale of shape {:?} does not match {shape:?}", tensor.shape()),
        };
        Ok(Self { values, inner })
    }

    /// Returns the number for element `i` of x.
    fn at(&self, i: usize) -> f32 {
        if self.values.len() == 1 { self.values[0] } else { self.values[i / self.inner % self.values.len()] }
    }
}
