// POST /v1/embeddings, in OpenAI's shape.
import { withModel } from "./model.js";
import { Refusal } from "./refusal.js";
import { countTokens, optional, textsOf } from "./texts.js";

export async function embeddings({ body, env, settings, signal }) {
  const texts = textsOf(body.input, "input", settings);
  if (texts.includes("")) throw new Refusal(400, "empty", "input has an empty text", { param: "input" });
  const model = optional(body.model, "model", "string", settings.modelName);
  if (model !== settings.modelName) {
    throw new Refusal(404, "model_not_found", `the model here is ${settings.modelName}`, { param: "model" });
  }
  const format = optional(body.encoding_format, "encoding_format", "string", "float");
  if (format !== "float" && format !== "base64") {
    throw new Refusal(400, "invalid_value", 'encoding_format must be "float" or "base64"', { param: "encoding_format" });
  }
  const dimensions = optional(body.dimensions, "dimensions", "number");
  const encoded = format === "base64" ? base64 : (row) => Array.from(row);

  return withModel({ env, settings, signal }, async (corom, signal) => {
    if (dimensions !== undefined && dimensions !== corom.info.dimension) {
      const message = `this model's vectors have ${corom.info.dimension} dimensions, and cannot be shortened`;
      throw new Refusal(400, "invalid_value", message, { param: "dimensions" });
    }
    const tokens = countTokens(corom, texts, "input", settings.autoTruncate);
    const rows = await corom.embed(texts, { signal });
    return Response.json({
      object: "list",
      data: Array.from(rows, (row, index) => ({ object: "embedding", index, embedding: encoded(row) })),
      model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  });
}

/** The row's floats, little-endian, four bytes each. */
function base64(row) {
  const bytes = new DataView(new ArrayBuffer(row.length * 4));
  row.forEach((value, i) => bytes.setFloat32(i * 4, value, true));
  let text = "";
  for (let i = 0; i < bytes.byteLength; i++) text += String.fromCharCode(bytes.getUint8(i));
  return btoa(text);
}
