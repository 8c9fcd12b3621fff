//! The fused encoder on every export: f32 against PyTorch's vectors, integers against f32, and the same bits in every
//! batch.

mod encoder_support;
#[path = "encoder_fused/second_reading.rs"]
mod second_reading;

use corom::config::Pooling;
use corom::encoder::onnx::pb::{DataType, ModelProto, NodeProto};
use corom::encoder::{BackendChoice, Encoder, EncoderLoader, EncoderOptions, Precision};
use encoder_support::{Fixture, Golden, Text, cosines, difference, embed, exports};

/// Batch sizes in rows (tokens). From 64 rows on, exact int8 products use Strassen's algorithm on whole groups of
/// rows; 129 rows leave a remainder.
const MIN_BATCH_ROWS: [usize; 2] = [64, 129];

/// One vector per text.
type Vectors = Vec<Vec<f32>>;

/// Returns the poolings that an export has vectors for: name, pooling, vectors.
fn poolings(golden: &Golden) -> Vec<(String, Pooling, Vec<Vec<f32>>)> {
    let named = golden.vectors.iter().filter_map(|(name, vectors)| {
        let pooling = match name.as_str() {
            "pooler_output" => return None,
            "sentence_embedding" if golden.vectors.len() > 1 => return None,
            "sentence_embedding" => Pooling::Cls,
            other => Pooling::parse(other).ok()?,
        };
        Some((name.clone(), pooling, vectors.clone()))
    });
    named.collect()
}

/// Loads the export, which must fuse, and returns the encoder and each text's vector, computed alone.
fn embed_alone(
    fixture: &Fixture,
    golden: &Golden,
    pooling: Pooling,
    options: EncoderOptions,
) -> Result<(Box<dyn Encoder>, Vectors), String> {
    let mut encoder = fixture.load_fused(pooling, options).map_err(|e| format!("{}: {e}", e.code()))?;
    if !encoder.info().fused {
        return Err("not fused".into());
    }
    let alone: Result<Vec<_>, _> = golden
        .texts
        .iter()
        .map(|text| Ok(embed(&mut *encoder, std::slice::from_ref(text), pooling, 0)?.remove(0)))
        .collect();
    let alone = alone.map_err(|e: corom::error::Error| e.to_string())?;
    Ok((encoder, alone))
}

/// Returns each text's vector, computed alone, after checking that every batch gives the same bits.
fn run(
    fixture: &Fixture,
    golden: &Golden,
    pooling: Pooling,
    options: EncoderOptions,
) -> Result<Vec<Vec<f32>>, String> {
    let (mut encoder, alone) = embed_alone(fixture, golden, pooling, options)?;
    let padding = if encoder.info().static_sequence.is_some() { 0 } else { 3 };
    let all: Vec<usize> = (0..golden.texts.len()).collect();
    let large = MIN_BATCH_ROWS.map(|rows| (batch_of_rows(&golden.texts, rows), 0));
    for (batch, padding) in [(all, padding)].into_iter().chain(large) {
        let texts: Vec<Text> = batch.iter().map(|&i| golden.texts[i].clone()).collect();
        let expected: Vec<Vec<f32>> = batch.iter().map(|&i| alone[i].clone()).collect();
        let together = embed(&mut *encoder, &texts, pooling, padding).map_err(|e| e.to_string())?;
        if bits(&together) != bits(&expected) {
            let texts = batch.len();
            return Err(format!("bits change in a batch of {texts}: {:e}", difference(&together, &expected)));
        }
    }
    Ok(alone)
}

/// Returns indices of texts that have at least `rows` tokens together: the texts in order, repeated as needed.
fn batch_of_rows(texts: &[Text], rows: usize) -> Vec<usize> {
    let mut total = 0;
    let counted = (0..texts.len()).cycle().take_while(|&i| {
        let enough = total >= rows;
        total += texts[i].ids.len();
        !enough
    });
    counted.collect()
}

fn bits(vectors: &[Vec<f32>]) -> Vec<u32> {
    vectors.iter().flatten().map(|x| x.to_bits()).collect()
}

fn check(fixture: &Fixture) -> Result<String, String> {
    let golden = Golden::of(fixture);
    let mut report = String::new();
    for (name, pooling, expected) in poolings(&golden) {
        let exact = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
        let is_quantized_file =
            ["int8", "nbits", "qdq", "qoperator"].iter().any(|q| fixture.name.contains(q));
        let exact = run(fixture, &golden, pooling, exact)?;
        let error = difference(&exact, &expected);
        report += &format!("{name} f32 {error:.1e} ");
        if is_quantized_file {
            // onnxruntime quantizes activations at run time; the fused encoder does not in f32.
            let (min, _) = cosines(&exact, &expected);
            report += &format!("cosine to onnxruntime {min:.5} ");
            if min < 0.99 {
                return Err(report);
            }
        } else if error > golden.tolerance.max(1e-4) {
            return Err(report);
        }
        let reference = EncoderOptions { backend: BackendChoice::Reference, ..EncoderOptions::default() };
        let (_, reference) = embed_alone(fixture, &golden, pooling, reference)?;
        if difference(&exact, &reference) > 2e-5 {
            return Err(format!("{report}: {:e} from the reference", difference(&exact, &reference)));
        }
        if pooling == Pooling::Cls {
            let first =
                EncoderOptions { precision: Precision::F32, first_rows: true, ..EncoderOptions::default() };
            let first = run(fixture, &golden, pooling, first)?;
            if difference(&first, &exact) != 0.0 {
                return Err(format!("{report}: first rows alone differ by {:e}", difference(&first, &exact)));
            }
        }
        let auto = run(fixture, &golden, pooling, EncoderOptions::default())?;
        let (min, _) = cosines(&auto, &exact);
        report += &format!("int {min:.6} ");
        if min < 0.999 {
            return Err(report);
        }
    }
    Ok(report)
}

