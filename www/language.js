// The texts of the page in Chinese and English, and the choice between the two languages.

const TEXTS = {
  zh: {
    title: "CoROM 商品语义匹配",
    tabShop: "商店",
    tabTexts: "对比文本",
    tagline: "模型在您的浏览器里运行，文本不会离开这台设备。",
    query: "搜索词",
    candidates: "候选商品",
    onePerLine: "每行一个",
    metric: "度量",
    dot: "内积",
    cosine: "余弦",
    l2: "L2 距离",
    l1: "L1 距离",
    rerank: "用重排模型再排序",
    results: "匹配结果",
    scale: "条形表示列表内的相对高低。",
    tokens: "模型看到的搜索词",
    facts: "运行情况",
    failed: "出错了",
    details: "详细信息",
    retry: "重试",
    openFolder: "打开本机的模型或检查点文件夹…",
    openReranker: "打开重排模型文件夹…",
    openHint: "文件只在浏览器里读取，不会上传。",
    phase_wasm: "正在加载程序…",
    phase_download: "正在下载模型…",
    phase_verify: "正在核对已保存的模型…",
    phase_convert: "正在转换模型…",
    phase_convert_test: "正在检查转换后的模型…",
    phase_pack: "正在准备模型…",
    "phase_self-test": "正在自检…",
    phase_done: "就绪",
    waiting: "模型就绪后，这里会显示匹配结果。",
    working: "计算中…",
    needModel: "请在页面底部打开一个模型文件夹。",
    needQuery: "请输入搜索词。",
    needCandidates: "请至少输入一个候选商品。",
    ranked: (n, time) => `${n} 个候选，用时 ${time}`,
    reranked: (done, total, time) => `已重排 ${done} / ${total} 个候选，用时 ${time}`,
    loadTime: "加载用时",
    perText: "每条文本",
    memory: "WebAssembly 内存",
    backend: "后端",
    simd: "SIMD",
    simd_plain: "128 位",
    simd_relaxed: "128 位，relaxed",
    dimension: "向量维度",
    layers: "层数",
    vocabSize: "词表",
    weights: "权重",
    error_POOLING_UNKNOWN: "这些文件没有说明如何得到文本向量。请用 npx corom convert --pooling 转换模型。",
    error_FETCH_FAILED: "有文件没能下载。请检查网络连接，然后重试。",
    error_MISSING_FILE: "模型文件夹不完整：缺少一个必需的文件。",
    error_NOT_A_MODEL: "服务器返回了网页，而不是模型文件。请检查模型的地址。",
    error_INTEGRITY_MISMATCH: "下载的文件不完整，或与模型清单不符。请重试。",
    error_TOKENIZER_MISMATCH: "分词器与模型的词表不一致，它们不是同一个模型的文件。",
    error_SELF_TEST_FAILED: "模型在这台设备上的自检结果不正确，因此没有使用。",
    error_OUT_OF_MEMORY: "内存不足。请关闭其他标签页，或使用较小的模型。",
    error_UNSUPPORTED_HOST: "这个浏览器太旧，或禁用了 WebAssembly，无法运行模型。",
    error_model: "这些文件不是可以在这里运行的模型。",
    error_other: "发生了意料之外的错误。",
  },
  en: {
    title: "CoROM product matching",
    tabShop: "Shop",
    tabTexts: "Compare texts",
    tagline: "The model runs in your browser. No text leaves this device.",
    query: "Search query",
    candidates: "Candidate products",
    onePerLine: "one per line",
    metric: "Measure",
    dot: "Inner product",
    cosine: "Cosine",
    l2: "L2 distance",
    l1: "L1 distance",
    rerank: "Sort again with a reranker",
    results: "Best matches",
    scale: "Bars compare the scores within this list.",
    tokens: "The query as the model reads it",
    facts: "Model and speed",
    failed: "Something went wrong",
    details: "Details",
    retry: "Try again",
    openFolder: "Open a model or checkpoint folder on this device…",
    openReranker: "Open a reranker's folder…",
    openHint: "Files are read in the browser and never uploaded.",
    phase_wasm: "Loading the program…",
    phase_download: "Downloading the model…",
    phase_verify: "Checking the stored model…",
    phase_convert: "Converting the model…",
    phase_convert_test: "Testing the converted model…",
    phase_pack: "Preparing the model…",
    "phase_self-test": "Testing the model…",
    phase_done: "Ready",
    waiting: "Matches appear here when the model is ready.",
    working: "Working…",
    needModel: "Open a model folder at the bottom of the page.",
    needQuery: "Type a query.",
    needCandidates: "Type at least one candidate.",
    ranked: (n, time) => `${n} ${n === 1 ? "candidate" : "candidates"} in ${time}`,
    reranked: (done, total, time) => `${done} of ${total} candidates reranked in ${time}`,
    loadTime: "Loaded in",
    perText: "Per text",
    memory: "WebAssembly memory",
    backend: "Back end",
    simd: "SIMD",
    simd_plain: "128-bit",
    simd_relaxed: "128-bit, relaxed",
    dimension: "Vector length",
    layers: "Layers",
    vocabSize: "Vocabulary",
    weights: "Weights",
    error_POOLING_UNKNOWN: "These files do not say how a text becomes a vector. Convert them with npx corom convert --pooling.",
    error_FETCH_FAILED: "A file could not be downloaded. Check the connection and try again.",
    error_MISSING_FILE: "The model folder is incomplete: a required file is missing.",
    error_NOT_A_MODEL: "The server sent a web page instead of a model file. Check the model's address.",
    error_INTEGRITY_MISMATCH: "A file is incomplete, or does not match the model's manifest. Try again.",
    error_TOKENIZER_MISMATCH: "The tokenizer does not belong to this model: their vocabularies differ.",
    error_SELF_TEST_FAILED: "The model failed its self-test on this device, so it is not used.",
    error_OUT_OF_MEMORY: "There is not enough memory. Close other tabs, or use a smaller model.",
    error_UNSUPPORTED_HOST: "This browser is too old, or WebAssembly is turned off, so the model cannot run.",
    error_model: "These files do not contain a model that can run here.",
    error_other: "Something unexpected happened.",
  },
};

