//! Text → token ids, with Hugging Face's `tokenizers`.

mod long_text;
mod offsets;
mod parse;

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{Encoding as HfEncoding, Tokenizer as HfTokenizer, TruncationDirection};

use crate::error::{Error, ErrorCode, Result, fail};
use long_text::{Chunks, is_blank};

/// The longest piece of text without white space or Chinese characters that is
/// tokenised, in bytes. The `tokenizers` crate takes about 40 times that in memory.
const MAX_UNBROKEN_BYTES: usize = 2 << 20;

/// A text as the encoder wants it: `[CLS]` … `[SEP]`, cut to the maximum length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub input_ids: Vec<u32>,
    /// Segment of each token: all 0 for a single text.
    pub token_type_ids: Vec<u32>,
}

/// A text's tokens for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Token ids, `[CLS]` and `[SEP]` included.
    pub ids: Vec<u32>,
    /// The tokens' spelling in the vocabulary.
    pub tokens: Vec<String>,
    /// Where each token stands in the text, `(start, end)` in UTF-16 code units
    /// (JavaScript's string indices); `(0, 0)` for special tokens that were added.
    pub offsets: Vec<(usize, usize)>,
    /// Whether the text had more tokens than the maximum length.
    pub truncated: bool,
}

/// A BERT tokenizer with a maximum length.
pub struct Tokenizer {
    inner: HfTokenizer,
    max_length: usize,
    special_tokens: usize,
    /// Set where cutting a text before white space or a Chinese character cannot
    /// change its tokens.
    chunks: Option<Chunks>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. Texts are cut to `max_length` tokens, counted
    /// with `[CLS]` and `[SEP]`; the file's own truncation and padding settings
    /// are put aside. `vocab_size` is the model's, to be checked against.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` when the file cannot be read or adds no special
    /// tokens, `TOKENIZER_MISMATCH` when it is of another vocabulary,
    /// `INVALID_ARGUMENT` when `max_length` leaves no room for the special tokens.
    pub fn from_json(json: &[u8], max_length: usize, vocab_size: usize) -> Result<Self> {
        let inner = parse::parse(json)?;
        check_vocabulary(&inner, vocab_size)?;
        let special_tokens = inner.encode_fast("", true).map_err(tokenizer_failed)?.len();
        if special_tokens == 0 {
            fail!(
                InvalidTokenizer,
                "tokenizer.json has no post_processor that adds [CLS] and [SEP], which a BERT needs"
            );
        }
        let chunks = chunks_of(&inner);
        let mut tokenizer = Self { inner, max_length, special_tokens, chunks };
        tokenizer.set_max_length(max_length)?;
        Ok(tokenizer)
    }

    /// Sets the maximum length, in tokens with `[CLS]` and `[SEP]`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when it leaves no room for the special tokens.
    pub fn set_max_length(&mut self, max_length: usize) -> Result<()> {
        if max_length < self.special_tokens {
            fail!(
                InvalidArgument,
                "maxLength {max_length} leaves no room for {} special tokens",
                self.special_tokens
            );
        }
        self.max_length = max_length;
        Ok(())
    }

    /// The maximum length, in tokens with `[CLS]` and `[SEP]`.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Tokenises a text for the encoder.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text with megabytes that nothing separates.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        let (encoding, _) = self.run(text, false)?;
        Ok(Encoding {
            input_ids: encoding.get_ids().to_vec(),
            token_type_ids: encoding.get_type_ids().to_vec(),
        })
    }

    /// Tokenises a text for people to look at.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        let (encoding, truncated) = self.run(text, true)?;
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

    /// Tokenises piece by piece until the maximum length is passed, so that ten
    /// megabytes of text cost no more than its first few hundred characters.
    fn run(&self, text: &str, with_offsets: bool) -> Result<(HfEncoding, bool)> {
        let room = self.max_length - self.special_tokens;
        let mut all: Option<HfEncoding> = None;
        let mut rest = 0..text.len();
        loop {
            let end = match &self.chunks {
                Some(_) => Chunks::next_cut(text, rest.start),
                None => text.len(),
            };
            let piece = &text[rest.start..end];
            // Ten megabytes of spaces took 6 s in wasm when they were tokenised.
            if self.chunks.is_none() || !is_blank(piece) {
                let piece = self.encode_piece(piece, rest.start, with_offsets)?;
                match &mut all {
                    None => all = Some(piece),
                    Some(all) => all.merge_with(piece, false),
                }
            }
            rest.start = end;
            if rest.is_empty() || all.as_ref().is_some_and(|all| all.len() > room) {
                break;
            }
        }
        let mut encoding = all.unwrap_or_default();
        let truncated = encoding.len() > room;
        if truncated {
            encoding.truncate(room, 0, TruncationDirection::Right);
            encoding.take_overflowing();
        }
        let encoding = self.inner.post_process(encoding, None, true).map_err(tokenizer_failed)?;
        Ok((encoding, truncated))
    }

    /// Tokenises one piece that starts at byte `base` of the text, without special tokens.
    fn encode_piece(&self, piece: &str, base: usize, with_offsets: bool) -> Result<HfEncoding> {
        let shortened = self.chunks.as_ref().map(|chunks| chunks.shorten(piece)).unwrap_or_default();
        let text = shortened.text.as_deref().unwrap_or(piece);
        if text.len() > MAX_UNBROKEN_BYTES {
            fail!(
                InvalidArgument,
                "a text has {} bytes without white space or a Chinese character between them, which is no text to embed",
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

fn tokenizer_failed(e: tokenizers::Error) -> Error {
    Error::with_source(ErrorCode::InvalidTokenizer, format!("the tokenizer failed: {e}"), e)
}

/// A model pads its vocabulary to a round number at most, and never has fewer
/// rows than the tokenizer has tokens.
fn check_vocabulary(inner: &HfTokenizer, vocab_size: usize) -> Result<()> {
    const ROUND_UP: usize = 1024;
    let highest = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
    if highest > vocab_size || highest + ROUND_UP <= vocab_size {
        fail!(
            TokenizerMismatch,
            "tokenizer.json has {highest} tokens but the model's vocab_size is {vocab_size}: they are not of the same model"
        );
    }
    Ok(())
}

/// Cutting is safe for what BERT uses, and for added tokens that no cut can part:
/// without white space, and with a bracket or the like at both ends.
fn chunks_of(inner: &HfTokenizer) -> Option<Chunks> {
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = inner.get_normalizer() else { return None };
    let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = inner.get_pre_tokenizer() else { return None };
    let ModelWrapper::WordPiece(model) = inner.get_model() else { return None };
    let added_are_plain = inner.get_added_tokens_decoder().values().all(|token| {
        !token.single_word
            && !token.lstrip
            && !token.rstrip
            && token.content.bytes().all(|b| b.is_ascii_graphic())
            && [token.content.bytes().next(), token.content.bytes().next_back()]
                .iter()
                .all(|end| end.is_some_and(|b| b.is_ascii_punctuation()))
    });
    (added_are_plain && normalizer.handle_chinese_chars)
        .then_some(Chunks { max_word_chars: model.max_input_chars_per_word })
}
