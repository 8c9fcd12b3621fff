//! The dispatches of an op: pipelines, buffers, parameters, and the number of workgroups.

use std::sync::Arc;

use super::buffer::GpuBuffer;
use super::device::{GpuDevice, Pipeline};
use super::products::{LinearCheck, LinearPipelines, checked_products, clip_params, products};
use super::run_buffers::{Dispatch, RunBuffers};
use super::shaders::BLOCK_QUADS;
use super::weights::{GpuEmbed, GpuLinear, GpuNorm, quads};
use crate::encoder::plan::{ValueId, packing_failed};
use crate::encoder::spec::{Activation, AttentionSpec};
use crate::error::Result;

/// An op with its weights and its pipelines.
pub(super) enum GpuOp {
    Embed {
        embed: GpuEmbed,
        pipeline: Arc<Pipeline>,
    },
    Linear {
        linear: GpuLinear,
        pipelines: LinearPipelines,
        check: Option<LinearCheck>,
    },
    Attention {
        spec: AttentionSpec,
        pipeline: Arc<Pipeline>,
        queries: usize,
        projections: Projections,
    },
    /// A product that the op of value `leader` computes too, in the columns from `place` times its width on.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests look up the columns"))]
    Joined {
        leader: ValueId,
        place: usize,
    },
    AddNorm {
        norm: GpuNorm,
        pipeline: Arc<Pipeline>,
    },
    Clip {
        width: usize,
        range: [f32; 2],
        shift: GpuBuffer,
        activation: Activation,
        pipeline: Arc<Pipeline>,
    },
    SelectRows {
        width: usize,
        pipeline: Arc<Pipeline>,
    },
    MeanRows {
        width: usize,
        pipeline: Arc<Pipeline>,
    },
    Normalize {
        width: usize,
        pipeline: Arc<Pipeline>,
    },
}

/// The values that an attention reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Projections {
    /// q, k and v.
    Separate,
    /// One, with q, k and v side by side.
    Joined,
    /// q, and one with k and v side by side.
    JoinedKeys,
}

impl Projections {
    /// Returns for rows of so many quads: the quads of a row of q, and of k and v, and the first quads of k and v.
    fn places(self, quads: u32) -> [u32; 4] {
        match self {
            Self::Separate => [quads, quads, 0, 0],
            Self::Joined => [3 * quads, 3 * quads, quads, 2 * quads],
            Self::JoinedKeys => [quads, 2 * quads, 0, quads],
        }
    }
}

impl GpuOp {
    /// Compiles the pipelines of a `Linear`.
    ///
    /// # Errors
    /// `GPU_FAILED` if the driver rejects a shader.
    pub(super) fn linear(gpu: &GpuDevice, linear: GpuLinear) -> Result<Self> {
        let check = LinearCheck::compile(gpu, &linear.spec)?;
        let pipelines = LinearPipelines::compile(gpu, &linear)?;
        Ok(Self::Linear { linear, pipelines, check })
    }

