// The service: routes, authorization and error responses.
import { readJson } from "./body.js";
import { answerOptions, withCors } from "./cors.js";
import { embeddings } from "./openai.js";
import { HttpError, openaiError, toHttpError, teiError } from "./http-error.js";
import { search } from "./search.js";
import { readSettings } from "./settings.js";
import { embed, info, rerank } from "./tei.js";
import { authorize } from "./token.js";

const ROUTES = {
  "/v1/embeddings": { method: "POST", handle: embeddings, toErrorResponse: openaiError },
  "/embed": { method: "POST", handle: embed, toErrorResponse: teiError },
  "/rerank": { method: "POST", handle: rerank, toErrorResponse: teiError },
  "/search": { method: ["GET", "POST"], handle: search, toErrorResponse: teiError },
  "/info": { method: "GET", handle: info, toErrorResponse: teiError },
  "/health": { method: "GET", handle: health, toErrorResponse: teiError, isPublic: true },
};

function health() {
  return new Response(null, { status: 200 });
}

export default {
  fetch(request, env, context) {
    const answer = respond(request, env);
    // The request runs to its end even if the client is gone, because others may wait for the load that it started.
    context.waitUntil(answer);
    return answer;
  },
};

/** Answers a request: the answer of its route, with what its method and its origin need. */
async function respond(request, env) {
  const response = withCors(await answerRoute(request, env), request, allowedOrigins(env));
  return request.method === "HEAD" ? new Response(null, response) : response;
}

/** Returns the origins whose pages may read answers: none if a setting is wrong, so that /health still answers. */
function allowedOrigins(env) {
  try {
    return readSettings(env).corsOrigins;
  } catch {
    return [];
  }
}

async function answerRoute(request, env) {
  const url = new URL(request.url);
  const { pathname } = url;
  const route = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
  const toErrorResponse = route?.toErrorResponse ?? (pathname.startsWith("/v1/") ? openaiError : teiError);
  try {
    if (!route) throw new HttpError(404, "not_found", `${pathname}: no such path; see README.md of examples/edge`);
    const methods = [route.method].flat().flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    if (request.method === "OPTIONS") return answerOptions(methods);
    if (!methods.includes(request.method)) {
      const expected = methods.join(" or ");
      throw new HttpError(405, "method_not_allowed", `${pathname}: got ${request.method}; expected ${expected}`, {
        headers: { allow: [...methods, "OPTIONS"].join(", ") },
      });
    }
    if (route.isPublic) return route.handle();
    await authorize(request, env);
    const settings = readSettings(env);
    const body = request.method === "POST" ? await readJson(request, settings.maxBodyBytes) : undefined;
    return await route.handle({ body, url, request, env, settings, signal: request.signal });
  } catch (error) {
    if (request.signal?.aborted) return new Response(null, { status: 499 }); // the client is gone
    return toErrorResponse(toHttpError(error));
  }
}
