//! Turns text into token ids with Hugging Face's `tokenizers`.
//!
//! Long texts are tokenized in parts until the maximum length is reached (`long_text.rs`), so ten megabytes
//! of text cost what its first kilobytes cost.
//!
//! ```
//! use corom::tokenizer::Tokenizer;
//!
//! let json = std::fs::read("tests/fixtures/bits/int8/tokenizer.json")?;
//! let tokenizer = Tokenizer::from_json(&json, 8, 326)?; // at most 8 tokens; the model has 326
//! let tokens = tokenizer.tokenize("阔腿裤 iPhone")?;
//! assert_eq!(tokens.tokens, ["[CLS]", "阔", "腿", "裤", "iphone", "[SEP]"]);
//! assert_eq!(tokens.offsets[4], (4, 10)); // UTF-16 code units
//! assert!(!tokens.truncated);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod long_text;
mod offsets;
mod parse;

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{Encoding as HfEncoding, Tokenizer as HfTokenizer, TruncationDirection};

use crate::error::{Error, ErrorCode, Result, fail};
use long_text::{TextSplitter, is_blank};

/// Bytes of the longest part of text without white space or Chinese characters that is tokenized. The
/// `tokenizers` crate takes about 40 times as much memory.
const MAX_PART_BYTES: usize = 2 << 20;

/// A text as the encoder reads it: `[CLS]` … `[SEP]`, cut to the maximum length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub input_ids: Vec<u32>,
    /// Segment of each token: all 0 for a single text.
    pub token_type_ids: Vec<u32>,
}

/// A text's tokens, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Token ids, `[CLS]` and `[SEP]` included.
    pub ids: Vec<u32>,
    /// The tokens as the vocabulary spells them.
    pub tokens: Vec<String>,
    /// Start and end of each token in the text, in UTF-16 code units (JavaScript's string indices); `(0, 0)`
    /// for added special tokens.
    pub offsets: Vec<(usize, usize)>,
    /// True if the text had more tokens than the maximum length.
    pub truncated: bool,
}

/// A BERT tokenizer with a maximum length. The [module](self) has an example.
pub struct Tokenizer {
    inner: HfTokenizer,
    max_length: usize,
    special_tokens: usize,
    /// Set if cutting a text before white space or a Chinese character cannot change its tokens.
    splitter: Option<TextSplitter>,
}

impl Tokenizer {
    /// Parses a `tokenizer.json`. Texts are cut to `max_length` tokens, `[CLS]` and `[SEP]` included; the
    /// file's own truncation and padding settings are ignored. `vocab_size` is the model's.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if the file cannot be parsed or adds no special tokens, `TOKENIZER_MISMATCH` if
    /// its vocabulary is not the model's, `INVALID_ARGUMENT` if `max_length` leaves no room for text.
    pub fn from_json(json: &[u8], max_length: usize, vocab_size: usize) -> Result<Self> {
        let inner = parse::parse(json)?;
        check_vocabulary(&inner, vocab_size)?;
        let special_tokens = inner.encode_fast("", true).map_err(tokenizer_failed)?.len();
        if special_tokens == 0 {
            fail!(
                InvalidTokenizer,
                "tokenizer.json: no post_processor adds [CLS] and [SEP]; a BERT needs both"
            );
        }
        let splitter = splitter_for(&inner);
        let mut tokenizer = Self { inner, max_length, special_tokens, splitter };
        tokenizer.set_max_length(max_length)?;
        Ok(tokenizer)
    }

    /// Sets the maximum length in tokens, `[CLS]` and `[SEP]` included.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the special tokens alone are longer.
    pub fn set_max_length(&mut self, max_length: usize) -> Result<()> {
        if max_length < self.special_tokens {
            fail!(
                InvalidArgument,
                "maxLength: {max_length} is too short; expected at least {} tokens",
                self.special_tokens
            );
        }
        self.max_length = max_length;
        Ok(())
    }

