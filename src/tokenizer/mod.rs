//! Turns text into token ids with Hugging Face's `tokenizers`.
//!
//! Long texts are tokenized in parts until the maximum length is reached (`split/`), so ten megabytes
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

mod builder;
mod class;
mod decisions;
mod files;
mod model;
mod normalizer;
mod offsets;
mod pairs;
mod parse;
mod parts;
#[cfg(all(test, feature = "regex"))]
mod parts_tests;
mod special_tokens;
mod split;
mod unigram;
mod vocabulary;

use tokenizers::{
    Encoding as HfEncoding, Model, OffsetReferential, OffsetType, PreTokenizer, TruncationDirection,
};

pub use builder::TokenizerOptions;
pub(crate) use decisions::{DecidingFile, DecidingFiles};
pub(crate) use files::SENTENCE_TRANSFORMERS_FILES;
pub use files::{TOKENIZER_SIDE_FILES, TokenizerFiles};
pub use pairs::PairTokens;

use crate::error::{Error, ErrorCode, Result, fail};
use builder::Pipeline;
use parts::AddedTokenFinder;
use split::{Part, Splitter};

/// A text as the encoder reads it: `[CLS]` … `[SEP]`, cut to the maximum length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub input_ids: Vec<u32>,
    /// Segment of each token: all 0 for a single text.
    pub token_type_ids: Vec<u32>,
    /// True if the text had more tokens than the maximum length.
    pub truncated: bool,
    /// The number of unknown tokens: what the vocabulary does not have.
    pub unknown: usize,
}

/// The result of tokenizing a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextReport {
    /// The number of tokens that the encoder reads, special tokens and a prompt included.
    pub tokens: usize,
    /// True if the text had more tokens than the maximum length: the rest has no part in the vector.
    pub truncated: bool,
    /// The number of those tokens that are unknown: what the vocabulary does not have.
    pub unknown: usize,
}

impl Encoding {
    /// Returns the report for the caller.
    pub fn report(&self) -> TextReport {
        TextReport { tokens: self.input_ids.len(), truncated: self.truncated, unknown: self.unknown }
    }
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
    /// The number of unknown tokens: what the vocabulary does not have.
    pub unknown: usize,
}

/// A BERT tokenizer with a maximum length. The [module](self) has an example.
pub struct Tokenizer {
    inner: Pipeline,
    max_length: usize,
    special_tokens: usize,
    added_tokens: AddedTokenFinder,
    splitter: Splitter,
}

impl Tokenizer {
    /// Parses a `tokenizer.json` as it is. Texts are cut to `max_length` tokens, `[CLS]` and `[SEP]` included;
    /// the file's own truncation and padding settings are ignored. `vocab_size` is the number of the model's word
    /// embeddings.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if the file cannot be parsed or adds no special tokens, `TOKENIZER_MISMATCH` if
    /// the model has no word embedding for one of its ids, `INVALID_ARGUMENT` if `max_length` leaves no room for
    /// text.
    pub fn from_json(json: &[u8], max_length: usize, vocab_size: usize) -> Result<Self> {
        let files = TokenizerFiles { tokenizer: Some(json.to_vec()), ..TokenizerFiles::default() };
        Self::from_files(&files, max_length, vocab_size)
    }

    /// Builds the tokenizer of a folder from its files, as transformers loads it. See [`TokenizerFiles`].
    ///
    /// # Errors
    /// `MISSING_FILE` if there is neither `tokenizer.json` nor `vocab.txt`, `UNSUPPORTED_MODEL` if
    /// `tokenizer_class` names a class whose rules corom does not have, and the errors of
    /// [`from_json`](Self::from_json).
    pub fn from_files(files: &TokenizerFiles, max_length: usize, vocab_size: usize) -> Result<Self> {
        let inner = builder::build(files, vocab_size)?;
        let special_tokens =
            inner.post_process(HfEncoding::default(), None, true).map_err(tokenizer_failed)?.len();
        if special_tokens == 0 {
            fail!(
                InvalidTokenizer,
                "tokenizer.json: no post_processor adds [CLS] and [SEP]; a BERT needs both"
            );
        }
        let (added_tokens, splitter) =
            (AddedTokenFinder::new(inner.get_added_vocabulary())?, Splitter::new(&inner));
        let mut tokenizer = Self { inner, max_length, special_tokens, added_tokens, splitter };
        tokenizer.set_max_length(max_length)?;
        Ok(tokenizer)
    }

