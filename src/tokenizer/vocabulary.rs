//! Reads `vocab.txt`, the vocabulary of a BERT: one token per line, whose number is its id.

use tokenizers::models::bpe::Vocab;
use tokenizers::models::wordpiece::WordPieceBuilder;

use super::model::TokenModel;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::sniff;

/// Returns the WordPiece model of a `vocab.txt`.
///
/// # Errors
/// `NOT_A_MODEL` for a web page, `INVALID_TOKENIZER` if the file is not UTF-8 or lacks one of the special tokens,
/// given with their roles.
pub(super) fn word_piece(bytes: &[u8], unk_token: &str, needed: &[(&str, &str)]) -> Result<TokenModel> {
    sniff::check("vocab.txt", bytes)?;
    let invalid = |what: &str, e: tokenizers::Error| {
        Error::with_source(ErrorCode::InvalidTokenizer, format!("vocab.txt {what}: {e}"), e)
    };
    let text = std::str::from_utf8(bytes).map_err(|e| invalid("is not UTF-8", e.into()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let vocabulary = parse(text);
    for (role, token) in needed {
        if !vocabulary.contains_key(*token) {
            fail!(
                InvalidTokenizer,
                "vocab.txt has no `{token}`, which every BERT vocabulary has; if the token is spelled otherwise, set \
                 {role} in tokenizer_config.json"
            );
        }
    }
    let max_id = vocabulary.values().copied().max();
    let model = WordPieceBuilder::new().vocab(vocabulary).unk_token(unk_token.to_owned()).build();
    Ok(TokenModel::new(model.map_err(|e| invalid("is no vocabulary", e))?, max_id))
}

/// Maps each token to its line number. Lines end as in Python's text mode; the last line of a repeated token
/// counts.
fn parse(text: &str) -> Vocab {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    (0u32..).zip(text.split('\n')).map(|(id, token)| (token.to_owned(), id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabulary_lines_end_as_in_python() {
        let vocabulary = parse("a\r\nb\nc\rd\n\nb\n");
        let expected = [("a", 0), ("b", 5), ("c", 2), ("d", 3), ("", 4)];
        assert_eq!(vocabulary, expected.map(|(t, i)| (t.to_owned(), i)).into());
        assert_eq!(parse("x"), [("x".to_owned(), 0)].into());
    }
}