    /// Returns the maximum length in tokens, `[CLS]` and `[SEP]` included.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Tokenizes a text for the encoder.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text with more than 2 MiB without white space or a Chinese character.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        let (encoding, _) = self.encode_parts(text, false)?;
        Ok(Encoding {
            input_ids: encoding.get_ids().to_vec(),
            token_type_ids: encoding.get_type_ids().to_vec(),
        })
    }

    /// Tokenizes a text for display.
    ///
    /// # Errors
    /// The errors of [`encode`](Self::encode).
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        let (encoding, truncated) = self.encode_parts(text, true)?;
        let special = encoding.get_special_tokens_mask();
        let bytes: Vec<(usize, usize)> = (encoding.get_offsets().iter().zip(special))
            .map(|(&span, &special)| if special == 1 { (0, 0) } else { span })
            .collect();
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            offsets: offsets::bytes_to_utf16(text, &bytes),
            truncated,
        })
    }

    /// Tokenizes part by part until the maximum length is passed, so that ten megabytes of text cost no more
    /// than its first few hundred characters.
    fn encode_parts(&self, text: &str, with_offsets: bool) -> Result<(HfEncoding, bool)> {
        let max_tokens = self.max_length - self.special_tokens;
        let mut all: Option<HfEncoding> = None;
        let mut rest = 0..text.len();
        loop {
            let end = match &self.splitter {
                Some(_) => TextSplitter::next_split(text, rest.start),
                None => text.len(),
            };
            let part = &text[rest.start..end];
            // Ten megabytes of spaces took 6 s in WebAssembly when they were tokenized.
            if self.splitter.is_none() || !is_blank(part) {
                let encoded = self.encode_part(part, rest.start, with_offsets)?;
                match &mut all {
                    None => all = Some(encoded),
                    Some(all) => all.merge_with(encoded, false),
                }
            }
            rest.start = end;
            if rest.is_empty() || all.as_ref().is_some_and(|all| all.len() > max_tokens) {
                break;
            }
        }
        let mut encoding = all.unwrap_or_default();
        let truncated = encoding.len() > max_tokens;
        if truncated {
            encoding.truncate(max_tokens, 0, TruncationDirection::Right);
            encoding.take_overflowing();
        }
        let encoding = self.inner.post_process(encoding, None, true).map_err(tokenizer_failed)?;
        Ok((encoding, truncated))
    }

    /// Tokenizes the part that starts at byte `base` of the text, without special tokens.
    fn encode_part(&self, part: &str, base: usize, with_offsets: bool) -> Result<HfEncoding> {
        let shortened = self.splitter.as_ref().map(|splitter| splitter.shorten(part)).unwrap_or_default();
        let text = shortened.text.as_deref().unwrap_or(part);
        if text.len() > MAX_PART_BYTES {
            fail!(
                InvalidArgument,
                "a text has {} bytes without white space or a Chinese character; expected at most {MAX_PART_BYTES}",
                text.len()
            );
        }
        if !with_offsets {
            return self.inner.encode_fast(text, false).map_err(tokenizer_failed);
        }
        let mut encoding = self.inner.encode(text, false).map_err(tokenizer_failed)?;
        for (start, end) in encoding.get_offsets_mut() {
            *start = base + shortened.original(*start);
            *end = base + shortened.original(*end);
        }
        Ok(encoding)
    }
}

/// Converts an error of the `tokenizers` crate.
fn tokenizer_failed(e: tokenizers::Error) -> Error {
    Error::with_source(ErrorCode::InvalidTokenizer, format!("the tokenizer failed: {e}"), e)
}

/// Checks that the model has at least as many rows as the tokenizer has tokens, and at most as many more as
/// padding to a round number adds.
fn check_vocabulary(inner: &HfTokenizer, vocab_size: usize) -> Result<()> {
    const MAX_PADDING_ROWS: usize = 1024;
    let highest = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
    if highest > vocab_size || highest + MAX_PADDING_ROWS <= vocab_size {
        fail!(
            TokenizerMismatch,
            "tokenizer.json: {highest} tokens, but the model's vocab_size is {vocab_size}; use the tokenizer.json of \
             the same model"
        );
    }
    Ok(())
}

/// Returns the rules for cutting long texts, if cutting is safe: for BERT's own normalizer, pre-tokenizer
/// and model, and for added tokens that no cut can split (no white space, punctuation at both ends).
fn splitter_for(inner: &HfTokenizer) -> Option<TextSplitter> {
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = inner.get_normalizer() else { return None };
    let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = inner.get_pre_tokenizer() else { return None };
    let ModelWrapper::WordPiece(model) = inner.get_model() else { return None };
    let added_tokens_are_unsplit = inner.get_added_tokens_decoder().values().all(|token| {
        !token.single_word
            && !token.lstrip
            && !token.rstrip
            && token.content.bytes().all(|b| b.is_ascii_graphic())
            && [token.content.bytes().next(), token.content.bytes().next_back()]
                .iter()
                .all(|end| end.is_some_and(|b| b.is_ascii_punctuation()))
    });
    (added_tokens_are_unsplit && normalizer.handle_chinese_chars)
        .then_some(TextSplitter { max_word_chars: model.max_input_chars_per_word })
}
