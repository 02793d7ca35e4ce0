"""Prints what scikit-learn 1.9.1 makes of the made-up rankings in `test_ranking.py` and `test_reranker.py`.

Run it by hand where scikit-learn is installed: `python -m tests.evaluation.reference`. The tests hold what it printed.
"""

import numpy as np


def ranking(seed: int, items: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores of so many different values that favour the positives a little."""
    random = np.random.default_rng(seed)
    labels = random.random(items) < 0.2
    scores = np.floor((random.random(items) + 0.3 * labels) * steps) / steps
    return labels, scores


def regression() -> tuple[np.ndarray, np.ndarray]:
    """Inputs of unlike size, one of them constant, and labels that follow two of them."""
    random = np.random.default_rng(5)
    inputs = random.normal(size=(200, 4)) * (1, 10, 0.1, 0) + (0, 5, 0, 3)
    odds = inputs[:, 0] - 0.2 * (inputs[:, 1] - 5)
    return inputs, random.random(200) < 1 / (1 + np.exp(-odds))


def main() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.preprocessing import StandardScaler

    for seed, items, steps in ((1, 50, 1000), (2, 200, 10), (3, 500, 3)):
        print(seed, items, steps, average_precision_score(*ranking(seed, items, steps)))
    inputs, labels = regression()
    for penalty in (0.1, 10.0):
        model = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
        model.fit(StandardScaler().fit_transform(inputs), labels)
        print(penalty, model.coef_.round(6).tolist(), model.intercept_.round(6).tolist())


if __name__ == "__main__":
    main()
