//! Files that arrive in chunks, are restarted, or are rejected first and accepted on a later attempt.

use corom::error::ErrorCode;
use corom::model::manifest::{FileEntry, PIECE_BYTES, sha256_hex};
use corom::model::{LoadOptions, Manifest, ModelLoader};

use super::support::export;
use super::support::memory::answer;
use super::{Files, converted, paths};

/// Returns a loader of [`converted`] that has every file but the weights.
fn loader_before_weights(files: &Files) -> ModelLoader {
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    for path in ["corom.json", "tokenizer.json", "model.onnx", "config.json"] {
        loader.supply(path, &files[path]).unwrap();
    }
    loader
}

#[test]
fn loader_accepts_files_in_chunks_of_any_size() {
    let files = converted();
    let config = &files["config.json"];
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    loader.supply("corom.json", &files["corom.json"]).unwrap();
    // Each attempt ends with an error, so one loader sees every cut.
    for cut in 0..=config.len() {
        loader.begin("config.json", None).unwrap();
        loader.feed("config.json", &config[..cut]).unwrap();
        assert_eq!(loader.fed("config.json"), cut as u64);
        loader.feed("config.json", &[]).unwrap();
        let mut rest = config[cut..].to_vec();
        match rest.last_mut() {
            Some(last) => *last ^= 1,
            None => rest.push(b' '),
        }
        let fed = loader.feed("config.json", &rest).and_then(|()| loader.end("config.json"));
        assert_eq!(fed.unwrap_err().code(), ErrorCode::IntegrityMismatch, "cut at {cut}");
        assert_eq!((loader.fed("config.json"), paths(&loader)[0]), (0, "config.json"));
    }
    for chunk in [1, 7, 64, 1000, 1 << 20] {
        let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
        while let Some(file) = loader.pending_requests().first().cloned() {
            loader.begin(&file.path, Some(1)).unwrap();
            // Tiny chunks are for files that are parsed; large files would take too long.
            let chunk = if files[&file.path].len() > 4096 { chunk.max(64) } else { chunk };
            files[&file.path].chunks(chunk).for_each(|piece| loader.feed(&file.path, piece).unwrap());
            loader.end(&file.path).unwrap();
        }
        loader.build().unwrap();
    }
}

#[test]
fn loader_restarts_a_file_at_any_time() {
    let files = converted();
    let mut loader = loader_before_weights(&files);
    let shards = ["model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"];
    // All three files are in transit; one of them restarts.
    for path in shards {
        loader.begin(path, None).unwrap();
        loader.feed(path, &files[path][..100]).unwrap();
    }
    loader.begin(shards[1], None).unwrap();
    assert_eq!(shards.map(|path| loader.fed(path)), [100, 0, 100]);
    for path in shards {
        let from = loader.fed(path) as usize;
        loader.feed(path, &files[path][from..]).unwrap();
        assert_eq!(paths(&loader)[0], path, "a file is requested until its end");
        loader.end(path).unwrap();
    }
    loader.build().unwrap();
}

#[test]
fn host_may_supply_hashes() {
    let files = converted();
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    while let Some(file) = loader.pending_requests().first().cloned() {
        let (path, bytes) = (&file.path, &files[&file.path]);
        let hash = sha256_hex(bytes);
        if file.sha256.is_some() {
            for (told, code) in [
                (Some(sha256_hex(b"")), ErrorCode::IntegrityMismatch),
                (Some(hash.to_uppercase()), ErrorCode::IntegrityMismatch),
                (Some(String::new()), ErrorCode::IntegrityMismatch),
                (None, ErrorCode::InvalidArgument),
            ] {
                loader.begin_hashed(path, file.size).unwrap();
                loader.feed(path, bytes).unwrap();
                let ended = match &told {
                    Some(told) => loader.end_hashed(path, told),
                    None => loader.end(path),
                };
                assert_eq!(ended.unwrap_err().code(), code, "{path}, {told:?}");
                assert_eq!(paths(&loader)[0], path, "the file is still requested");
            }
            // A hash computed by the loader takes precedence over the host's hash.
            loader.begin(path, file.size).unwrap();
            let mut damaged = bytes.clone();
            damaged[bytes.len() / 2] ^= 1;
            let ended = loader.feed(path, &damaged).and_then(|()| loader.end_hashed(path, &hash));
            assert_eq!(ended.unwrap_err().code(), ErrorCode::IntegrityMismatch, "{path}");
        }
        loader.begin_hashed(path, file.size).unwrap();
        loader.feed(path, bytes).unwrap();
        loader.end_hashed(path, &hash).unwrap();
    }
    loader.build().unwrap();
}

