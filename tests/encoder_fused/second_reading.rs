//! Weights inside the ONNX file are left out when it is read first, and packed when it is read again.

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::encoder::onnx::pb::{ModelProto, StringStringEntryProto};
use corom::encoder::onnx::{ONNX_FILE_ITSELF, OnnxFile, OnnxReader};
use corom::encoder::{BackendChoice, Encoder, EncoderLoader, EncoderOptions};
use corom::error::{ErrorCode, Result};
use prost::Message;

use super::encoder_support::{Fixture, Golden, embed, exports};
use super::{bits, poolings};

const CHUNK_BYTES: usize = 1000;

/// Reads an ONNX file and leaves out all large weights.
fn first_reading(onnx: &[u8]) -> OnnxFile {
    let mut reader = OnnxReader::keeping(0);
    onnx.chunks(CHUNK_BYTES).for_each(|chunk| reader.write(chunk).unwrap());
    reader.finish().unwrap()
}

/// Returns a loader, and the files that it needs: the ONNX file itself and its external data.
fn start(
    fixture: &Fixture,
    pooling: Pooling,
    options: EncoderOptions,
) -> Result<(EncoderLoader, BTreeMap<String, Vec<u8>>)> {
    start_with((fixture.bytes(), fixture.external()?), fixture, pooling, options)
}

/// Does the same with another ONNX file and its external data.
fn start_with(
    (onnx, mut files): (Vec<u8>, BTreeMap<String, Vec<u8>>),
    fixture: &Fixture,
    pooling: Pooling,
    options: EncoderOptions,
) -> Result<(EncoderLoader, BTreeMap<String, Vec<u8>>)> {
    let config = fixture.config()?;
    let layers = pooling.layers(config.num_hidden_layers);
    let file = first_reading(&onnx);
    if !file.is_whole() {
        assert_eq!(file.size_to_read_again(), Some(onnx.len() as u64));
        files.insert(ONNX_FILE_ITSELF.to_owned(), onnx);
    }
    let options = EncoderOptions { layers, ..options };
    Ok((EncoderLoader::from_file(file, &config, options)?, files))
}

/// Returns an export whose tensors of external data are in three files in turn, so that ops need several files.
fn scattered(fixture: &Fixture) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let old = fixture.external().unwrap();
    let mut model = ModelProto::decode(&fixture.bytes()[..]).unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    for (i, tensor) in tensors.iter_mut().filter(|tensor| !tensor.external_data.is_empty()).enumerate() {
        let entry = |key: &str| &tensor.external_data.iter().find(|entry| entry.key == key).unwrap().value;
        let (from, length): (usize, usize) =
            (entry("offset").parse().unwrap(), entry("length").parse().unwrap());
        let bytes = &old[entry("location")][from..from + length];
        let location = format!("part.{}", i % 3);
        let file = files.entry(location.clone()).or_default();
        let values =
            [("location", location), ("offset", file.len().to_string()), ("length", length.to_string())];
        file.extend_from_slice(bytes);
        let entries = values.map(|(key, value)| StringStringEntryProto { key: key.into(), value });
        tensor.external_data = entries.into();
    }
    assert_eq!(files.len(), 3);
    (model.encode_to_vec(), files)
}

fn write(loader: &mut EncoderLoader, path: &str, from: usize, bytes: &[u8]) -> Result<()> {
    let mut offset = from as u64;
    bytes.chunks(CHUNK_BYTES).try_for_each(|chunk| {
        loader.write(path, offset, chunk)?;
        offset += chunk.len() as u64;
        Ok(())
    })
}

/// Passes a file without a hash.
fn pass(loader: &mut EncoderLoader, path: &str, bytes: &[u8]) -> Result<()> {
    loader.begin_unverified(path);
    write(loader, path, 0, bytes)?;
    loader.end(path)
}

/// Returns bytes in which every float and integer is another one, and still finite.
fn of_another_version(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x11).collect()
}

fn vectors(encoder: &mut dyn Encoder, fixture: &Fixture, pooling: Pooling) -> Vec<Vec<f32>> {
    embed(encoder, &Golden::of(fixture).texts[..2], pooling, 0).unwrap()
}

/// Returns the pooling of an export's first vectors.
fn pooling_of(fixture: &Fixture) -> Pooling {
    poolings(&Golden::of(fixture)).remove(0).1
}

/// Checks the encoder against the one of the file that was read as a whole.
fn check_same(loader: EncoderLoader, fixture: &Fixture, pooling: Pooling, options: EncoderOptions) {
    let mut whole = fixture.load_fused(pooling, options).unwrap();
    let mut encoder = loader.finish().unwrap();
    assert_eq!(encoder.info(), whole.info(), "{}", fixture.name);
    let [expected, got] = [&mut whole, &mut encoder].map(|e| bits(&vectors(&mut **e, fixture, pooling)));
    assert!(expected == got, "{}", fixture.name);
}

