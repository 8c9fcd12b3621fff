//! Cut and corrupt weights: refused cleanly, whatever was hit.

use std::path::Path;

use crate::command::{Scratch, checkpoint, convert};

/// zip, legacy pickle, safetensors.
const FILES: [(&str, &str); 3] = [
    ("zip-bert-prefix", "pytorch_model.bin"),
    ("legacy-no-prefix", "pytorch_model.bin"),
    ("safetensors-bfloat16", "model.safetensors"),
];

fn overwrite(folder: &Path, file: &str, bytes: &[u8]) {
    std::fs::write(folder.join(file), bytes).unwrap();
}

#[test]
fn weights_cut_anywhere_are_refused() {
    let scratch = Scratch::new("cut");
    for (name, file) in FILES {
        let from = scratch.copy_of(name);
        let whole = std::fs::read(checkpoint(name).join(file)).unwrap();
        let mut cuts = vec![0, 1, 2, 4, 7, 8, 9, 30, 63, 64, 100, whole.len() - 1, whole.len() - 22];
        cuts.extend((1..24).map(|i| i * whole.len() / 24));
        for cut in cuts {
            overwrite(&from, file, &whole[..cut]);
            let run = convert(&from, &scratch.join("out"), &[]);
            let (code, message) = run.refusal();
            assert!(
                matches!(code, "INVALID_CHECKPOINT" | "NOT_A_MODEL"),
                "{name} cut at {cut}: {code} {message}"
            );
            assert!(!scratch.join("out").exists());
        }
    }
}

#[test]
fn weights_with_a_flipped_byte_convert_or_are_refused() {
    let scratch = Scratch::new("flipped");
    for (name, file) in FILES {
        let from = scratch.copy_of(name);
        let whole = std::fs::read(checkpoint(name).join(file)).unwrap();
        // Densely where the structure is: the start (headers, pickles) and the end (the zip's directory).
        let structure = (0..900).step_by(29).chain(whole.len() - 1800..whole.len()).step_by(31);
        for at in structure.chain((1..10).map(|i| i * whole.len() / 10)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            overwrite(&from, file, &bytes);
            let run = convert(&from, &scratch.join("out"), &["--force"]);
            if run.status != Some(0) {
                let (code, message) = run.refusal();
                assert!(
                    matches!(code, "INVALID_CHECKPOINT" | "NOT_A_MODEL" | "UNSUPPORTED_MODEL"),
                    "{name} flipped at {at}: {code} {message}"
                );
            }
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    let scratch = Scratch::new("nan");
    let from = scratch.copy_of("safetensors");
    let mut bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let at = bytes.len() - 4;
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        bytes[at..].copy_from_slice(&bad.to_le_bytes());
        overwrite(&from, "model.safetensors", &bytes);
        let word = bad.to_string();
        convert(&from, &scratch.join("out"), &[]).expect_refused("INVALID_CHECKPOINT", &["layer.", &word]);
    }
    assert_eq!(scratch.names(), ["safetensors"]);
}
