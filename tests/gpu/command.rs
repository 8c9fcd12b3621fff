//! `corom embed --device gpu` as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

use crate::device;
use crate::encoder_support::cosines;

/// The number of texts.
const TEXTS: usize = 60;

/// Embeds a file of texts. Returns the vectors and what the command printed.
fn embed(folder: &Path, arguments: &[&str]) -> (Output, Vec<Vec<f32>>) {
    let (texts, out) = (folder.join("texts.txt"), folder.join("vectors.npy"));
    let lines: String = (0..TEXTS).map(|i| format!("阔腿裤 {} cm\n", i * 37 % 100)).collect();
    std::fs::write(&texts, lines).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_corom"))
        .arg("embed")
        .args([&texts, &out])
        .args(["--force", "-m", "tests/fixtures/bits/int8"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let bytes = std::fs::read(&out).unwrap_or_default();
    let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let numbers: Vec<f32> =
        bytes[start..].as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
    (output, numbers.chunks((numbers.len() / TEXTS).max(1)).map(<[f32]>::to_vec).collect())
}

#[test]
fn command_embeds_on_the_gpu_and_names_it() {
    let Some(gpu) = device(None) else { return };
    let folder = std::env::temp_dir().join(format!("corom-gpu-command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (_, expected) = embed(&folder, &[]);
    for quality in ["exact", "float"] {
        let (output, vectors) = embed(&folder, &["--device", "gpu", "--quality", quality]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");
        assert!(message.contains(&format!("{} ran the model", gpu.name())), "{message}");
        assert_eq!(vectors.len(), TEXTS, "{quality}");
        let (lowest, _) = cosines(&vectors, &expected);
        assert!(lowest >= 0.999, "{quality}: {lowest}");
    }
    // A run on a GPU cannot be continued: another GPU has other bits.
    let (output, _) = embed(&folder, &["--device", "gpu", "--resume"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("INVALID_ARGUMENT"), "{output:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}