#[test]
fn file_that_is_read_twice_gives_the_same_bits_as_a_whole_one() {
    let mut twice = 0;
    for fixture in exports() {
        let pooling = pooling_of(&fixture);
        let backends = [BackendChoice::Auto, BackendChoice::Unfused];
        for backend in backends.into_iter().take(if twice % 4 == 0 { 2 } else { 1 }) {
            let options = EncoderOptions { backend, ..EncoderOptions::default() };
            let (mut loader, files) = start(&fixture, pooling, options.clone()).unwrap();
            twice += usize::from(files.contains_key(ONNX_FILE_ITSELF));
            for (path, bytes) in &files {
                pass(&mut loader, path, bytes).unwrap();
                assert!(loader.is_complete(path), "{}: {path}", fixture.name);
            }
            check_same(loader, &fixture, pooling, options);
        }
    }
    assert!(twice > 40, "{twice}");
}

#[test]
fn weights_of_a_file_that_is_begun_again_are_replaced() {
    for (name, path) in [("legacy-op17", ONNX_FILE_ITSELF), ("external-dynamo", "model.onnx.data")] {
        let fixture = Fixture::export(name);
        let pooling = pooling_of(&fixture);
        let options = EncoderOptions::default();
        for cut in [1, 2, 3, 4].map(|quarter| quarter * 25) {
            let (mut loader, files) = start(&fixture, pooling, options.clone()).unwrap();
            let bytes = &files[path];
            let wrong = of_another_version(&bytes[..bytes.len() * cut / 100]);
            loader.begin_unverified(path);
            // A weight may be rejected; then the file is begun again all the same.
            let _ = write(&mut loader, path, 0, &wrong);
            for (path, bytes) in &files {
                pass(&mut loader, path, bytes).unwrap();
            }
            check_same(loader, &fixture, pooling, options.clone());
        }
    }
}

#[test]
fn files_whose_weights_were_packed_with_dropped_ones_are_needed_again() {
    let fixture = Fixture::export("external-shards");
    let pooling = pooling_of(&fixture);
    let mut needed_again = 0;
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let options = EncoderOptions::default();
        let scattered = scattered(&fixture);
        let (mut loader, files) = start_with(scattered, &fixture, pooling, options.clone()).unwrap();
        let paths: Vec<&String> = files.keys().filter(|path| path.starts_with("part.")).collect();
        for path in files.keys().filter(|path| !paths.contains(path)) {
            pass(&mut loader, path, &files[path]).unwrap();
        }
        let [first, second, last] = order.map(|i| paths[i]);
        pass(&mut loader, first, &files[first]).unwrap();
        // The second file breaks off at its end, and the third one is under way meanwhile.
        loader.begin_unverified(second);
        write(&mut loader, second, 0, &of_another_version(&files[second])).unwrap();
        loader.begin_unverified(last);
        let half = files[last].len() / 2;
        write(&mut loader, last, 0, &files[last][..half]).unwrap();
        pass(&mut loader, second, &files[second]).unwrap();
        write(&mut loader, last, half, &files[last][half..]).unwrap();
        loader.end(last).unwrap();
        // A dropped weight is asked for, and asked for once.
        let again: Vec<&&String> = paths.iter().filter(|path| !loader.is_complete(path)).collect();
        needed_again += again.len();
        for path in again {
            pass(&mut loader, path, &files[*path]).unwrap();
        }
        assert!(paths.iter().all(|path| loader.is_complete(path)));
        check_same(loader, &fixture, pooling, options);
    }
    assert!(needed_again > 0);
}

#[test]
fn file_that_changed_between_its_readings_is_rejected() {
    let fixture = Fixture::export("legacy-op17");
    let pooling = pooling_of(&fixture);
    for backend in [BackendChoice::Auto, BackendChoice::Unfused] {
        let options = EncoderOptions { backend, ..EncoderOptions::default() };
        let (mut loader, files) = start(&fixture, pooling, options.clone()).unwrap();
        let bytes = &files[ONNX_FILE_ITSELF];
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        for other in [changed, bytes[..bytes.len() - 1].to_vec()] {
            let error = pass(&mut loader, ONNX_FILE_ITSELF, &other).unwrap_err();
            assert_eq!(error.code(), ErrorCode::IntegrityMismatch);
            assert!(error.message().contains("changed while the model was loaded"), "{error}");
        }
        pass(&mut loader, ONNX_FILE_ITSELF, bytes).unwrap();
        check_same(loader, &fixture, pooling, options);
    }
}

#[test]
fn file_that_was_read_once_is_missing_its_weights() {
    let fixture = Fixture::export("legacy-op17");
    for backend in [BackendChoice::Auto, BackendChoice::Unfused] {
        let options = EncoderOptions { backend, ..EncoderOptions::default() };
        let (loader, _) = start(&fixture, pooling_of(&fixture), options).unwrap();
        assert!(!loader.is_complete(ONNX_FILE_ITSELF));
        assert_eq!(loader.finish().err().unwrap().code(), ErrorCode::MissingFile);
    }
}

#[test]
fn first_rows_of_several_layers_are_rejected() {
    let fixture = Fixture::export("hidden-states");
    let config = fixture.config().unwrap();
    for layers in [vec![0], vec![0, config.num_hidden_layers], vec![]] {
        let options = EncoderOptions { layers, first_rows: true, ..EncoderOptions::default() };
        let error = EncoderLoader::new(&fixture.bytes(), &config, options).err().unwrap();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains("first_rows"), "{error}");
    }
}
