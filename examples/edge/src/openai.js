// POST /v1/embeddings, with the request and response formats of OpenAI's API.
import { withModel } from "./model.js";
import { HttpError } from "./http-error.js";
import { checkTexts, optional, rejectTruncated } from "./texts.js";

/** Answers /v1/embeddings: one vector per text, as floats or base64. */
export async function embeddings({ body, env, settings, signal }) {
  const texts = checkTexts(body.input, "input", settings);
  if (texts.includes("")) {
    throw new HttpError(400, "empty", "input: got an empty text; expected at least one character", { param: "input" });
  }
  const model = optional(body.model, "model", "string", settings.modelName);
  if (model !== settings.modelName) {
    const message = `model: got ${JSON.stringify(model)}; this service has "${settings.modelName}"`;
    throw new HttpError(404, "model_not_found", message, { param: "model" });
  }
  const format = optional(body.encoding_format, "encoding_format", "string", "float");
  if (format !== "float" && format !== "base64") {
    const message = `encoding_format: got ${JSON.stringify(format)}; expected "float" or "base64"`;
    throw new HttpError(400, "invalid_value", message, { param: "encoding_format" });
  }
  const dimensions = optional(body.dimensions, "dimensions", "number");
  const encoded = format === "base64" ? base64 : (row) => Array.from(row);

  return withModel({ env, settings, signal }, async (corom, signal) => {
    if (dimensions !== undefined && dimensions !== corom.info.dimension) {
      const message = `dimensions: got ${dimensions}; this model supports only ${corom.info.dimension}`;
      throw new HttpError(400, "invalid_value", message, { param: "dimensions" });
    }
    if (!settings.autoTruncate) await rejectTruncated(corom, texts, "input", signal);
    const rows = await corom.embed(texts, { signal });
    const tokens = rows.tokens.reduce((sum, count) => sum + count, 0);
    return Response.json({
      object: "list",
      data: Array.from(rows, (row, index) => ({ object: "embedding", index, embedding: encoded(row) })),
      model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  });
}

/** Encodes a vector as base64 of little-endian 32-bit floats. */
function base64(row) {
  const bytes = new DataView(new ArrayBuffer(row.length * 4));
  row.forEach((value, i) => bytes.setFloat32(i * 4, value, true));
  let text = "";
  for (let i = 0; i < bytes.byteLength; i++) text += String.fromCharCode(bytes.getUint8(i));
  return btoa(text);
}
