//! The memory of a tokenizer: of multilingual-e5-small's shape (250,002 Unigram tokens), made up here, and of long
//! texts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use corom::tokenizer::{Tokenizer, TokenizerFiles};
use serde_json::{Value, json};

/// Counts the bytes that are allocated, and the most that were at once.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Tests measure one after the other.
static TURN: Mutex<()> = Mutex::new(());

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work`. Returns its result, the bytes that are allocated more than before, and the most that were at once.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    let kept = NOW.load(Ordering::Relaxed).saturating_sub(before);
    (result, kept, PEAK.load(Ordering::Relaxed) - before)
}

/// Returns a made-up `tokenizer.json` with `pieces` Unigram tokens of one to eight letters of several alphabets.
fn unigram(pieces: usize) -> Vec<u8> {
    let mut vocabulary: Vec<Value> =
        ["<s>", "<pad>", "</s>", "<unk>"].iter().map(|piece| json!([piece, 0.0])).collect();
    let alphabets: [&[char]; 3] = [
        &['a', 'e', 'i', 'n', 'o', 'r', 's', 't'],
        &['阔', '腿', '裤', '女', '牛', '仔', '鞋', '衣'],
        &['а', 'е', 'и', 'н', 'о', 'р', 'с', 'т'],
    ];
    vocabulary.push(json!(["▁", -2.0]));
    let mut number = 0usize;
    while vocabulary.len() < pieces - 1 {
        let letters = alphabets[number % 3];
        let mut rest = number / 3;
        let mut piece = String::from(if number.is_multiple_of(2) { "▁" } else { "" });
        loop {
            piece.push(letters[rest % 8]);
            rest /= 8;
            if rest == 0 {
                break;
            }
        }
        vocabulary.push(json!([piece, -3.0 - (number % 1000) as f64 / 100.0]));
        number += 1;
    }
    vocabulary.push(json!(["<mask>", 0.0]));
    let token = |id: usize, content: &str| json!({ "id": id, "content": content, "special": true });
    let added = [
        token(0, "<s>"),
        token(1, "<pad>"),
        token(2, "</s>"),
        token(3, "<unk>"),
        token(pieces - 1, "<mask>"),
    ];
    json!({
        "version": "1.0", "added_tokens": added, "normalizer": null,
        "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
        "model": { "type": "Unigram", "unk_id": 3, "vocab": vocabulary },
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_unigram_of_250_002_tokens_takes_little_memory() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TokenizerFiles {
        tokenizer: Some(unigram(250_002)),
        model_config: Some(br#"{ "model_type": "xlm-roberta" }"#.to_vec()),
        ..TokenizerFiles::default()
    };
    let size = files.tokenizer.as_ref().unwrap().len();
    // multilingual-e5-small's table has 250,037 rows, more than the tokenizer has tokens.
    let (tokenizer, kept, peak) = measured(|| Tokenizer::from_files(&files, 512, 250_037).unwrap());
    println!("tokenizer.json {size} bytes, kept {kept}, peak {peak} besides the file");
    assert!(kept < 16 << 20, "{kept} bytes");
    assert!(peak < 32 << 20, "{peak} bytes");
    let tokens = tokenizer.tokenize("裤 tennis 裤鞋").unwrap();
    assert_eq!((tokens.ids[0], tokens.ids.last().copied(), tokens.unknown), (0, Some(2), 0), "{tokens:?}");
}

#[test]
fn a_long_text_takes_constant_memory() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bits/int8/tokenizer.json");
    let bert = Tokenizer::from_json(&std::fs::read(path).unwrap(), 128, 326).unwrap();
    let mut pieces = Tokenizer::from_files(
        &TokenizerFiles {
            tokenizer: Some(unigram(5000)),
            model_config: Some(br#"{ "model_type": "xlm-roberta" }"#.to_vec()),
            ..TokenizerFiles::default()
        },
        128,
        5000,
    )
    .unwrap();
    pieces.set_max_length(512).unwrap();
    for unit in ["#", "裤", "👗", "ไทย", "a", " ", "e\u{301}", "{\"a\":1},", "<b>裤</b>", "aGVsbG8+"]
    {
        let text = unit.repeat((2 << 20) / unit.len());
        for tokenizer in [&bert, &pieces] {
            let (_, _, peak) = measured(|| tokenizer.encode(&text).map(drop));
            assert!(peak < 8 << 20, "{unit:?}: {peak} bytes");
        }
    }
}