    /// Returns the tokenizer as a `tokenizer.json` that has everything: another load needs no other file.
    ///
    /// The format has no `split_special_tokens`. If it is set, the special tokens are left out of `added_tokens`, so
    /// that no text has them.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if it cannot be serialized.
    #[cfg(feature = "regex")]
    pub fn to_json(&self) -> Result<String> {
        let json = self.inner.to_string(false).map_err(tokenizer_failed)?;
        if !self.inner.get_encode_special_tokens() {
            return Ok(json);
        }
        builder::without_special_tokens(&json)
    }

    /// Changes the tokenizer as the caller wants it.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if the normalizer cannot be changed.
    pub fn set_options(&mut self, options: TokenizerOptions) -> Result<()> {
        if options != TokenizerOptions::default() {
            builder::apply(&mut self.inner, options)?;
            self.added_tokens = AddedTokenFinder::new(self.inner.get_added_vocabulary())?;
            self.splitter = Splitter::new(&self.inner);
        }
        Ok(())
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
    /// `INVALID_ARGUMENT` for a text that has no place to cut for a long way: more than 32 KiB, or 256 KiB for a
    /// tokenizer whose texts are not divided. BERT's tokenizer cuts almost every text.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        let (encoding, truncated) = self.encode_parts(text, false)?;
        Ok(self.for_encoder(&encoding, truncated))
    }

