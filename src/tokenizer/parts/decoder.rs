//! The decoder. corom never turns ids back into text. The converter keeps it for the tools that read what it writes.

use serde_json::Value;

/// The decoder of a tokenizer.
#[cfg(feature = "regex")]
pub(in crate::tokenizer) type TokenDecoder = tokenizers::DecoderWrapper;

/// The decoder of a tokenizer, in a binary that writes no `tokenizer.json`: none.
#[cfg(not(feature = "regex"))]
pub(in crate::tokenizer) enum TokenDecoder {}

/// Parses a decoder. One that cannot be read is no fault.
#[cfg(feature = "regex")]
pub(in crate::tokenizer) fn decoder(value: Option<Value>) -> Option<TokenDecoder> {
    super::part(value, "decoder").unwrap_or(None)
}

/// Returns no decoder.
#[cfg(not(feature = "regex"))]
pub(in crate::tokenizer) fn decoder(_: Option<Value>) -> Option<TokenDecoder> {
    None
}

#[cfg(not(feature = "regex"))]
impl tokenizers::Decoder for TokenDecoder {
    fn decode_chain(&self, _: Vec<String>) -> tokenizers::Result<Vec<String>> {
        match *self {}
    }
}