const LANGUAGE_TAGS = { zh: "zh-CN", en: "en" };
const STORAGE_KEY = "corom-language";

let current = storedLanguage() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

/** Adds the texts of another page, or replaces texts. */
export function addTexts(more) {
  for (const [language, texts] of Object.entries(more)) Object.assign(TEXTS[language], texts);
}

/** Returns the text of a key in the current language. */
export const translate = (key) => TEXTS[current][key] ?? key;

/** Returns the text for an error code. All codes about invalid or unsupported model files have the same text. */
export function errorText(code) {
  const texts = TEXTS[current];
  return texts[`error_${code}`] ?? (/^(INVALID|UNSUPPORTED|TOKEN)_/.test(code) ? texts.error_model : texts.error_other);
}

/** Formats a whole number. */
export const count = (n) => n.toLocaleString(LANGUAGE_TAGS[current]);
/** Formats a number of bytes in MiB. */
export const megabytes = (bytes) =>
  `${decimal(bytes / 2 ** 20, bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
const decimal = (n, maximumFractionDigits) => n.toLocaleString(LANGUAGE_TAGS[current], { maximumFractionDigits });
/** Formats a duration in milliseconds. */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} ${current === "zh" ? "秒" : "s"}`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ${current === "zh" ? "毫秒" : "ms"}`;
}

/** Connects the language buttons, shows the texts, and calls `changed` after every change of language. */
export function startLanguage(changed) {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      current = button.dataset.language;
      storeLanguage(current);
      applyTexts();
      changed();
    });
  }
  applyTexts();
}

function applyTexts() {
  document.documentElement.lang = LANGUAGE_TAGS[current];
  document.title = translate("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = translate(element.dataset.text);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === current));
  }
}

// Storage may be disabled. The choice then lasts until the page is closed.
function storedLanguage() {
  try {
    const choice = localStorage.getItem(STORAGE_KEY);
    return choice in TEXTS ? choice : undefined;
  } catch {
    return undefined;
  }
}

function storeLanguage(choice) {
  try {
    localStorage.setItem(STORAGE_KEY, choice);
  } catch {
    // the choice is not stored
  }
}
