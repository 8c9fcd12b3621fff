//! The fused graph of every export: in f32 against the vectors of PyTorch, and with integers
//! against those of f32.

mod encoder_support;

use corom::config::Pooling;
use corom::encoder::Encoder;
use corom::encoder::onnx::pb::{DataType, ModelProto, NodeProto};
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, Precision};
use encoder_support::{Fixture, Golden, cosines, difference, embed, folders};

/// Each pooling that an export has vectors for.
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

fn run(
    fixture: &Fixture,
    golden: &Golden,
    pooling: Pooling,
    options: EncoderOptions,
) -> Result<Vec<Vec<f32>>, String> {
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
    let padding = if encoder.info().static_sequence.is_some() { 0 } else { 3 };
    let together = embed(&mut *encoder, &golden.texts, pooling, padding).map_err(|e| e.to_string())?;
    // The company of other texts changes no bit.
    if difference(&alone, &together) != 0.0 {
        return Err(format!("a text's vector depends on its batch: {:e}", difference(&alone, &together)));
    }
    Ok(alone)
}

fn check(fixture: &Fixture) -> Result<String, String> {
    let golden = Golden::of(fixture);
    let mut report = String::new();
    for (name, pooling, expected) in poolings(&golden) {
        let exact = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
        let quantised_file = ["int8", "nbits", "qdq"].iter().any(|q| fixture.name.contains(q));
        let exact = run(fixture, &golden, pooling, exact)?;
        let far = difference(&exact, &expected);
        report += &format!("{name} f32 {far:.1e} ");
        if quantised_file {
            // onnxruntime quantises activations as it runs; we do not.
            let (least, _) = cosines(&exact, &expected);
            report += &format!("cosine to onnxruntime {least:.5} ");
            if least < 0.99 {
                return Err(report);
            }
        } else if far > golden.tolerance.max(1e-4) {
            return Err(report);
        }
        let reference = EncoderOptions { backend: BackendChoice::Reference, ..EncoderOptions::default() };
        let reference = run(fixture, &golden, pooling, reference)?;
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
        let (least, _) = cosines(&auto, &exact);
        report += &format!("int {least:.6} ");
        if least < 0.999 {
            return Err(report);
        }
    }
    Ok(report)
}

#[test]
fn every_export_fuses_to_its_golden_vectors() {
    let mut table = String::new();
    let mut failed = 0;
    for fixture in folders("exports") {
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
    assert_eq!(failed, 0, "{failed} exports fail:\n{table}");
}

/// onnxruntime's static quantiser takes a Relu out where what it quantises to has nothing below 0. With it the fused
/// graph is as near to the float model as that of a file which lost nothing.
#[test]
fn a_relu_that_quantisation_took_out_is_computed() {
    for (quantised, original) in [("qdq-static-relu", "act-relu"), ("qdq-static", "qdq-static")] {
        let fixture = Fixture::export(quantised);
        let golden = Golden::of(&fixture);
        let vectors = if quantised == original { "vectors_pytorch" } else { "vectors" };
        let expected = golden_rows(&Fixture::export(original).json("golden.json")[vectors]["cls"]);
        for precision in [Precision::F32, Precision::Auto] {
            let options = EncoderOptions { precision, ..EncoderOptions::default() };
            let got = run(&fixture, &golden, Pooling::Cls, options).unwrap();
            let (least, _) = cosines(&got, &expected);
            assert!(least >= 0.999, "{quantised}, {precision:?}: {least}");
        }
    }
}

/// `MatMulNBits` may have its zero points as floats, one a block; these have the same values as before.
#[test]
fn zero_points_that_are_floats_mean_what_the_same_bytes_do() {
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
            let encoder = EncoderLoader::new(bytes, &config, options).unwrap().finish().unwrap();
            assert!(encoder.info().fused, "{name}");
            encoder
        };
        let before = vectors(&mut *fixture.load_fused(Pooling::Mean, exact.clone()).unwrap());
        assert_eq!(difference(&vectors(&mut *edited(exact)), &before), 0.0, "{name}");
        // No 4-bit kernel takes them.
        let mut auto = edited(auto);
        assert_eq!(auto.info().precision, "int8", "{name}");
        let (least, _) = cosines(&vectors(&mut *auto), &before);
        assert!(least >= 0.999, "{name}: {least}");
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
