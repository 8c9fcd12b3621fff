// Errors that may pass by themselves: marked where they are found, looked up where it is decided to try again.

const retryAfterByError = new WeakMap();
const unansweredErrors = new WeakSet();

/** The error, marked as one that a later attempt may not meet. `after`: ms that the server asks to wait. */
export function markTransient(error, retryAfter = 0) {
  retryAfterByError.set(error, retryAfter);
  return error;
}

export const isTransient = (error) => typeof error === "object" && error !== null && retryAfterByError.has(error);

/** The same for a request that got no answer at all. */
export function markUnanswered(error) {
  unansweredErrors.add(error);
  return markTransient(error);
}

export const isUnanswered = (error) => unansweredErrors.has(error);

const FIRST_RETRY_DELAY_MS = 200;
const MAX_RETRY_DELAY_MS = 10_000;

/** How long to wait before attempt 1, 2, 3 … after an error. */
export function retryDelayMs(error, attempt) {
  const grown = FIRST_RETRY_DELAY_MS * 3 ** (attempt - 1) * (0.75 + Math.random() / 2); // apart from other clients
  return Math.min(Math.max(grown, retryAfterByError.get(error) ?? 0), MAX_RETRY_DELAY_MS);
}

/** HTTP answers that a server gives while it is busy or out of order. */
export const isTransientStatus = (status) => [408, 425, 429, 500, 502, 503, 504].includes(status);

/** The header Retry-After in ms: seconds or a date. */
export function retryAfterMs(headers) {
  const value = headers.get("retry-after");
  if (value === null) return 0;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return wait > 0 ? wait : 0;
}
