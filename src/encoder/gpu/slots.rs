//! Buffers of activations: values share slots, because most of them live for a few ops only.

use crate::encoder::plan::{Plan, PlanOp};

/// The slot that holds each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots {
    /// Per value, its slot.
    pub(super) of_value: Vec<usize>,
    /// Per slot, the quads of its widest row.
    pub(super) row_quads: Vec<usize>,
}

impl Slots {
    /// Gives each value a slot. A slot is used again after the last use of its value; the result of an op never shares
    /// a slot with its inputs, because a shader must not write to a buffer that it reads.
    pub(super) fn shared(plan: &Plan, row_quads: &[usize]) -> Self {
        let last_uses = plan.last_uses();
        let mut slots = Self { of_value: Vec::new(), row_quads: Vec::new() };
        let mut free: Vec<usize> = Vec::new();
        for (index, op) in plan.ops.iter().enumerate() {
            let slot = free.pop().unwrap_or_else(|| {
                slots.row_quads.push(0);
                slots.row_quads.len() - 1
            });
            slots.row_quads[slot] = slots.row_quads[slot].max(row_quads[index]);
            slots.of_value.push(slot);
            let mut read = op.inputs();
            read.sort_unstable();
            read.dedup();
            free.extend(
                read.iter()
                    .filter(|input| last_uses[**input] == Some(index))
                    .map(|input| slots.of_value[*input]),
            );
        }
        slots
    }

    /// Gives each value a slot of its own, so that all of them can be read.
    #[cfg(test)]
    pub(super) fn separate(row_quads: &[usize]) -> Self {
        Self { of_value: (0..row_quads.len()).collect(), row_quads: row_quads.to_vec() }
    }
}

/// Returns true if a value has one row per text instead of one per token, given that of the values before it.
pub(super) fn is_per_text(op: &PlanOp, before: &[bool]) -> bool {
    match op {
        PlanOp::SelectRows { .. } | PlanOp::MeanRows { .. } => true,
        PlanOp::Attention { q, .. } => before[*q],
        other => other.inputs().first().is_some_and(|input| before[*input]),
    }
}

/// Returns the width of a value, given those of the values before it.
pub(super) fn width(op: &PlanOp, before: &[usize]) -> usize {
    match op {
        PlanOp::Embed(embed) => embed.norm.width,
        PlanOp::Linear(linear) => linear.spec.outputs,
        PlanOp::Attention { spec, .. } => spec.hidden(),
        PlanOp::AddNorm { norm, .. } => norm.width,
        PlanOp::Clip(clip) => clip.width,
        PlanOp::SelectRows { x, .. } | PlanOp::MeanRows { x, .. } | PlanOp::Normalize { x, .. } => before[*x],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::plan::Outputs;

    #[test]
    fn slots_are_used_again_but_never_by_an_op_that_reads_them() {
        let select = |x| PlanOp::SelectRows { x, width: 4 };
        // Value 0 is read by 1 and 3, value 1 by 2, value 2 by 3.
        let add = |x, plus| {
            let clip = crate::encoder::plan::ClipOp {
                x,
                plus: Some(plus),
                width: 4,
                range: crate::encoder::spec::UNBOUNDED,
                shift: None,
                activation: crate::encoder::spec::Activation::None,
            };
            PlanOp::Clip(Box::new(clip))
        };
        let ops = vec![select(0), select(0), select(1), add(0, 2), select(3)];
        let mut plan = Plan { ops, outputs: Outputs::Pooled(4) };
        plan.ops[0] = PlanOp::Normalize { x: 0, width: 4 };
        let slots = Slots::shared(&plan, &[1, 2, 3, 1, 1]);
        for (value, op) in plan.ops.iter().enumerate().skip(1) {
            for input in op.inputs() {
                assert_ne!(slots.of_value[value], slots.of_value[input], "{value} reads {input}");
            }
        }
        assert_eq!(slots.row_quads.len(), 3);
        assert_eq!(slots.of_value[1], slots.of_value[3]);
        assert_eq!(Slots::separate(&[1, 2]).of_value, [0, 1]);
    }
}