    fn for_encoder(&self, encoding: &HfEncoding, truncated: bool) -> Encoding {
        Encoding {
            input_ids: encoding.get_ids().to_vec(),
            token_type_ids: encoding.get_type_ids().to_vec(),
            truncated,
            unknown: self.count_unknown(encoding),
        }
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
            unknown: self.count_unknown(&encoding),
        })
    }

    fn count_unknown(&self, encoding: &HfEncoding) -> usize {
        let unknown = self.inner.get_model().unknown_id();
        encoding.get_ids().iter().filter(|&&id| Some(id) == unknown).count()
    }

    /// Tokenizes part by part until the maximum length is passed, so that ten megabytes of text cost no more
    /// than its first few kilobytes.
    fn encode_parts(&self, text: &str, with_offsets: bool) -> Result<(HfEncoding, bool)> {
        let max_tokens = self.max_length - self.special_tokens;
        let mut encoding = self.first_tokens(text, max_tokens, with_offsets)?;
        let truncated = encoding.len() > max_tokens;
        if truncated {
            encoding.truncate(max_tokens, 0, TruncationDirection::Right);
            encoding.take_overflowing();
        }
        let encoding = self.inner.post_process(encoding, None, true).map_err(tokenizer_failed)?;
        Ok((encoding, truncated))
    }

    /// Returns the tokens of a text without special tokens: all, or more than `max_tokens`.
    fn first_tokens(&self, text: &str, max_tokens: usize, with_offsets: bool) -> Result<HfEncoding> {
        let mut all: Option<HfEncoding> = None;
        let (mut start, mut min_bytes) = (0, 0);
        loop {
            let part = self.splitter.next_part(&self.inner, text, start, min_bytes);
            let (end, is_exact) = match part {
                Part::Exact(end) => (end, true),
                Part::InsideWord(end) => (end, false),
                Part::None => return Err(self.uncut(text, start)),
            };
            let part = &text[start..end];
            // Ten megabytes of spaces took 6 s in WebAssembly when they were tokenized.
            if !self.splitter.is_blank(&self.inner, part) {
                let encoded = self.encode_part(part, start, with_offsets, is_exact)?;
                let known = all.as_ref().map_or(0, HfEncoding::len);
                if !is_exact && known + encoded.len() <= max_tokens {
                    // Too few tokens are certain: the same part again, with more of the word.
                    min_bytes = 2 * (end - start);
                    if min_bytes > self.splitter.max_bytes() {
                        return Err(self.uncut(text, start));
                    }
                    continue;
                }
                match &mut all {
                    None => all = Some(encoded),
                    Some(all) => {
                        all.merge_with(encoded, false);
                    }
                }
            }
            (start, min_bytes) = (end, 0);
            if start == text.len() || all.as_ref().is_some_and(|all| all.len() > max_tokens) {
                break;
            }
        }
        Ok(all.unwrap_or_default())
    }

    /// Tokenizes the part that starts at byte `base` of the text, without special tokens. If it is not exact, only
    /// the tokens that are certain are returned.
    fn encode_part(&self, part: &str, base: usize, with_offsets: bool, is_exact: bool) -> Result<HfEncoding> {
        let shortened = self.splitter.shorten(&self.inner, part);
        let text = shortened.text.as_deref().unwrap_or(part);
        if text.len() > self.splitter.max_bytes() {
            return Err(self.uncut(text, 0));
        }
        let mut encoding = self.encode_words(text, with_offsets, is_exact).map_err(tokenizer_failed)?;
        if with_offsets {
            for (start, end) in encoding.get_offsets_mut() {
                *start = base + shortened.original(*start);
                *end = base + shortened.original(*end);
            }
        }
        Ok(encoding)
    }

    /// Runs the pipeline without its post-processor, which may change the offsets of a text only once. If the text is
    /// not exact, its last word is incomplete, and only the tokens of that word that are certain are returned.
    fn encode_words(&self, text: &str, with_offsets: bool, is_exact: bool) -> tokenizers::Result<HfEncoding> {
        let model = self.inner.get_model();
        let (vocabulary, normalizer) = (self.inner.get_added_vocabulary(), self.inner.get_normalizer());
        let mut words = self.added_tokens.extract(vocabulary, normalizer, text)?;
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut words)?;
        }
        match model.as_unigram().filter(|_| !is_exact) {
            None => words.tokenize(|word| model.tokenize(word.get()))?,
            Some(unigram) => {
                // The last word has no tokens yet, unless an added token ends the text.
                let splits = words.get_splits(OffsetReferential::Normalized, OffsetType::None);
                let is_last_open = splits.last().is_some_and(|split| split.2.is_none());
                let open = splits.iter().filter(|split| split.2.is_none()).count();
                let seen = std::cell::Cell::new(0);
                words.tokenize(|word| {
                    seen.set(seen.get() + 1);
                    if is_last_open && seen.get() == open {
                        unigram.stable_tokens(word.get())
                    } else {
                        unigram.tokenize(word.get())
                    }
                })?;
            }
        }
        words.into_encoding(None, 0, if with_offsets { OffsetType::Byte } else { OffsetType::None })
    }

    fn uncut(&self, text: &str, start: usize) -> Error {
        let (bytes, most) = (text.len() - start, self.splitter.max_bytes());
        let message = match self.splitter.places() {
            Some(places) => format!(
                "a text has {bytes} bytes in which this tokenizer has no place to cut; expected at most {most} bytes \
                 without {places}"
            ),
            None => format!(
                "a text has {bytes} bytes, and this model's tokenizer has rules by which corom cannot cut a text without \
                 changing its tokens; expected at most {most} bytes: shorten the text"
            ),
        };
        Error::new(ErrorCode::InvalidArgument, message)
    }
}

/// Converts an error of the `tokenizers` crate.
fn tokenizer_failed(e: tokenizers::Error) -> Error {
    Error::with_source(ErrorCode::InvalidTokenizer, format!("the tokenizer failed: {e}"), e)
}
