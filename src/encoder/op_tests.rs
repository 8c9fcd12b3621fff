//! One suite of tests for the ops of all back ends: small plans, each run by every back end and compared with the
//! scalar references.

use std::sync::Arc;

use super::cpu::CpuBuilder;
use super::cpu::kernels::testing::Random;
use super::plan::{
    BlockFormat, ClipOp, EmbedOp, LinearOp, Matrix, NormWeights, Outputs, Plan, PlanOp, PositionTable,
    Quantization, TensorData, TensorRef, TokenTypeTable, Vector,
};
use super::reference_backend::ReferenceBuilder;
use super::spec::{Activation, AttentionSpec, LinearSpec, PositionRule, UNBOUNDED};
use super::weight_stream::PlanBuilder;
use super::{Encoder, EncoderOptions, EncoderOutput, ModelFacts, Precision};
use crate::batch::Batch;
use crate::config::BertConfig;

const VOCABULARY: usize = 40;
const POSITIONS: usize = 70;

fn stored(values: Vec<f32>) -> TensorRef {
    TensorRef::Constant(Arc::new(TensorData::F32(values)))
}

fn vector(values: Vec<f32>) -> Vector {
    Vector::Stored { len: values.len(), tensor: stored(values), part: None }
}

fn matrix(shape: [usize; 2], values: Vec<f32>) -> Matrix {
    Matrix {
        parts: vec![stored(values)],
        shape,
        transposed: false,
        float: true,
        rounding: None,
        quantization: Quantization::Affine { axis: None, scale: Vec::new(), zero: None },
        columns: None,
    }
}

fn norm(width: usize, random: &mut Random) -> NormWeights {
    let gamma = random.normals(width).into_iter().map(|x| 1.0 + 0.1 * x).collect();
    NormWeights { width, eps: 1e-12, gamma: vector(gamma), beta: vector(random.normals(width)) }
}

fn embed(width: usize, random: &mut Random) -> PlanOp {
    PlanOp::Embed(Box::new(EmbedOp {
        word: matrix([VOCABULARY, width], random.normals(VOCABULARY * width)),
        token_type: Some(TokenTypeTable {
            table: matrix([2, width], random.normals(2 * width)),
            always_zero: false,
        }),
        constant: None,
        position: Some(PositionTable {
            table: matrix([POSITIONS + 2, width], random.normals((POSITIONS + 2) * width)),
            rule: PositionRule { first: 2, skipped_id: Some(1) },
        }),
        norm: norm(width, random),
    }))
}

/// Returns a `Linear` with float weights.
fn linear(x: usize, inputs: usize, outputs: usize, activation: Activation, random: &mut Random) -> LinearOp {
    let weight = random.normals(inputs * outputs).into_iter().map(|w| w / (inputs as f32).sqrt()).collect();
    LinearOp {
        x,
        spec: LinearSpec { inputs, outputs, activation },
        weight: matrix([inputs, outputs], weight),
        bias: Some(vector(random.normals(outputs))),
        input_factors: None,
        input_norm: None,
    }
}

/// Gives a `Linear` uint8 weights with zero points and input factors.
fn with_bytes(mut op: LinearOp, random: &mut Random) -> LinearOp {
    let LinearSpec { inputs, outputs, .. } = op.spec;
    let bytes = (0..inputs * outputs).map(|_| random.next() as u8).collect();
    op.weight.parts = vec![TensorRef::Constant(Arc::new(TensorData::U8(bytes)))];
    op.weight.float = false;
    let scale = (0..outputs).map(|_| 0.002 + 0.001 * random.normal().abs()).collect();
    let zero = (0..outputs).map(|_| (120 + random.below(16)) as f32).collect();
    op.weight.quantization =
        Quantization::Affine { axis: Some(1), scale: vec![vector(scale)], zero: Some(vector(zero)) };
    op.input_factors = Some(vector((0..inputs).map(|_| 0.5 + random.normal().abs()).collect()));
    op
}

