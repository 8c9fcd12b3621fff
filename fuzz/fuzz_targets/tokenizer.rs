//! `tokenizer.json` and a text, with a zero byte between them.
#![no_main]

use corom::tokenizer::Tokenizer;
use corom_fuzz::sections;
use libfuzzer_sys::fuzz_target;

/// The vocabulary of the fixtures.
const VOCABULARY: usize = 326;

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("tokenizer"), |input: &[u8]| {
    let Some([json, text]) = sections(input) else { return };
    let Ok(mut tokenizer) = Tokenizer::from_json(json, 16, VOCABULARY) else { return };
    let text = String::from_utf8_lossy(text);
    for max_length in [16, 2, 512] {
        if tokenizer.set_max_length(max_length).is_err() {
            continue;
        }
        if let Ok(encoding) = tokenizer.encode(&text) {
            assert_eq!(encoding.input_ids.len(), encoding.token_type_ids.len());
            assert!(encoding.input_ids.len() <= max_length, "{} ids", encoding.input_ids.len());
        }
        if let Ok(tokens) = tokenizer.tokenize(&text) {
            let units = text.encode_utf16().count();
            assert!(tokens.offsets.iter().all(|&(start, end)| start <= end && end <= units));
        }
    }
});
