// The shares of the items that filters keep, in thousandths, and the items in them: those whose bucket is below the share.

/** No filter. */
export const ALL = 1000;
export const SHARES = [ALL, 500, 50, 10, 1];
/** The same as in ../../search/data.mjs. */
const STRIDE = 37;

export const isKept = (item, end) => (item * STRIDE) % 1000 < end;