/// Gives a `Linear` 4-bit weights in blocks of 32.
fn with_half_bytes(mut op: LinearOp, random: &mut Random) -> LinearOp {
    let LinearSpec { inputs, outputs, .. } = op.spec;
    let blocks = inputs.div_ceil(32);
    let bytes = (0..outputs * blocks * 16).map(|_| random.next() as u8).collect();
    op.weight.parts = vec![TensorRef::Constant(Arc::new(TensorData::U8(bytes)))];
    (op.weight.shape, op.weight.transposed, op.weight.float) = ([outputs, inputs], true, false);
    let format = BlockFormat {
        rows: outputs,
        columns: inputs,
        axis: 1,
        bits: 4,
        block_size: 32,
        packed: true,
        float_zeros: false,
    };
    let scale = (0..outputs * blocks).map(|_| 0.03 + 0.01 * random.normal()).collect();
    op.weight.quantization = Quantization::Blockwise { format, scale: Box::new(vector(scale)), zero: None };
    op
}

fn batch(lengths: &[usize], random: &mut Random) -> Batch {
    let texts: Vec<(Vec<u32>, Vec<u32>)> = lengths
        .iter()
        .map(|len| {
            let token = |random: &mut Random, end| random.below(end) as u32;
            let ids = (0..*len).map(|_| token(random, VOCABULARY)).collect();
            (ids, (0..*len).map(|_| token(random, 2)).collect())
        })
        .collect();
    Batch::new(texts.iter().map(|(ids, types)| (&ids[..], &types[..])))
}

fn facts(width: usize) -> ModelFacts {
    let json = format!(
        r#"{{"model_type":"bert","vocab_size":{VOCABULARY},"hidden_size":{width},"num_hidden_layers":1,
        "num_attention_heads":1,"intermediate_size":{width},"max_position_embeddings":{POSITIONS},"type_vocab_size":2}}"#
    );
    let config = BertConfig::from_json(json.as_bytes()).unwrap();
    ModelFacts { config, pooled: false, dtype: "f32", static_sequence: None, fallback: None }
}

