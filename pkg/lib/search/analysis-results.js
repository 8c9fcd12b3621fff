// Results of cluster and project2d, copied out of an instance. They are apart from analysis.js, because a worker that
// searches needs no more of it.

/** Copies the clusters out of the instance, and frees them there. */
export function clusters(found) {
  const result = { labels: found.labels(), centers: found.centers(), cohesion: found.cohesion() };
  found.free();
  return result;
}

/** Copies the projection out of the instance, and frees it there. */
export function projection(found) {
  const result = { places: found.places(), explained: [...found.explained()] };
  found.free();
  return result;
}
