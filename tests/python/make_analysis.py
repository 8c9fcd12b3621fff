"""Writes tests/fixtures/analysis/golden.json: vectors with scikit-learn's clusters and principal components.

    python tests/python/make_analysis.py      # needs numpy and scikit-learn

scikit-learn has no spherical k-means. Its KMeans runs on the vectors scaled to length 1, where the squared distance is
2 - 2 cos; the best of 50 runs is what corom's single run is compared with, by the mean cosine to the center of length 1.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

OUT = Path(__file__).parents[1] / "fixtures/analysis/golden.json"


def blobs(rng, count, k, dimension, spread, shift):
    centers = rng.normal(size=(k, dimension))
    labels = np.arange(count) % k
    return centers[labels] + spread * rng.normal(size=(count, dimension)) + shift


def cohesion(unit, labels, k):
    total = 0.0
    for label in range(k):
        members = unit[labels == label]
        total += np.linalg.norm(members.sum(axis=0))
    return total / len(unit)


def case(name, vectors, k):
    vectors = np.round(vectors, 3).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    means = KMeans(n_clusters=k, n_init=50, random_state=0).fit(unit)
    pca = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))
    places = pca.transform(vectors.astype(np.float64))
    return {
        "name": name,
        "k": k,
        "dimension": vectors.shape[1],
        "vectors": [round(float(x), 3) for x in vectors.reshape(-1)],
        "labels": means.labels_.tolist(),
        "cohesion": float(cohesion(unit.astype(np.float64), means.labels_, k)),
        "explained": pca.explained_variance_ratio_.tolist(),
        "places": [round(float(x), 5) for x in places.reshape(-1)],
    }


def main():
    rng = np.random.default_rng(7)
    cases = [
        case("separate", blobs(rng, 60, 4, 12, 0.15, 0.0), 4),
        case("overlapping", blobs(rng, 120, 5, 8, 0.9, 0.0), 5),
        case("a long common mean", blobs(rng, 80, 3, 16, 0.3, 4.0), 3),
        case("two dimensions", blobs(rng, 40, 3, 2, 0.2, 0.0), 3),
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
