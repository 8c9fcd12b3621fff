//! The unfused encoder on every export, against the vectors of PyTorch or, for quantized files, of onnxruntime.

mod encoder_support;

use corom::config::Pooling;
use corom::encoder::{Encoder, EncoderOptions};
use encoder_support::{Fixture, Golden, difference, embed, exports, folders};

/// Compares a fixture's vectors, alone and in batches, and reports the differences.
fn check(fixture: &Fixture) -> Result<String, String> {
    let golden = Golden::of(fixture);
    let mut report = String::new();
    for (name, expected) in &golden.vectors {
        let pooling = match name.as_str() {
            "pooler_output" => continue,
            "sentence_embedding" if golden.vectors.len() > 1 => continue,
            "sentence_embedding" => Pooling::Cls,
            other => Pooling::parse(other).map_err(|e| e.to_string())?,
        };
        let mut encoder = fixture.load(pooling).map_err(|e| format!("{}: {e}", e.code()))?;
        let info = encoder.info().clone();
        let positions = fixture.config().unwrap().max_position_embeddings;
        let mut run = |texts: &[_], padding| {
            embed(&mut encoder, texts, pooling, padding).map_err(|e| format!("{}: {e}", e.code()))
        };
        let single: Vec<Vec<f32>> = golden
            .texts
            .iter()
            .map(|t| Ok(run(std::slice::from_ref(t), 0)?.remove(0)))
            .collect::<Result<_, String>>()?;
        let error = difference(&single, expected);
        report += &format!("{name} {error:.1e}  ");
        if error > golden.tolerance {
            return Err(format!("{report} beyond {:.0e}", golden.tolerance));
        }
        for (padding, what) in [(0, "batch"), (3, "padding")] {
            let longest = golden.texts.iter().map(|t| t.ids.len()).max().unwrap_or(0);
            let max_length = info.static_sequence.unwrap_or(positions);
            if padding > 0 && longest + padding > max_length {
                continue;
            }
            let together = run(&golden.texts, padding)?;
            let error = difference(&together, &single);
            report += &format!("{what} {error:.1e}  ");
            if error > 1e-5 {
                return Err(format!("{report}: a text's vector depends on its {what}"));
            }
        }
    }
    Ok(report)
}

#[test]
fn unfused_encoder_gives_golden_vectors_of_every_export() {
    let mut table = String::new();
    let mut failed = 0;
    for fixture in exports() {
        if std::env::var("COROM_ONLY").is_ok_and(|only| !fixture.name.contains(&only)) {
            continue;
        }
        let start = std::time::Instant::now();
        let (mark, text) = match check(&fixture) {
            Ok(report) => ("ok  ", report),
            Err(report) => {
                failed += 1;
                ("FAIL", report)
            }
        };
        table += &format!("{mark} {:24} {:4} ms  {text}\n", fixture.name, start.elapsed().as_millis());
    }
    println!("{table}");
    assert!(!table.is_empty(), "COROM_ONLY matches no export");
    assert_eq!(failed, 0, "{failed} exports fail:\n{table}");
}

#[test]
fn info_reports_number_type_of_most_weights() {
    let named = |name: &str| match name {
        "nbits8" | "int8-qint8-channel" | "qdq-static" | "qoperator" => Some("int8"),
        "nbits2" | "qdq-blocks4" | "qdq-blocks4-zero-point" => Some("int4"),
        "float16" => Some("f16"),
        "legacy-op17" => Some("f32"),
        _ => name.starts_with("nbits4-").then_some("int4"),
    };
    let mut seen = 0;
    for fixture in folders("exports") {
        let Some(dtype) = named(&fixture.name) else { continue };
        let plain = fixture.load(Pooling::Cls).unwrap();
        let fused = fixture.load_fused(Pooling::Cls, EncoderOptions::default()).unwrap();
        assert!(fused.info().fused, "{}", fixture.name);
        assert_eq!([plain.info().dtype, fused.info().dtype], [dtype; 2], "{}", fixture.name);
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} of these exports exist");
}
