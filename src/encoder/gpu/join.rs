//! Joins the products of an attention: q, k and v read the same rows, so one product computes them, with their weights
//! below each other. Where only the first rows are queries, k and v are joined.
//!
//! Joined products have one dispatch instead of three, and quantize their rows once. A GPU with many processors is busy
//! with few rows too.

use super::device::GpuDevice;
use super::dispatch::{GpuOp, Projections};
use super::weights::GpuLinear;
use crate::encoder::plan::{Outputs, PlanOp, ValueId};
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
