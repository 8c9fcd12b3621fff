// Statistics of samples.

export function median(list) {
  if (list.length === 0) return NaN;
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const minimum = (list) => (list.length === 0 ? NaN : Math.min(...list));
export const total = (list) => list.reduce((sum, x) => sum + x, 0);
export const mean = (list) => total(list) / list.length;

/** Returns the median of the last third divided by that of the first. Far from 1, times were still changing. */
export function drift(list) {
  const third = Math.floor(list.length / 3);
  return third < 2 ? 1 : median(list.slice(-third)) / median(list.slice(0, third));
}

export function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb);
}
