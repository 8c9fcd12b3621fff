//! An ONNX file: one byte of options, then `config.json`, a zero byte and the file. External data is zeros and ones.
#![no_main]

#[path = "../../tests/encoder_support/mutate.rs"]
mod mutate;

use corom::batch::Batch;
use corom::config::BertConfig;
use corom::encoder::onnx::pb::ModelProto;
use corom::encoder::onnx::{ONNX_FILE_ITSELF, OnnxReader};
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, Precision};
use corom::error::Result;
use corom_fuzz::sections;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use mutate::{Random, mutate};
use prost::Message;

/// Larger files of external data are not supplied.
const MAX_EXTERNAL_BYTES: u64 = 1 << 20;

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("onnx"), |input: &[u8]| {
    let Some((&flags, input)) = input.split_first() else { return };
    let Some([config, onnx]) = sections(input) else { return };
    let Ok(config) = BertConfig::from_json(config) else { return };
    let _ = run(onnx, &config, flags);
});

/// Loads the file and embeds two texts, together and one of them alone.
fn run(onnx: &[u8], config: &BertConfig, flags: u8) -> Result<()> {
    let options = EncoderOptions {
        layers: vec![config.num_hidden_layers],
        backend: if flags & 1 != 0 { BackendChoice::Unfused } else { BackendChoice::Auto },
        precision: if flags & 2 != 0 { Precision::F32 } else { Precision::Auto },
        first_rows: flags & 4 != 0,
        ..EncoderOptions::default()
    };
    let mut reader = OnnxReader::keeping(if flags & 8 != 0 { 0 } else { u64::MAX });
    onnx.chunks(1 << 10).try_for_each(|chunk| reader.write(chunk))?;
    let file = reader.finish()?;
    let (files, is_whole) = (file.external_files()?, file.is_whole());
    let mut loader = EncoderLoader::from_file(file, config, options)?;
    if !is_whole {
        loader.begin_unverified(ONNX_FILE_ITSELF);
        loader.write(ONNX_FILE_ITSELF, 0, onnx)?;
        loader.end(ONNX_FILE_ITSELF)?;
    }
    for file in files.iter().filter(|file| file.min_size <= MAX_EXTERNAL_BYTES) {
        // 0x3f80 is the upper half of 1.0.
        let bytes: Vec<u8> = [0, 0, 0x80, 0x3f].into_iter().cycle().take(file.min_size as usize).collect();
        loader.begin(&file.path);
        loader.write(&file.path, 0, &bytes)?;
        loader.end(&file.path)?;
    }
    let mut encoder = loader.finish()?;
    let vocabulary = config.vocab_size as u32;
    let ids: Vec<u32> = (0..9).map(|id| id % vocabulary).collect();
    encoder.forward(&Batch::new([(&ids[..], &[0; 9][..]), (&ids[..4], &[0; 4][..])]))?;
    encoder.forward(&Batch::new([(&ids[..], &[0; 9][..])]))?;
    Ok(())
}

// Half of the changes are structural, as most random bytes are no protobuf message.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed) << 8);
    let changed = if random.below(2) == 0 { mutate_graph(&data[..size], &mut random) } else { None };
    match changed {
        Some(bytes) if bytes.len() <= max_size => {
            data[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
});

/// Returns the input with one to three changes to its graph, if it is a valid one.
fn mutate_graph(input: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let start = input.iter().skip(1).position(|&byte| byte == 0)? + 2;
    let mut model = ModelProto::decode(&input[start..]).ok()?;
    for _ in 0..=random.below(3) {
        mutate(model.graph.as_mut()?, random);
    }
    let mut bytes = input[..start].to_vec();
    bytes[0] = random.below(16) as u8;
    model.encode(&mut bytes).ok()?;
    Some(bytes)
}
