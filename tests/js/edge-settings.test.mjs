// examples/edge/src/settings.js and token.js: variables with wrong values, and requests with and without the token.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readSettings } from "../../examples/edge/src/settings.js";
import { authorize } from "../../examples/edge/src/token.js";

const SECRET = "s3cret~._+/=-";
const misconfigured = (message) => (error) => {
  assert.match(error.message, message);
  assert.deepEqual([error.status, error.code], [500, "misconfigured"]);
  assert.ok(!error.message.includes(SECRET), "the message does not show the token");
  return true;
};
const request = (authorization) => new Request("https://service.example/", { headers: authorization === undefined ? {} : { authorization } });

describe("readSettings", () => {
  test("reads strings and JSON values, and fills in the defaults", () => {
    const settings = readSettings({ AUTO_TRUNCATE: true, MAX_TEXTS: 2, MODEL_NAME: 7, MODEL_PATH: "/models/m3e/", RERANKER_PATH: "ranking/", CATALOG_PATH: "/shop" });
    assert.deepEqual(settings, {
      modelPath: "models/m3e",
      rerankerPath: "ranking",
      catalogPath: "shop",
      searchCacheControl: "private, max-age=60",
      modelName: "7",
      quality: "balanced",
      metric: "dot",
      autoTruncate: true,
      corsOrigins: [],
      maxBodyBytes: 1_048_576,
      maxTextBytes: 32_768,
      maxTexts: 2,
      maxWaiting: 64,
    });
    const origins = (CORS_ORIGINS) => readSettings({ CORS_ORIGINS }).corsOrigins;
    assert.deepEqual(origins(" https://a.example,http://localhost:5173 , "), ["https://a.example", "http://localhost:5173"]);
    assert.deepEqual(origins("*"), ["*"]);
  });

  for (const [name, value, message] of [
    ["CORS_ORIGINS", "https://a.example/", /got "https:\/\/a\.example\/"; expected origins such as/],
    ["CORS_ORIGINS", "a.example", /got "a\.example"/],
    ["CORS_ORIGINS", "null", /got "null"/],
    ["CORS_ORIGINS", "*,https://a.example", /got "\*"/],
    ["CORS_ORIGINS", "https://a.example https://b.example", /got "https:\/\/a\.example https/],
    ["QUALITY", "f32", /got "f32"; expected one of balanced, exact, float/],
    ["METRIC", "l1", /got "l1"; expected one of dot, cosine/],
    ["AUTO_TRUNCATE", "yes", /got "yes"/],
    ["MAX_TEXT_BYTES", "0", /got "0"; expected a whole number from 1/],
    ["MAX_BODY_BYTES", "1e6", /got "1e6"/],
    ["MAX_TEXTS", "32\n", /got "32\\n"/],
    ["MAX_WAITING", "", /got ""/],
  ]) {
    test(`rejects ${name}=${JSON.stringify(value)}`, () =>
      assert.throws(() => readSettings({ [name]: value }), misconfigured(new RegExp(`^${name}: ${message.source}`))));
  }
});

describe("authorize", () => {
  test("accepts the token, and rejects every other one with 401", async () => {
    await authorize(request(`Bearer ${SECRET}`), { TOKEN: SECRET });
    await authorize(request(`bearer  ${SECRET}`), { TOKEN: SECRET });
    for (const given of [undefined, "", "Bearer", `Basic ${SECRET}`, SECRET, `Bearer ${SECRET}x`, `Bearer ${SECRET.slice(1)}`]) {
      await assert.rejects(authorize(request(given), { TOKEN: SECRET }), { status: 401 }, given);
    }
  });

  for (const [what, token, message] of [
    ["a line break at its end", `${SECRET}\n`, /contains a line break, .* visible ASCII/],
    ["a line break at its start", `\r\n${SECRET}`, /contains a line break/],
    ["a space", `Bearer ${SECRET}`, /contains white space/],
    ["a tab", `${SECRET}\t`, /contains white space/],
    ["a control character", `${SECRET}\0`, /contains a control character/],
    ["letters outside ASCII", `${SECRET}密`, /contains a character outside ASCII/],
    ["a byte order mark", `\ufeff${SECRET}`, /contains a character outside ASCII/],
    ["a number", 42, /got a value of type number/],
    ["no value", undefined, /^no token is configured/],
    ["an empty string", "", /^no token is configured/],
  ]) {
    test(`says that the configuration is wrong if TOKEN has ${what}`, () =>
      assert.rejects(authorize(request(`Bearer ${SECRET}`), { TOKEN: token }), misconfigured(message)));
  }
});
