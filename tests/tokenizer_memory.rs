//! The memory of a tokenizer: of multilingual-e5-small's shape (250,002 Unigram tokens), made up here, and of long
//! texts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::alloc::System;

use cap::Cap;
use corom::tokenizer::{Tokenizer, TokenizerFiles};
use serde_json::{Value, json};
use support::isolate::for_each_group;

/// Counts the bytes that are allocated. An allocation beyond the limit fails, which ends the process.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work` with at most `most` bytes more than before. Returns its result and the bytes that are still allocated.
fn within<T>(most: usize, work: impl FnOnce() -> T) -> (T, usize) {
    let before = HEAP.allocated();
    HEAP.set_limit(before + most).unwrap();
    let result = work();
    let kept = HEAP.allocated().saturating_sub(before);
    HEAP.set_limit(usize::MAX).unwrap();
    (result, kept)
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

/// Returns the files of XLM-R's tokenizer with a made-up vocabulary.
fn xlm_roberta(pieces: usize) -> TokenizerFiles {
    TokenizerFiles {
        tokenizer: Some(unigram(pieces)),
        model_config: Some(br#"{ "model_type": "xlm-roberta" }"#.to_vec()),
        ..TokenizerFiles::default()
    }
}

#[test]
fn a_unigram_of_250_002_tokens_takes_little_memory() {
    let groups = ["multilingual-e5-small's shape".to_owned()];
    for_each_group("a_unigram_of_250_002_tokens_takes_little_memory", &groups, |_, cases| {
        let files = xlm_roberta(250_002);
        cases.begin("32 MiB besides the file");
        // multilingual-e5-small's table has 250,037 rows, more than the tokenizer has tokens.
        let (tokenizer, kept) = within(32 << 20, || Tokenizer::from_files(&files, 512, 250_037).unwrap());
        assert!(kept < 16 << 20, "{kept} bytes");
        let tokens = tokenizer.tokenize("裤 tennis 裤鞋").unwrap();
        assert_eq!(
            (tokens.ids[0], tokens.ids.last().copied(), tokens.unknown),
            (0, Some(2), 0),
            "{tokens:?}"
        );
    });
}

#[test]
fn a_long_text_takes_constant_memory() {
    let groups = ["bert", "unigram"].map(str::to_owned);
    for_each_group("a_long_text_takes_constant_memory", &groups, |group, cases| {
        let tokenizer = if group == "bert" {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bits/int8/tokenizer.json");
            Tokenizer::from_json(&std::fs::read(path).unwrap(), 128, 326).unwrap()
        } else {
            Tokenizer::from_files(&xlm_roberta(5000), 512, 5000).unwrap()
        };
        for unit in ["#", "裤", "👗", "ไทย", "a", " ", "e\u{301}", "{\"a\":1},", "<b>裤</b>", "aGVsbG8+"]
        {
            cases.begin(format!("8 MiB for a text of {unit:?}"));
            let text = unit.repeat((2 << 20) / unit.len());
            drop(within(8 << 20, || tokenizer.encode(&text).map(drop)));
        }
    });
}
