//! The product `x · weightᵀ` of a Linear, with the weight in each number type.

use half::f16;

use super::graph_builder::{Attribute, GraphBuilder, TensorValues};
use crate::convert::options::Dtype;
use crate::convert::quantize::{quantize_blocks, quantize_rows};
use crate::encoder::onnx::pb::DataType;
use crate::encoder::quantize::equalize::{divide_inputs, input_factors};
use crate::encoder::quantize::int4::BLOCK_I4;
use crate::encoder::reserve::try_copied;
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
use crate::encoder::transpose::transpose;
use crate::error::Result;

/// The weight of a Linear, `[out, in]` as in PyTorch.
pub(super) struct LinearWeight<'a> {
    /// For example `encoder.layer.0.output.dense.weight`.
    pub(super) name: &'a str,
    /// The number of columns.
    pub(super) inputs: usize,
    /// The values, row by row.
    pub(super) values: &'a [f32],
    /// The typical magnitude of each input, or empty if nothing is known of them.
    pub(super) magnitudes: &'a [f32],
}

impl LinearWeight<'_> {
    /// Adds the nodes of the product and returns the name of the result.
    pub(super) fn multiply(
        &self,
        graph: &mut GraphBuilder,
        scope: &str,
        x: &str,
        dtype: Dtype,
    ) -> Result<String> {
        match dtype {
            Dtype::F32 => {
                let weight = transpose(self.values, self.inputs);
                let shape = self.transposed_shape();
                let weight = graph.weight(self.name, &shape, TensorValues::F32(&weight))?;
                Ok(graph.node(scope, "MatMul", &[x, &weight], &[]))
            }
            Dtype::Int8 => self.multiply_int8(graph, scope, x),
            Dtype::Int4 => self.multiply_int4(graph, scope, x),
        }
    }

    fn multiply_int8(&self, graph: &mut GraphBuilder, scope: &str, x: &str) -> Result<String> {
        let spec = LinearSpec { inputs: self.inputs, outputs: self.outputs(), activation: Activation::None };
        let factors = input_factors(&spec, WeightOrder::OutIn, self.values, self.magnitudes)?;
        let mut values = try_copied(self.values, "the equalized weights of a Linear")?;
        divide_inputs(&spec, WeightOrder::OutIn, &mut values, &factors);
        let (values, scales) = quantize_rows(&values, self.inputs)?;
        let values = transpose(&values, self.inputs);
        let x = &if factors.is_empty() {
            x.to_owned()
        } else {
            let factors =
                graph.weight(&self.part("input_factors"), &[self.inputs], TensorValues::F32(&factors))?;
            graph.node(scope, "Mul", &[x, &factors], &[])
        };
        let shape = self.transposed_shape();
        let values = graph.weight(&self.part("quantized"), &shape, TensorValues::I8(&values))?;
        let scales = graph.weight(&self.part("scale"), &[scales.len()], TensorValues::F32(&scales))?;
        let node = format!("{scope}/DequantizeLinear");
        let axis = [Attribute::Int("axis", 1)];
        let equalized = if factors.is_empty() { self.name.to_owned() } else { self.part("equalized") };
        graph.named_node(&node, "DequantizeLinear", &[&values, &scales], &equalized, &axis);
        Ok(graph.node(scope, "MatMul", &[x, &equalized], &[]))
    }

    fn multiply_int4(&self, graph: &mut GraphBuilder, scope: &str, x: &str) -> Result<String> {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let blocks = inputs.div_ceil(BLOCK_I4);
        let matrix = quantize_blocks(self.values, inputs);
        let shape = [outputs, blocks, BLOCK_I4 / 2];
        let values = graph.weight(&self.part("quantized"), &shape, TensorValues::U8(&matrix.values))?;
        let scales = add_scales(graph, scope, &self.part("scale"), &[outputs, blocks], &matrix.scales)?;
        let shape = [outputs, blocks.div_ceil(2)];
        let zero_points =
            graph.weight(&self.part("zero_point"), &shape, TensorValues::U8(&matrix.zero_points))?;
        let attributes = [
            Attribute::Int("K", inputs as i64),
            Attribute::Int("N", outputs as i64),
            Attribute::Int("bits", 4),
            Attribute::Int("block_size", BLOCK_I4 as i64),
        ];
        let inputs = [x, &values, &scales, &zero_points];
        Ok(graph.microsoft_node(scope, "MatMulNBits", &inputs, &attributes))
    }

    /// Returns `[in, out]`, the shape that MatMul takes.
    fn transposed_shape(&self) -> [usize; 2] {
        [self.inputs, self.outputs()]
    }

    fn outputs(&self) -> usize {
        self.values.len() / self.inputs
    }

    fn part(&self, suffix: &str) -> String {
        format!("{}_{suffix}", self.name)
    }
}

/// Adds the scales of a 4-bit weight and returns their name.
///
/// MatMulNBits takes scales of the type of `x`, which is f32. The file has half floats behind a Cast,
/// unless a scale is not exactly a half float.
fn add_scales(
    graph: &mut GraphBuilder,
    scope: &str,
    name: &str,
    shape: &[usize],
    scales: &[f32],
) -> Result<String> {
    let halves: Vec<f16> = scales.iter().map(|scale| f16::from_f32(*scale)).collect();
    if halves.iter().zip(scales).any(|(half, scale)| half.to_f32() != *scale) {
        return graph.weight(name, shape, TensorValues::F32(scales));
    }
    let halves = graph.weight(name, shape, TensorValues::F16(&halves))?;
    Ok(graph.node(scope, "Cast", &[&halves], &[Attribute::cast_to(DataType::Float)]))
}
