//! A PyTorch checkpoint: one byte, then either a whole `pytorch_model.bin` (the byte is even) or the pickle of a zip
//! archive, which the target packs into an archive with storages of zeros (the byte is odd).
#![no_main]

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use corom::convert::{ConvertOptions, convert};
use corom_fuzz::{Files, fixtures, read_folder};
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// More storages than a fixture has tensors.
const STORAGES: usize = 64;
/// As large as the largest tensor of a fixture, in f32.
const STORAGE_BYTES: usize = 64 << 10;

static FOLDER: LazyLock<Files> = LazyLock::new(|| {
    let mut files = read_folder(&fixtures().join("checkpoints/zip-bert-prefix"));
    files.retain(|path, _| path != "pytorch_model.bin");
    files
});

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("pickle"), |input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else { return };
    let mut folder = FOLDER.clone();
    let file = if kind % 2 == 0 { bytes.to_vec() } else { archive(bytes) };
    folder.insert("pytorch_model.bin".into(), file);
    let mut output = Files::new();
    let _ = convert(&folder, &ConvertOptions::default(), &mut output);
});

/// Packs a pickle as `torch.save` does.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let storages = (0..STORAGES).map(|i| (format!("archive/data/{i}"), &[0; STORAGE_BYTES][..]));
    for (path, bytes) in [("archive/data.pkl".to_owned(), pickle)].into_iter().chain(storages) {
        zip.start_file(path, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