    /// Returns the bytes of the weights.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Embed { embed, .. } => embed.bytes,
            Self::Linear { linear, .. } => linear.bytes,
            Self::AddNorm { norm, .. } => norm.norm.size() as usize,
            Self::Clip { shift, .. } => shift.size() as usize,
            _ => 0,
        }
    }

    /// Returns the columns of the result.
    fn width(&self) -> usize {
        match self {
            Self::Embed { embed, .. } => embed.norm.width,
            Self::Linear { linear, .. } => linear.spec.outputs,
            Self::Attention { spec, .. } => spec.hidden(),
            Self::AddNorm { norm, .. } => norm.width,
            Self::Clip { width, .. }
            | Self::SelectRows { width, .. }
            | Self::MeanRows { width, .. }
            | Self::Normalize { width, .. } => *width,
            Self::Joined { .. } => 0,
        }
    }

    /// Returns which blocks of queries the op reads: the queries per block, and whether only first rows are queries.
    pub(super) fn attention_blocks(&self) -> Option<(usize, bool)> {
        match self {
            Self::Attention { spec, queries, .. } => Some((*queries, spec.first_row_only)),
            _ => None,
        }
    }

    /// Returns the number of bytes of scratch memory per row.
    pub(super) fn scratch_bytes(&self) -> usize {
        match self {
            Self::Linear { linear, .. } if linear.exact_max.is_some() => {
                4 * (2 + 2 * quads(linear.spec.inputs))
            }
            Self::Linear { linear, .. } if linear.has_blocks => {
                let words = quads(linear.spec.inputs);
                4 * (words.div_ceil(BLOCK_QUADS) + words)
            }
            _ => 0,
        }
    }

    /// Returns the bytes per row of a product that is checked before its activation function.
    pub(super) fn checked_bytes(&self) -> usize {
        match self {
            Self::Linear { linear, check: Some(check), .. } if check.activate.is_some() => {
                16 * quads(linear.spec.outputs)
            }
            _ => 0,
        }
    }

    /// Returns the dispatches that compute value `out` from `inputs`. The inputs have `rows` rows.
    pub(super) fn dispatches<'a>(
        &'a self,
        run: &RunBuffers<'a>,
        inputs: &[ValueId],
        out: ValueId,
        rows: usize,
    ) -> Result<Vec<Dispatch<'a>>> {
        let value = |at: usize| inputs.get(at).map(|id| run.values[*id]).ok_or_else(no_input);
        let texts = run.inputs.texts;
        let out = run.values[out];
        let width = self.width() as u64;
        let one = |pipeline: &'a Arc<Pipeline>, buffers, params, groups| {
            // The keys of an attention are the rows of its longest text.
            let per_row = if matches!(self, Self::Attention { .. }) { 2 * run.inputs.longest } else { 1 };
            let work = (rows * per_row) as u64 * width;
            vec![Dispatch { pipeline, buffers, params, groups, work }]
        };
        let row_wise = [rows as u32, 1];
        Ok(match self {
            Self::Embed { embed, pipeline } => {
                let mut buffers =
                    vec![out, run.inputs.tokens()?, &embed.tables, &embed.norm.norm, &embed.words];
                buffers.extend(&embed.word_scales);
                one(pipeline, buffers, norm_params(&embed.norm), row_wise)
            }
            Self::Linear { linear, pipelines, check } => {
                let x = value(0)?;
                match (check, &linear.sums, run.checked) {
                    (Some(check), Some(sums), Some(checked)) => {
                        checked_products(linear, pipelines, run, [x, out], rows, (check, sums, checked))?
                    }
                    _ => products(linear, pipelines, run, [x, out], rows, linear.spec.activation)?,
                }
            }
            Self::Joined { .. } => Vec::new(),
            Self::Attention { spec, pipeline, queries, projections } => {
                let (blocks, count) = run.inputs.blocks(*queries, spec.first_row_only)?;
                let [low, high] = spec.score_range.map(|limit| limit.clamp(f32::MIN, f32::MAX).to_bits());
                let row_quads = quads(spec.hidden()) as u32;
                let [q_quads, kv_quads, k_first, v_first] = projections.places(row_quads);
                let params =
                    [spec.scale.to_bits(), low, high, row_quads, q_quads, kv_quads, k_first, v_first];
                let [k, v] = match projections {
                    Projections::Separate => [1, 2],
                    Projections::Joined => [0, 0],
                    Projections::JoinedKeys => [1, 1],
                };
                let buffers = vec![out, value(0)?, value(k)?, value(v)?, blocks];
                one(pipeline, buffers, params, [count as u32, spec.heads as u32])
            }
            Self::AddNorm { norm, pipeline } => {
                let buffers = vec![out, value(0)?, value(1)?, &norm.norm];
                one(pipeline, buffers, norm_params(norm), row_wise)
            }
            Self::Clip { width, range, shift, activation, pipeline } => {
                let mut buffers = vec![out, value(0)?, shift];
                if inputs.len() > 1 {
                    buffers.push(value(1)?);
                }
                let range = range.map(|limit| limit.clamp(f32::MIN, f32::MAX));
                one(pipeline, buffers, clip_params(*width, range, *activation), row_wise)
            }
            Self::SelectRows { width, pipeline } | Self::MeanRows { width, pipeline } => {
                let buffers = vec![out, value(0)?, run.inputs.text_rows()?];
                one(pipeline, buffers, row_params(*width), [texts as u32, 1])
            }
            Self::Normalize { width, pipeline } => {
                one(pipeline, vec![out, value(0)?], row_params(*width), row_wise)
            }
        })
    }
}

fn norm_params(norm: &GpuNorm) -> [u32; 8] {
    [norm.width as u32, norm.eps.to_bits(), 0, 0, 0, 0, 0, 0]
}

fn row_params(width: usize) -> [u32; 8] {
    [quads(width) as u32, 0, 0, 0, 0, 0, 0, 0]
}

fn no_input() -> crate::error::Error {
    packing_failed("an op lacks an input")
}
