//! Joins the products of an attention: q, k and v read the same rows, so one product computes them, with their weights
//! below each other. Where only the first rows are queries, k and v are joined.
//!
//! Joined products have one dispatch instead of three, and quantize their rows once. A GPU with many processors is busy
//! with few rows too.

use super::buffer::GpuBuffer;
use super::device::GpuDevice;
use super::dispatch::{GpuOp, Projections};
use super::weights::{GpuLinear, upload_values};
use crate::encoder::plan::{Outputs, PlanOp, ValueId};
use crate::encoder::spec::{Activation, LinearSpec};
use crate::error::Result;

/// Joins what can be joined. Changes the ops, the values that they read, and the widths of values.
///
/// # Errors
/// The errors of [`GpuLinear::joined`].
pub(super) fn join_projections(
    gpu: &GpuDevice,
    plan: &[PlanOp],
    outputs: &Outputs,
    (ops, inputs, widths): (&mut [GpuOp], &mut [Vec<ValueId>], &mut [usize]),
) -> Result<()> {
    let mut uses = vec![0; ops.len()];
    inputs.iter().flatten().chain(outputs.values()).for_each(|value| uses[*value] += 1);
    for (index, op) in plan.iter().enumerate() {
        let &PlanOp::Attention { q, k, v, .. } = op else { continue };
        for (of, group) in [(Projections::Joined, &[q, k, v][..]), (Projections::JoinedKeys, &[k, v])] {
            let parts: Vec<(usize, &GpuLinear)> = group
                .iter()
                .filter_map(|value| match (&plan[*value], &ops[*value]) {
                    (PlanOp::Linear(plan), GpuOp::Linear { linear, .. }) if uses[*value] == 1 => {
                        Some((plan.x, linear))
                    }
                    _ => None,
                })
                .collect();
            let is_one_input = parts.windows(2).all(|pair| pair[0].0 == pair[1].0);
            if parts.len() < group.len() || !is_one_input || !group.is_sorted() {
                continue;
            }
            let linears: Vec<&GpuLinear> = parts.iter().map(|part| part.1).collect();
            let Some(joined) = GpuLinear::joined(gpu, &linears)? else { continue };
            let leader = group[0];
            widths[leader] = joined.spec.outputs;
            ops[leader] = GpuOp::linear(gpu, joined)?;
            for (place, member) in group.iter().enumerate().skip(1) {
                ops[*member] = GpuOp::Joined { leader, place };
                widths[*member] = 0;
                inputs[*member].clear();
            }
            inputs[index] = if of == Projections::Joined { vec![leader] } else { vec![q, leader] };
            if let GpuOp::Attention { projections, .. } = &mut ops[index] {
                *projections = of;
            }
            break;
        }
    }
    Ok(())
}

impl GpuLinear {
    /// Returns a `Linear` with the outputs of all parts, one part after the other, or `None` if they are stored in
    /// different ways. The weights are copied on the device.
    ///
    /// # Errors
    /// The errors of [`GpuDevice::buffer`].
    pub(super) fn joined(gpu: &GpuDevice, parts: &[&Self]) -> Result<Option<Self>> {
        let Some(first) = parts.first() else { return Ok(None) };
        let is_like_first = |part: &&Self| {
            part.spec == LinearSpec { activation: Activation::None, ..first.spec }
                && part.format == first.format
                && part.exact_max == first.exact_max
                && part.has_blocks == first.has_blocks
                && part.values[0] == first.values[0]
        };
        if !parts.iter().all(is_like_first) || !first.spec.outputs.is_multiple_of(4) {
            return Ok(None);
        }
        let (device, queue) = gpu.wgpu();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Joins buffers of so many sections: each section of the result has that of all parts.
        let mut join = |sections: u64, of: &dyn Fn(&Self) -> Option<&GpuBuffer>| -> Result<GpuBuffer> {
            let buffers: Vec<&GpuBuffer> = parts.iter().filter_map(|part| of(part)).collect();
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let size = buffers.iter().map(|buffer| buffer.size()).sum();
            let joined = gpu.buffer("a weight", size, usage)?;
            let mut at = 0;
            for section in 0..sections {
                for buffer in &buffers {
                    let len = buffer.size() / sections;
                    encoder.copy_buffer_to_buffer(buffer, section * len, &joined, at, len);
                    at += len;
                }
            }
            Ok(joined)
        };
        let weight = join(1, &|part| Some(&part.weight))?;
        let vectors = join(3, &|part| Some(&part.vectors))?;
        let blocks = match first.blocks {
            Some(_) => Some(join(1, &|part| part.blocks.as_ref())?),
            None => None,
        };
        queue.submit([encoder.finish()]);
        let sum = |k: usize| parts.iter().map(|part| part.values[1][k]).sum();
        let values = [first.values[0].clone(), (0..first.values[1].len()).map(sum).collect()];
        let bias_sum = parts.iter().filter_map(|part| part.sums.as_ref()).map(|(_, bias)| bias).sum();
        let (factors, sums) = upload_values(gpu, &values, bias_sum)?;
        Ok(Some(Self {
            spec: LinearSpec { outputs: parts.len() * first.spec.outputs, ..first.spec },
            format: first.format,
            weight,
            vectors,
            factors,
            values,
            blocks,
            sums,
            exact_max: first.exact_max,
            has_blocks: first.has_blocks,
            bytes: parts.iter().map(|part| part.bytes).sum(),
        }))
    }
}
