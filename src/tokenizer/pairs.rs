//! Cuts a pair of texts to the maximum length, as transformers does: tokens are taken from the longer text.

use tokenizers::{
    Encoding as HfEncoding, PostProcessor, TruncationDirection, TruncationParams, TruncationStrategy,
    truncate_encodings,
};

use super::{Encoding, Tokenizer, Tokens, offsets, tokenizer_failed};
use crate::error::{Result, fail};

/// The most tokens that are counted to find the longer of two long texts. Two texts that are both longer count as
/// equally long. Counting more would block a page for seconds, for one token at the cut.
const MAX_COMPARED_TOKENS: usize = 1 << 12;

/// The tokens of a pair of texts, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairTokens {
    /// The tokens of both texts. Offsets are those in the token's own text.
    pub tokens: Tokens,
    /// The token type (segment) of each token: for BERT 0 in the first text, 1 in the second.
    pub type_ids: Vec<u32>,
}

impl Tokenizer {
    /// Tokenizes a pair of texts for the encoder: `[CLS]` first `[SEP]` second `[SEP]`, with the token types of the
    /// tokenizer's post-processor (BERT: 0 and 1). A pair that is too long is cut as transformers cuts it with
    /// `truncation=True`: tokens are taken from the longer text.
    ///
    /// # Errors
    /// The errors of [`encode`](Self::encode), and `INVALID_ARGUMENT` if the maximum length is that of the special tokens
    /// or less.
    pub fn encode_pair(&self, first: &str, second: &str) -> Result<Encoding> {
        let (encoding, truncated) = self.joined_pair(first, second, false)?;
        Ok(self.for_encoder(&encoding, truncated))
    }

    /// Tokenizes a pair of texts for display.
    ///
    /// # Errors
    /// The errors of [`encode_pair`](Self::encode_pair).
    pub fn tokenize_pair(&self, first: &str, second: &str) -> Result<PairTokens> {
        let (encoding, truncated) = self.joined_pair(first, second, true)?;
        let special = encoding.get_special_tokens_mask();
        let spans: Vec<((usize, usize), Option<usize>)> = (encoding.get_offsets().iter().zip(special))
            .zip(encoding.get_sequence_ids())
            .map(|((&span, &special), text)| (span, text.filter(|_| special == 0)))
            .collect();
        // The offsets in one text, and (0, 0) for every other token.
        let offsets_in = |index: usize, text: &str| {
            let own = |&(span, of): &_| if of == Some(index) { span } else { (0, 0) };
            offsets::bytes_to_utf16(text, &spans.iter().map(own).collect::<Vec<_>>())
        };
        let (in_first, in_second) = (offsets_in(0, first), offsets_in(1, second));
        let offsets = in_first.into_iter().zip(in_second).map(|(a, b)| if a == (0, 0) { b } else { a });
        let tokens = Tokens {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            offsets: offsets.collect(),
            truncated,
            unknown: self.count_unknown(&encoding),
        };
        Ok(PairTokens { tokens, type_ids: encoding.get_type_ids().to_vec() })
    }

    /// Returns the cut pair with its special tokens, and true if it was cut.
    fn joined_pair(&self, first: &str, second: &str, with_offsets: bool) -> Result<(HfEncoding, bool)> {
        let (mut pair, truncated) = self.cut_pair(first, second, with_offsets)?;
        let length = pair[1].len();
        pair[1].set_type_ids(vec![1; length]);
        let [first, second] = pair;
        let encoding = self.inner.post_process(first, Some(second), true).map_err(tokenizer_failed)?;
        Ok((encoding, truncated))
    }

    /// Returns how many tokens of a pair's texts fit into the maximum length, at least one.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if none fits.
    pub(crate) fn check_pair_length(&self) -> Result<usize> {
        let special_tokens =
            self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(true));
        if self.max_length <= special_tokens {
            fail!(
                InvalidArgument,
                "maxLength: {} is too short for a pair of texts; expected at least {} tokens",
                self.max_length,
                special_tokens + 1
            );
        }
        Ok(self.max_length - special_tokens)
    }

    /// Returns the tokens of two texts without special tokens, cut so that the pair has the maximum length. Also
    /// returns true if one was cut.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is no room for text, or for a text that has no place to cut for a long way.
    fn cut_pair(&self, first: &str, second: &str, with_offsets: bool) -> Result<([HfEncoding; 2], bool)> {
        let max_length = self.check_pair_length()?;
        let mut limit = max_length;
        let (a, b) = loop {
            let pair = (
                self.first_tokens(first, limit, with_offsets)?,
                self.first_tokens(second, limit, with_offsets)?,
            );
            // With an odd length the longer text gets one token more, so it has to be known which one that is.
            let is_decided = pair.0.len() <= limit || pair.1.len() <= limit || max_length.is_multiple_of(2);
            if is_decided || limit >= MAX_COMPARED_TOKENS {
                break pair;
            }
            limit = (4 * limit).min(MAX_COMPARED_TOKENS);
        };
        // Both are longer than the limit: what is known of their lengths says nothing.
        let (mut a, mut b) = (a, b);
        if a.len() > limit && b.len() > limit {
            for encoding in [&mut a, &mut b] {
                encoding.truncate(limit, 0, TruncationDirection::Right);
                encoding.take_overflowing();
            }
        }
        let truncated = a.len() + b.len() > max_length;
        let params = TruncationParams {
            max_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        let (mut a, b) = truncate_encodings(a, Some(b), &params).map_err(tokenizer_failed)?;
        let mut b = b.unwrap_or_default();
        a.take_overflowing();
        b.take_overflowing();
        Ok(([a, b], truncated))
    }
}
