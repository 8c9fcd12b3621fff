// Marks errors that a retry may not meet again. They are marked where they occur, and transfer.js retries them.

const retryAfterByError = new WeakMap();
const unansweredErrors = new WeakSet();

/** Marks an error as transient and returns it. `retryAfter`: milliseconds that the server asks to wait. */
export function markTransient(error, retryAfter = 0) {
  retryAfterByError.set(error, retryAfter);
  return error;
}

/** Returns whether an error is marked as transient. */
export const isTransient = (error) => typeof error === "object" && error !== null && retryAfterByError.has(error);

/** Marks the error of a request that got no response as transient and unanswered, and returns it. */
export function markUnanswered(error) {
  unansweredErrors.add(error);
  return markTransient(error);
}

/** Returns whether an error is marked as unanswered. */
export const isUnanswered = (error) => unansweredErrors.has(error);

const FIRST_RETRY_DELAY_MS = 200;
const MAX_RETRY_DELAY_MS = 10_000;

/** Returns the milliseconds to wait before retry 1, 2, 3, …: exponential backoff with jitter, or Retry-After. */
export function retryDelayMs(error, attempt) {
  const backoff = FIRST_RETRY_DELAY_MS * 3 ** (attempt - 1) * (0.75 + Math.random() / 2); // jitter
  return Math.min(Math.max(backoff, retryAfterByError.get(error) ?? 0), MAX_RETRY_DELAY_MS);
}

/** Returns whether an HTTP status means a temporary problem of the server. */
export const isTransientStatus = (status) => [408, 425, 429, 500, 502, 503, 504].includes(status);

/** Returns the header Retry-After (seconds or a date) in milliseconds; 0 if there is none. */
export function retryAfterMs(headers) {
  const value = headers.get("retry-after");
  if (value === null) return 0;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return waitMs > 0 ? waitMs : 0;
}