/// A back end, by name, with the difference that its numbers may have in parts of the largest number.
type BackEnd = (&'static str, f32, Box<dyn Fn(Plan, ModelFacts) -> Box<dyn PlanBuilder>>);

fn back_ends() -> Vec<BackEnd> {
    let options = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
    let mut all: Vec<BackEnd> = Vec::new();
    let cpu = options.clone();
    all.push(("cpu", 1e-4, Box::new(move |plan, facts| Box::new(CpuBuilder::new(plan, 0, facts, &cpu)))));
    #[cfg(feature = "gpu")]
    if let Some(gpu) = super::gpu::tests::device() {
        use super::gpu::GpuBuilder;
        let auto = EncoderOptions {
            kernel: super::KernelChoice::Fastest(|| 0.0),
            precision: Precision::Auto,
            ..options.clone()
        };
        let other = gpu.clone();
        let f32 = move |plan, facts| -> Box<dyn PlanBuilder> {
            Box::new(GpuBuilder::new(gpu.clone(), plan, 0, facts, &options))
        };
        // Half floats and int8 word embeddings.
        let auto = move |plan, facts| -> Box<dyn PlanBuilder> {
            Box::new(GpuBuilder::new(other.clone(), plan, 0, facts, &auto))
        };
        all.push(("gpu", 1e-4, Box::new(f32)));
        all.push(("gpu (auto)", 0.05, Box::new(auto)));
    }
    all
}

fn numbers(output: EncoderOutput) -> Vec<f32> {
    match output {
        EncoderOutput::Hidden(layers) => layers.concat(),
        EncoderOutput::Pooled(rows) | EncoderOutput::Scores(rows) => rows,
    }
}

/// Runs a plan with the ops on every back end. `plan` makes it anew, because plans cannot be copied.
fn check(name: &str, width: usize, plan: &dyn Fn(&mut Random) -> Plan) {
    let mut reference =
        Box::new(ReferenceBuilder::new(plan(&mut Random(7)), 0, facts(width))).finish().unwrap();
    let back_ends = back_ends();
    let build = |(_, _, builder): &BackEnd| builder(plan(&mut Random(7)), facts(width)).finish().unwrap();
    let mut encoders: Vec<Box<dyn Encoder>> = back_ends.iter().map(build).collect();
    for lengths in [&[1][..], &[5], &[3, 1, 9], &[17, 33, 70, 2, 64]] {
        let batch = batch(lengths, &mut Random(lengths.len() as u64));
        let expected = numbers(reference.forward(&batch).unwrap());
        let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for ((back_end, limit, _), encoder) in back_ends.iter().zip(&mut encoders) {
            let actual = numbers(encoder.forward(&batch).unwrap());
            assert_eq!(actual.len(), expected.len(), "{name} on {back_end}");
            for (i, (a, b)) in actual.iter().zip(&expected).enumerate() {
                let is_close = (a - b).abs() <= limit * largest;
                assert!(is_close, "{name} on {back_end}, {lengths:?}: number {i} is {a} instead of {b}");
            }
        }
    }
}

fn hidden(ops: Vec<PlanOp>) -> Plan {
    let last = ops.len() - 1;
    Plan { ops, outputs: Outputs::Hidden(vec![last]) }
}

#[test]
fn embed_and_row_ops_equal_the_references() {
    for width in [36, 101, 130] {
        check("Embed", width, &|random| hidden(vec![embed(width, random)]));
        check("AddNorm", width, &|random| {
            let norm = norm(width, random);
            hidden(vec![embed(width, random), PlanOp::AddNorm { a: 0, b: 0, norm }])
        });
        check("SelectRows", width, &|random| Plan {
            ops: vec![embed(width, random), PlanOp::SelectRows { x: 0, width }],
            outputs: Outputs::Pooled(1),
        });
        check("MeanRows, Normalize", width, &|random| Plan {
            ops: vec![
                embed(width, random),
                PlanOp::MeanRows { x: 0, width },
                PlanOp::Normalize { x: 1, width },
            ],
            outputs: Outputs::Pooled(2),
        });
    }
}

#[test]
fn clip_equals_the_reference() {
    for (activation, plus, shifted) in
        [(Activation::None, None, false), (Activation::Relu, Some(0), true), (Activation::Gelu, None, true)]
    {
        check("Clip", 37, &|random| {
            let shift = shifted.then(|| vector(random.normals(37)));
            let clip = ClipOp { x: 0, plus, width: 37, range: [-0.5, 0.75], shift, activation };
            hidden(vec![embed(37, random), PlanOp::Clip(Box::new(clip))])
        });
    }
}

#[test]
fn linear_equals_the_reference_with_every_activation_and_weight() {
    let activations =
        [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh];
    // Every activation with one shape, every shape without one.
    let with_activation = activations.map(|activation| ((36, 101), activation));
    let shapes = [(24, 40), (101, 7), (96, 130)].map(|shape| (shape, Activation::None));
    for ((inputs, outputs), activation) in with_activation.into_iter().chain(shapes) {
        for kind in ["floats", "bytes", "half bytes"] {
            if kind != "floats" && activation != Activation::None && activation != Activation::Gelu {
                continue;
            }
            check(&format!("Linear {inputs} × {outputs} of {kind}, {activation:?}"), inputs, &|random| {
                let op = linear(0, inputs, outputs, activation, random);
                let op = match kind {
                    "floats" => op,
                    "bytes" => with_bytes(op, random),
                    _ => with_half_bytes(op, random),
                };
                hidden(vec![embed(inputs, random), PlanOp::Linear(Box::new(op))])
            });
        }
    }
}

#[test]
fn attention_equals_the_reference_with_all_queries_and_with_the_first() {
    for (width, heads) in [(24, 2), (36, 3), (64, 1), (256, 2)] {
        for score_range in if width == 36 { vec![UNBOUNDED, [-0.5, 0.5]] } else { vec![UNBOUNDED] } {
            let spec = AttentionSpec { score_range, ..AttentionSpec::new(width, heads) };
            let project = |x: usize, random: &mut Random| {
                PlanOp::Linear(Box::new(linear(x, width, width, Activation::None, random)))
            };
            check(&format!("Attention {width} / {heads}"), width, &|random| {
                let embed = embed(width, random);
                let [q, k, v] = [(); 3].map(|()| project(0, random));
                hidden(vec![embed, q, k, v, PlanOp::Attention { q: 1, k: 2, v: 3, spec }])
            });
            check(&format!("Attention {width} / {heads}, first rows"), width, &|random| {
                let first = PlanOp::SelectRows { x: 0, width };
                let embed = embed(width, random);
                let [q, k, v] = [1, 0, 0].map(|x| project(x, random));
                let spec = AttentionSpec { first_row_only: true, ..spec };
                let attention = PlanOp::Attention { q: 2, k: 3, v: 4, spec };
                Plan { ops: vec![embed, first, q, k, v, attention], outputs: Outputs::Pooled(5) }
            });
        }
    }
}
