//! Converts cut and corrupt weights: every rejection has an error code.

use std::path::Path;

use crate::command::{Scratch, checkpoint, convert};

/// One file in each format: zip, legacy pickle, safetensors.
const FILES: [(&str, &str); 3] = [
    ("zip-bert-prefix", "pytorch_model.bin"),
    ("legacy-no-prefix", "pytorch_model.bin"),
    ("safetensors-bfloat16", "model.safetensors"),
];

fn overwrite(folder: &Path, file: &str, bytes: &[u8]) {
    std::fs::write(folder.join(file), bytes).unwrap();
}

#[test]
fn convert_rejects_weights_cut_anywhere() {
    let scratch = Scratch::new("cut");
    for (name, file) in FILES {
        let from = scratch.copy_of(name);
        let whole = std::fs::read(checkpoint(name).join(file)).unwrap();
        let mut cuts = vec![0, 1, 2, 4, 7, 8, 9, 30, 63, 64, 100, whole.len() - 1, whole.len() - 22];
        cuts.extend((1..24).map(|i| i * whole.len() / 24));
        for cut in cuts {
            overwrite(&from, file, &whole[..cut]);
            let run = convert(&from, &scratch.join("out"), &[]);
            let (code, message) = run.rejection();
            assert!(
                matches!(code, "INVALID_CHECKPOINT" | "NOT_A_MODEL"),
                "{name} cut at {cut}: {code} {message}"
            );
            assert!(!scratch.join("out").exists());
        }
    }
}

#[test]
fn convert_accepts_or_rejects_weights_with_a_flipped_byte() {
    let scratch = Scratch::new("flipped");
    for (name, file) in FILES {
        let from = scratch.copy_of(name);
        let whole = std::fs::read(checkpoint(name).join(file)).unwrap();
        // Most positions are in the structure: at the start (headers, pickles) and at the end (the directory
        // of the zip file).
        let structure = (0..900).step_by(29).chain(whole.len() - 1800..whole.len()).step_by(31);
        for at in structure.chain((1..10).map(|i| i * whole.len() / 10)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            overwrite(&from, file, &bytes);
            let run = convert(&from, &scratch.join("out"), &["--force"]);
            if run.status != Some(0) {
                let (code, message) = run.rejection();
                assert!(
                    matches!(code, "INVALID_CHECKPOINT" | "NOT_A_MODEL" | "UNSUPPORTED_MODEL"),
                    "{name} flipped at {at}: {code} {message}"
                );
            }
        }
    }
}

#[test]
fn convert_rejects_values_that_are_not_finite_by_tensor_name() {
    let scratch = Scratch::new("nan");
    let from = scratch.copy_of("safetensors");
    let mut bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let at = bytes.len() - 4;
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        bytes[at..].copy_from_slice(&bad.to_le_bytes());
        overwrite(&from, "model.safetensors", &bytes);
        let word = bad.to_string();
        convert(&from, &scratch.join("out"), &[]).expect_rejected("INVALID_CHECKPOINT", &["layer.", &word]);
    }
    assert_eq!(scratch.names(), ["safetensors"]);
}
