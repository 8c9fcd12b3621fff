// The service: who may ask what, and which interface answers.
import { bodyOf } from "./body.js";
import { embeddings } from "./openai.js";
import { Refusal, openaiError, refusalOf, teiError } from "./refusal.js";
import { settingsOf } from "./settings.js";
import { embed, info, rerank } from "./tei.js";
import { authorize } from "./token.js";

const ROUTES = {
  "/v1/embeddings": { method: "POST", answer: embeddings, failed: openaiError },
  "/embed": { method: "POST", answer: embed, failed: teiError },
  "/rerank": { method: "POST", answer: rerank, failed: teiError },
  "/info": { method: "GET", answer: info, failed: teiError },
  "/health": { method: "GET", answer: () => new Response(null, { status: 200 }), failed: teiError, open: true },
};

export default {
  fetch(request, env, context) {
    const answer = respond(request, env);
    // To the end, also when the client has gone: others may wait for the load or the call that it began.
    context.waitUntil(answer);
    return answer;
  },
};

async function respond(request, env) {
  const { pathname } = new URL(request.url);
  const route = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
  const failed = route?.failed ?? (pathname.startsWith("/v1/") ? openaiError : teiError);
  try {
    if (!route) throw new Refusal(404, "not_found", `there is no ${pathname}`);
    if (request.method !== route.method) {
      throw new Refusal(405, "method_not_allowed", `${pathname} takes ${route.method}`, {
        headers: { allow: route.method },
      });
    }
    if (!route.open) await authorize(request, env);
    const settings = settingsOf(env);
    const body = route.method === "POST" ? await bodyOf(request, settings.maxBodyBytes) : undefined;
    return await route.answer({ body, env, settings, signal: request.signal });
  } catch (error) {
    if (request.signal?.aborted) return new Response(null, { status: 499 }); // nobody reads it
    return failed(refusalOf(error));
  }
}
