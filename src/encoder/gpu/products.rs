//! The variants of `Linear`: their pipelines, and the dispatches of a product and of its check.

use std::sync::Arc;

use super::buffer::GpuBuffer;
use super::device::{GpuDevice, Pipeline};
use super::run_buffers::{Dispatch, RunBuffers};
use super::shaders::{FEW_ROWS, FEW_ROWS_OUTPUTS, LinearVariant, Shader, TILE, activation_code};
use super::weights::{GpuLinear, quads};
use crate::encoder::spec::{Activation, LinearSpec};
use crate::error::{Result, fail};

/// The pipelines of a `Linear`.
pub(super) enum LinearPipelines {
    /// `floats` has those that the device may use, by [`LinearVariant`]. `blocks` quantize the rows and multiply them.
    Float {
        floats: [Option<Arc<Pipeline>>; 3],
        blocks: Option<[Arc<Pipeline>; 2]>,
    },
    Exact {
        quantize: Arc<Pipeline>,
        linear: Arc<Pipeline>,
        max: u32,
    },
}

/// The check of a product: its pipeline, and that of the activation function, which has to follow the check.
pub(super) struct LinearCheck {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) activate: Option<(Arc<Pipeline>, GpuBuffer)>,
}

impl LinearCheck {
    /// Compiles the check, if the device needs checks.
    ///
    /// # Errors
    /// `GPU_FAILED` if the driver rejects a shader.
    pub(super) fn compile(gpu: &GpuDevice, spec: &LinearSpec) -> Result<Option<Self>> {
        if !gpu.checks_products() {
            return Ok(None);
        }
        let activate = match spec.activation {
            Activation::None => None,
            _ => {
                let no_shift = gpu.filled("a shift", &vec![0.0f32; quads(spec.outputs) * 4])?;
                Some((gpu.pipeline(&Shader::clip(false))?, no_shift))
            }
        };
        Ok(Some(Self { pipeline: gpu.pipeline(&Shader::linear_check())?, activate }))
    }
}

impl LinearPipelines {
    /// Compiles the pipelines of a `Linear`. They have all activation functions.
    ///
    /// # Errors
    /// `GPU_FAILED` if the driver rejects a shader.
    pub(super) fn compile(gpu: &GpuDevice, linear: &GpuLinear) -> Result<Self> {
        let has_factors = linear.factors.is_some();
        if let Some(max) = linear.exact_max {
            return Ok(Self::Exact {
                quantize: gpu.pipeline(&Shader::quantize_rows(has_factors))?,
                linear: gpu.pipeline(&Shader::linear_i8_exact())?,
                max,
            });
        }
        let pipeline = |variant| {
            let shader = Shader::linear(variant, linear.format, has_factors);
            gpu.may_use(variant).then(|| gpu.pipeline(&shader)).transpose()
        };
        let blocks = match linear.has_blocks {
            true => Some([
                gpu.pipeline(&Shader::quantize_blocks(has_factors))?,
                gpu.pipeline(&Shader::linear_i8_blocks())?,
            ]),
            false => None,
        };
        use LinearVariant::{FewRows, Tiled4, Tiled8};
        Ok(Self::Float { floats: [pipeline(FewRows)?, pipeline(Tiled8)?, pipeline(Tiled4)?], blocks })
    }

    /// Returns true if both compute the same way, with the same compiled shaders.
    pub(super) fn are_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float { floats, blocks }, Self::Float { floats: others, blocks: other_blocks }) => {
                let address = |of: &Option<Arc<Pipeline>>| of.as_ref().map(Arc::as_ptr);
                let both =
                    |of: &Option<[Arc<Pipeline>; 2]>| of.as_ref().map(|of| of.each_ref().map(Arc::as_ptr));
                floats.each_ref().map(address) == others.each_ref().map(address)
                    && both(blocks) == both(other_blocks)
            }
            (Self::Exact { quantize, linear, max }, Self::Exact { quantize: q, linear: l, max: m }) => {
                Arc::ptr_eq(quantize, q) && Arc::ptr_eq(linear, l) && max == m
            }
            _ => false,
        }
    }
}

