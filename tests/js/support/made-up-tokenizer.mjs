// The tokenizer files of an XLM-RoBERTa with made-up pieces: a Unigram of `count` pieces, written as Hugging Face writes it.

const SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"];
const WORDS = ["▁the", "▁quick", "阔腿裤", "牛仔", "裤", "女", "▁"];
const LETTERS = "abcdefghijklmnopqrstuvwxyz的一是不了人我在有他这为之大来以个中上们кириллица";

/** Returns a piece of two to nine letters, different for each number. */
function pieceAt(number) {
  let piece = number % 3 === 0 ? "▁" : "";
  for (let rest = number; rest > 0; rest = Math.floor(rest / LETTERS.length)) piece += LETTERS[rest % LETTERS.length];
  return piece + "eatr"[number % 4].repeat(1 + (number % 5));
}

/** Returns `tokenizer.json` and `tokenizer_config.json`. */
export function madeUpUnigram(count) {
  const pieces = new Set([...SPECIAL, ...WORDS]);
  for (let number = 1; pieces.size < count - 1; number++) pieces.add(pieceAt(number));
  const vocab = [...pieces, "<mask>"].map((piece, i) => [piece, i < SPECIAL.length ? 0 : -3 - (i % 9973) / 1000]);
  const added = [...SPECIAL, "<mask>"].map((content) => ({
    id: content === "<mask>" ? count - 1 : SPECIAL.indexOf(content),
    content,
    single_word: false,
    lstrip: content === "<mask>",
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    post_processor: null,
    decoder: null,
    model: { type: "Unigram", unk_id: 3, vocab, byte_fallback: false },
  };
  return {
    "tokenizer.json": JSON.stringify(tokenizer, null, 2),
    "tokenizer_config.json": JSON.stringify({ tokenizer_class: "XLMRobertaTokenizer", model_max_length: 512 }),
  };
}