#[test]
fn fused_encoder_gives_golden_vectors_of_every_export() {
    let mut table = String::new();
    let mut failed = 0;
    for fixture in exports() {
        if std::env::var("COROM_ONLY").is_ok_and(|only| !fixture.name.contains(&only)) {
            continue;
        }
        let (mark, text) = match check(&fixture) {
            Ok(report) => ("ok  ", report),
            Err(report) => {
                failed += 1;
                ("FAIL", report)
            }
        };
        table += &format!("{mark} {:24} {text}\n", fixture.name);
    }
    println!("{table}");
    assert!(!table.is_empty(), "COROM_ONLY matches no export");
    assert_eq!(failed, 0, "{failed} exports fail:\n{table}");
}

/// onnxruntime's static quantizer removes a Relu if the quantized range starts at 0. The fused graph computes the Relu,
/// so its vectors are as close to the float model's as those of a file without Relu.
#[test]
fn fused_encoder_computes_relu_removed_by_quantization() {
    for (quantized, original) in [("qdq-static-relu", "act-relu"), ("qdq-static", "qdq-static")] {
        let fixture = Fixture::export(quantized);
        let golden = Golden::of(&fixture);
        let vectors = if quantized == original { "vectors_pytorch" } else { "vectors" };
        let expected = golden_rows(&Fixture::export(original).json("golden.json")[vectors]["cls"]);
        for precision in [Precision::F32, Precision::Auto] {
            let options = EncoderOptions { precision, ..EncoderOptions::default() };
            let got = run(&fixture, &golden, Pooling::Cls, options).unwrap();
            let (min, _) = cosines(&got, &expected);
            assert!(min >= 0.999, "{quantized}, {precision:?}: {min}");
        }
    }
}

/// Static quantization clips activations to the range that was calibrated. Here that was done with one short text, so
/// the vectors of the others are not those of the float model.
#[test]
fn fused_encoder_clips_activations_to_their_calibrated_range() {
    let fixture = Fixture::export("qdq-narrow");
    let golden = Golden::of(&fixture);
    let clipped = &golden.vectors["cls"];
    let float = golden_rows(&fixture.json("golden.json")["vectors_pytorch"]["cls"]);
    assert!(cosines(&float, clipped).0 < 0.99);
    for precision in [Precision::F32, Precision::Auto] {
        let options = EncoderOptions { precision, ..EncoderOptions::default() };
        let (min, mean) = cosines(&run(&fixture, &golden, Pooling::Cls, options).unwrap(), clipped);
        assert!(min >= 0.99 && mean >= 0.995, "{precision:?}: {min}, mean {mean}");
    }
}

/// Zero points of `MatMulNBits` may be floats, one per block. Here they have the values of the integers they replace.
#[test]
fn float_zero_points_equal_integer_zero_points() {
    for name in ["nbits4-zero-point", "nbits4-odd", "nbits8"] {
        let fixture = Fixture::export(name);
        let golden = Golden::of(&fixture);
        let vectors = |encoder: &mut dyn Encoder| embed(encoder, &golden.texts, Pooling::Mean, 0).unwrap();
        let config = fixture.config().unwrap();
        let [exact, auto] = [Precision::F32, Precision::Auto].map(|precision| EncoderOptions {
            layers: Pooling::Mean.layers(config.num_hidden_layers),
            precision,
            ..EncoderOptions::default()
        });
        let edited = |options: EncoderOptions| {
            let bytes = with_float_zero_points(&fixture.bytes());
            let encoder = EncoderLoader::new(&bytes, &config, options).unwrap().finish().unwrap();
            assert!(encoder.info().fused, "{name}");
            encoder
        };
        let before = vectors(&mut *fixture.load_fused(Pooling::Mean, exact.clone()).unwrap());
        assert_eq!(difference(&vectors(&mut *edited(exact)), &before), 0.0, "{name}");
        // No 4-bit kernel has float zero points, so the weights become int8.
        let mut auto = edited(auto);
        assert_eq!(auto.info().precision, "int8", "{name}");
        let (min, _) = cosines(&vectors(&mut *auto), &before);
        assert!(min >= 0.999, "{name}: {min}");
    }
}

fn with_float_zero_points(onnx: &[u8]) -> Vec<u8> {
    use prost::Message;
    let mut model = ModelProto::decode(onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut edited = 0;
    for node in graph.node.iter().filter(|node| node.op_type == "MatMulNBits") {
        let of = |key: &str| number(node, key);
        let blocks = of("K").div_ceil(of("block_size"));
        let zeros = graph.initializer.iter_mut().find(|t| t.name == node.input[3]).unwrap();
        let row = zeros.raw_data.len() / of("N");
        let floats = zeros.raw_data.chunks(row).flat_map(|row| {
            let number = |block: usize| match of("bits") {
                8 => row[block],
                _ => row[block / 2] >> (4 * (block % 2)) & 15,
            };
            (0..blocks).flat_map(move |block| f32::from(number(block)).to_le_bytes())
        });
        zeros.raw_data = floats.collect();
        zeros.dims = vec![(of("N") * blocks) as i64];
        zeros.data_type = DataType::Float as i32;
        edited += 1;
    }
    assert!(edited > 0);
    model.encode_to_vec()
}

fn number(node: &NodeProto, key: &str) -> usize {
    node.attribute.iter().find(|attribute| attribute.name == key).unwrap().i as usize
}

fn golden_rows(value: &serde_json::Value) -> Vec<Vec<f32>> {
    serde_json::from_value(value.clone()).unwrap()
}