/// Returns the dispatches of a product of `x` into `out`, and of its activation function.
pub(super) fn products<'a>(
    linear: &'a GpuLinear,
    pipelines: &'a LinearPipelines,
    run: &RunBuffers<'a>,
    [x, out]: [&'a GpuBuffer; 2],
    rows: usize,
    activation: Activation,
) -> Result<Vec<Dispatch<'a>>> {
    let (input_quads, output_quads) = (quads(linear.spec.inputs), quads(linear.spec.outputs));
    let activation = activation_code(activation);
    let params = [rows as u32, input_quads as u32, output_quads as u32, run.fault, 0, activation, 0, 0];
    let tiles = |tile: usize| (output_quads * 4).div_ceil(tile) as u32;
    Ok(match pipelines {
        LinearPipelines::Float { blocks: Some([quantize, product]), .. } if run.uses_blocks => {
            integer_products(linear, [quantize, product], run, [x, out], params)
        }
        LinearPipelines::Float { floats, .. } => {
            let variant = run.variants.of_rows(rows);
            let Some(pipeline) = &floats[variant as usize] else {
                fail!(Internal, "a variant of a product is not compiled")
            };
            let mut buffers = vec![out, x, &linear.weight, &linear.vectors];
            buffers.extend(&linear.factors);
            buffers.extend(&linear.blocks);
            let [tile_outputs, tile_rows] = match variant {
                LinearVariant::FewRows => [FEW_ROWS_OUTPUTS, FEW_ROWS],
                _ => [TILE; 2],
            };
            let groups = [tiles(tile_outputs), rows.div_ceil(tile_rows) as u32];
            let work = product_work(&linear.spec, rows);
            vec![Dispatch { pipeline, buffers, params, groups, work }]
        }
        LinearPipelines::Exact { quantize, linear: product, max } => {
            let mut dispatches = integer_products(linear, [quantize, product], run, [x, out], params);
            dispatches[0].params[1] = *max;
            dispatches
        }
    })
}

/// Returns the dispatches of a product in integers: the quantization of its rows, and the product of these.
fn integer_products<'a>(
    linear: &'a GpuLinear,
    [quantize, product]: [&'a Pipeline; 2],
    run: &RunBuffers<'a>,
    [x, out]: [&'a GpuBuffer; 2],
    params: [u32; 8],
) -> Vec<Dispatch<'a>> {
    let [rows, input_quads, output_quads, ..] = params;
    let mut buffers = vec![run.scratch, x];
    buffers.extend(&linear.factors);
    let tiles = |count: u32| count.div_ceil(TILE as u32);
    vec![
        Dispatch {
            pipeline: quantize,
            buffers,
            params: [input_quads, 0, 0, 0, 0, 0, 0, 0],
            groups: [rows, 1],
            work: u64::from(rows) * linear.spec.inputs as u64,
        },
        Dispatch {
            pipeline: product,
            buffers: vec![out, run.scratch, &linear.weight, &linear.vectors],
            params,
            groups: [tiles(4 * output_quads), tiles(rows)],
            work: product_work(&linear.spec, rows as usize),
        },
    ]
}

/// A check, the sums of its weight, and the buffers of [`RunBuffers::checked`].
type Check<'a> = (&'a LinearCheck, &'a (GpuBuffer, f32), (&'a GpuBuffer, &'a GpuBuffer));

/// Returns the dispatches of a product, of its check, and of its activation function.
pub(super) fn checked_products<'a>(
    linear: &'a GpuLinear,
    pipelines: &'a LinearPipelines,
    run: &RunBuffers<'a>,
    [x, out]: [&'a GpuBuffer; 2],
    rows: usize,
    (check, (sums, bias_sum), (before, errors)): Check<'a>,
) -> Result<Vec<Dispatch<'a>>> {
    let LinearSpec { inputs, outputs, activation } = linear.spec;
    let product = if check.activate.is_some() { before } else { out };
    let mut dispatches = products(linear, pipelines, run, [x, product], rows, Activation::None)?;
    let groups = [rows as u32, 1];
    let params = check_params(inputs, outputs, *bias_sum);
    dispatches.push(Dispatch {
        pipeline: &check.pipeline,
        buffers: vec![errors, x, product, sums],
        params,
        groups,
        work: (rows * (inputs + outputs)) as u64,
    });
    if let Some((pipeline, no_shift)) = &check.activate {
        let params = clip_params(outputs, [f32::MIN, f32::MAX], activation);
        let (buffers, work) = (vec![out, product, no_shift], (rows * outputs) as u64);
        dispatches.push(Dispatch { pipeline, buffers, params, groups, work });
    }
    Ok(dispatches)
}

fn product_work(spec: &LinearSpec, rows: usize) -> u64 {
    (rows * spec.inputs) as u64 * spec.outputs as u64
}

/// Returns the parameters of a Clip.
pub(super) fn clip_params(width: usize, [low, high]: [f32; 2], activation: Activation) -> [u32; 8] {
    [width as u32, low.to_bits(), high.to_bits(), activation_code(activation), 0, 0, 0, 0]
}

/// Returns the parameters of the check of a product.
pub(super) fn check_params(inputs: usize, outputs: usize, bias_sum: f32) -> [u32; 8] {
    let sizes = [quads(inputs), quads(outputs), outputs].map(|size| size as u32);
    [sizes[0], sizes[1], sizes[2], bias_sum.to_bits(), 0, 0, 0, 0]
}
