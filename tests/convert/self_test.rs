//! The self-test of converted folders: it passes with every group of kernels, and it detects damage that no hash
//! detects.

use std::collections::BTreeMap;
use std::path::Path;

use corom::encoder::KernelChoice;
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::error::{ErrorCode, Result};
use corom::model::manifest::FileEntry;
use corom::model::{LoadOptions, Manifest, folder};
use corom::self_test::VectorError;

use crate::command::{Scratch, checkpoint, convert};
use crate::support::folders;

const KERNELS: [Kernel; 3] = [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32];

fn load(model: &Path, kernel: Kernel) -> Result<()> {
    let options = LoadOptions { kernel: KernelChoice::Fixed(kernel), ..LoadOptions::default() };
    folder::load(model, options).map(|_| ())
}

fn manifest(model: &Path) -> Manifest {
    Manifest::from_json(&std::fs::read(model.join("corom.json")).unwrap()).unwrap()
}

/// Changes the bytes of a weight file.
type Damage = fn(&mut Vec<u8>);

#[test]
fn converted_folders_load_with_every_kernel() {
    let scratch = Scratch::new("self-test-kernels");
    for (name, from) in folders("checkpoints") {
        if from.join("expect.json").exists() || name.starts_with("cross-encoder") {
            continue;
        }
        // One checkpoint in every number type: conversions take most of the time.
        let dtypes: &[&str] = if name == "wide" { &["f32", "int8", "int4"] } else { &["int8"] };
        for dtype in dtypes {
            let out = scratch.join(&format!("{name}-{dtype}"));
            convert(&from, &out, &["--dtype", dtype]).expect_ok();
            let test = manifest(&out).self_test.unwrap();
            assert_eq!(test.measured.keys().collect::<Vec<_>>(), ["exact", "relaxed"], "{name} {dtype}");
            assert!(test.texts.contains(&String::new()));
            for kernel in KERNELS {
                load(&out, kernel).unwrap_or_else(|e| panic!("{name} {dtype} {kernel:?}: {e}"));
            }
        }
    }
}

/// Writes the files of a folder again, with the changes of `edit`. The manifest's hashes are right, so only the
/// self-test can notice.
fn damaged(from: &Path, to: &Path, edit: impl FnOnce(&mut BTreeMap<String, Vec<u8>>, &mut Manifest)) {
    let mut files = crate::support::files(from);
    let mut manifest = manifest(from);
    files.remove("corom.json");
    edit(&mut files, &mut manifest);
    manifest.files = files.iter().map(|(path, bytes)| FileEntry::of(path, bytes)).collect();
    files.insert("corom.json".into(), manifest.to_json().unwrap().into_bytes());
    std::fs::create_dir_all(to).unwrap();
    files.iter().for_each(|(path, bytes)| std::fs::write(to.join(path), bytes).unwrap());
}

#[test]
fn self_test_detects_damaged_weights_whatever_error_was_measured() {
    let scratch = Scratch::new("self-test-damage");
    let shard = "model.onnx_data_000";
    for dtype in ["f32", "int8"] {
        let model = scratch.join(dtype);
        convert(&checkpoint("wide"), &model, &["--dtype", dtype]).expect_ok();
        // The widest limits that a manifest can have.
        let widen = |manifest: &mut Manifest| {
            let measured = &mut manifest.self_test.as_mut().unwrap().measured;
            measured.values_mut().for_each(|error| *error = VectorError::ANY);
        };
        let copy = scratch.join("copy");
        damaged(&model, &copy, |_, manifest| widen(manifest));
        load(&copy, Kernel::Exact).unwrap();

        let cases: [(&str, Damage); 3] = [
            ("every 16th byte has its sign flipped", |bytes| {
                bytes.iter_mut().skip(3).step_by(16).for_each(|byte| *byte ^= 0x80);
            }),
            ("all weights are moved by four bytes", |bytes| bytes.rotate_left(4)),
            ("a quarter of the weights is 0", |bytes| {
                let (from, to) = (bytes.len() / 2, bytes.len() / 4 * 3);
                bytes[from..to].fill(0);
            }),
        ];
        for (what, damage) in cases {
            damaged(&model, &copy, |files, manifest| {
                damage(files.get_mut(shard).unwrap());
                widen(manifest);
            });
            for kernel in KERNELS {
                let error = load(&copy, kernel).expect_err(what);
                let is_expected = matches!(error.code(), ErrorCode::SelfTestFailed | ErrorCode::InvalidModel);
                assert!(is_expected, "{dtype}, {what}: {error}");
            }
        }
    }
}