#[test]
fn hashes_of_pieces_match_the_manifest() {
    let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 5).map(|i| (i / 3) as u8).collect();
    let entry = FileEntry::of("model.onnx_data", &bytes);
    let told: Vec<String> = bytes.chunks(PIECE_BYTES).map(sha256_hex).collect();
    assert_eq!(entry.pieces, told);
    entry.verify_host_hash(&told.concat()).unwrap();
    entry.verify_host_hash(&sha256_hex(&bytes)).unwrap();
    let swapped = [told[1].clone(), told[0].clone(), told[2].clone()].concat();
    for wrong in [told[..2].concat(), told.concat() + "0", swapped, told[0].clone(), String::new()] {
        assert_eq!(
            entry.verify_host_hash(&wrong).unwrap_err().code(),
            ErrorCode::IntegrityMismatch,
            "{wrong}"
        );
    }
    assert_eq!(FileEntry::of("a", &bytes[..PIECE_BYTES]).pieces, Vec::<String>::new());

    // The manifest must list one valid hash per piece.
    let json = String::from_utf8(converted()["corom.json"].clone()).unwrap();
    let manifest = Manifest::from_json(json.as_bytes()).unwrap();
    for pieces in [vec![told[0].clone(); 9], vec!["x".repeat(64)], vec![String::new()]] {
        let mut manifest = manifest.clone();
        manifest.files[0].pieces = pieces;
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(Manifest::from_json(json.as_bytes()).unwrap_err().code(), ErrorCode::InvalidConfig);
    }
}

#[test]
fn rejected_file_leaves_the_loader_usable() {
    let files = converted();
    let mut loader = loader_before_weights(&files);
    let (path, good) = ("model.onnx_data_1", &files["model.onnx_data_1"]);
    let mut damaged = good.clone();
    damaged[good.len() / 2] ^= 1;
    let page = b" <!DOCTYPE html><p>Sign in";
    let cases: [(&str, Vec<&[u8]>, ErrorCode); 6] = [
        ("damaged", vec![&damaged], ErrorCode::IntegrityMismatch),
        ("short", vec![&good[..good.len() - 1]], ErrorCode::IntegrityMismatch),
        ("too long", vec![good, b"x"], ErrorCode::IntegrityMismatch),
        ("empty", vec![], ErrorCode::NotAModel),
        ("page", page.chunks(1).collect(), ErrorCode::NotAModel),
        ("pointer", vec![b"version https://git", b"-lfs.github.com/spec/v1\n"], ErrorCode::NotAModel),
    ];
    for (what, pieces, code) in cases {
        loader.begin(path, None).unwrap();
        let mut took = 0;
        let fed = pieces.iter().try_for_each(|piece| loader.feed(path, piece).inspect(|()| took += 1));
        // Errors that the first bytes show are reported at once.
        match what {
            "too long" => assert_eq!(took, 1),
            "page" => assert_eq!(took, " <!doctype".len() - 1),
            "pointer" => assert_eq!(took, 1),
            _ => assert_eq!(took, pieces.len()),
        }
        let outcome = fed.and_then(|()| loader.end(path));
        assert_eq!(outcome.unwrap_err().code(), code, "{what}");
        assert_eq!(loader.is_page(path), what == "page", "{what}");
        let again = loader.feed(path, b"x").unwrap_err();
        assert_eq!(again.code(), ErrorCode::InvalidArgument, "{what}: not restarted");
        assert_eq!(paths(&loader).len(), 3, "{what}");
    }
    assert_eq!(loader.begin("config.json", None).unwrap_err().code(), ErrorCode::InvalidArgument);
    assert_eq!(loader.end("model.onnx").unwrap_err().code(), ErrorCode::InvalidArgument);
    for path in ["model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"] {
        loader.supply(path, &files[path]).unwrap();
    }
    loader.build().unwrap();
}

#[test]
fn loader_restarts_files_that_it_parses_at_their_end() {
    let files = converted();
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    for (bad, code) in [
        (&b"{}"[..], ErrorCode::InvalidConfig),
        (br#"{"format": "corom-model", "format_version": 9}"#, ErrorCode::UnsupportedFormat),
    ] {
        assert_eq!(loader.supply("corom.json", bad).unwrap_err().code(), code);
    }
    loader.supply("corom.json", &files["corom.json"]).unwrap();
    assert_eq!(paths(&loader), ["config.json", "tokenizer.json", "model.onnx"]);
    // Without a manifest, only the parsers find errors.
    let files = crate::files(&export("legacy-op17"));
    let options = LoadOptions { model: Some("model.onnx".into()), ..LoadOptions::default() };
    let mut loader = ModelLoader::new(options).unwrap();
    loader.missing("corom.json").unwrap();
    for (path, code) in [
        ("config.json", ErrorCode::InvalidConfig),
        ("tokenizer.json", ErrorCode::InvalidTokenizer),
        ("model.onnx", ErrorCode::InvalidModel),
    ] {
        assert_eq!(loader.supply(path, &[7; 99]).unwrap_err().code(), code);
        loader.supply(path, &files[path]).unwrap();
    }
    answer(&mut loader, &files).unwrap();
    loader.build().unwrap();
}
