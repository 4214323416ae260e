"""Connectionist temporal classification on arrays: the loss by forward-backward, and the beam search.

Graves et al., Connectionist Temporal Classification, ICML 2006. Logits are [time, batch, classes].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_IMPOSSIBLE = -np.inf


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log(softmax) along the last axis, in float64."""
    wide = logits.astype(np.float64)
    wide = wide - wide.max(-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(-1, keepdims=True))


def _add(*logs: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of what the arguments are logarithms of."""
    top = logs[0]
    for each in logs[1:]:
        top = np.maximum(top, each)
    base = np.where(np.isneginf(top), 0.0, top)
    total = np.exp(logs[0] - base)
    for each in logs[1:]:
        total = total + np.exp(each - base)
    return base + np.log(total)


def loss_and_gradient(
    logits: np.ndarray,
    labels: Sequence[np.ndarray],
    lengths: np.ndarray,
    blank: int,
    merge_repeated: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The negative log probability of each label sequence, and its gradient for the logits.

    Args:
      logits: [time, batch, classes].
      labels: for each example its sequence of classes.
      lengths: [batch], how many steps of each example there are.
      blank: the class that stands for no label.
      merge_repeated: whether a label that is repeated without a blank between counts once.

    Returns:
      [batch], infinite where no path through the steps gives the labels, and [time, batch, classes]:
      the softmax less the probability of each class given the labels.
    """
    time, batch, classes = logits.shape
    log_probability = log_softmax(logits)
    widest = 2 * max((len(each) for each in labels), default=0) + 1
    # The states: the labels, with blanks before, between and after them.
    states = np.full((batch, widest), blank)
    last = np.zeros(batch, np.int64)
    for i, each in enumerate(labels):
        states[i, 1 : 2 * len(each) : 2] = each
        last[i] = 2 * len(each)
    emitted = np.take_along_axis(log_probability, states[None], 2)
    skips, stays = _transitions(states, merge_repeated)
    rows = np.arange(batch)
    ends = np.full((batch, widest), _IMPOSSIBLE)  # where a path may end
    ends[rows, last] = 0
    ends[rows[last > 0], last[last > 0] - 1] = 0

    forward = np.full((time, batch, widest), _IMPOSSIBLE)
    here = np.full((batch, widest), _IMPOSSIBLE)
    for t in range(time):
        if t == 0:
            here[:, :2] = emitted[0, :, :2]
        else:
            here = _add(here + stays, _shift(here, 1), _shift(here, 2) + skips) + emitted[t]
        forward[t] = here
    backward = np.full((time, batch, widest), _IMPOSSIBLE)
    here = backward[0]
    # A skip into a state is one out of the state two before it.
    skips_out = np.concatenate([skips[:, 2:], np.full((batch, min(2, widest)), _IMPOSSIBLE)], 1)
    for t in reversed(range(time)):
        if t + 1 < time:
            onward = here + emitted[t + 1]
            here = _add(onward + stays, _shift(onward, -1), _shift(onward, -2) + skips_out)
        here = np.where((t == lengths - 1)[:, None], ends, here)
        here = np.where((t >= lengths)[:, None], _IMPOSSIBLE, here)
        backward[t] = here
    return _combine(log_probability, forward, backward, states, ends, lengths)


def _shift(x: np.ndarray, by: int) -> np.ndarray:
    """`x` with its columns moved to the right, and impossible ones in their place."""
    result = np.full(x.shape, _IMPOSSIBLE)
    if by > 0:
        result[:, by:] = x[:, :-by]
    else:
        result[:, :by] = x[:, -by:]
    return result


def _transitions(states: np.ndarray, merge_repeated: bool) -> tuple[np.ndarray, np.ndarray]:
    """What it takes to come to a state from two states before, and to stay in it: 0 or impossible."""
    before = np.full(states.shape, -1)
    before[:, 2:] = states[:, :-2]
    skips = np.zeros(states.shape, bool)
    skips[:, 1::2] = True  # labels, which may be the class of the blank
    stays = np.ones(states.shape, bool)
    if merge_repeated:
        skips &= states != before
    else:
        stays = ~skips
    skips[:, :2] = False
    return np.where(skips, 0.0, _IMPOSSIBLE), np.where(stays, 0.0, _IMPOSSIBLE)


def _combine(
    log_probability: np.ndarray,
    forward: np.ndarray,
    backward: np.ndarray,
    states: np.ndarray,
    ends: np.ndarray,
    lengths: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    batch, classes = log_probability.shape[1:]
    total = np.empty(batch)
    gradient = np.exp(log_probability)
    for i in range(batch):
        steps = int(lengths[i])
        gradient[steps:, i] = 0
        if not steps:
            # No steps give no labels, with certainty.
            total[i] = ends[i, 0]
            continue
        total[i] = np.logaddexp.reduce(forward[steps - 1, i] + ends[i])
        if np.isneginf(total[i]):
            continue
        chance = np.exp(forward[:steps, i] + backward[:steps, i] - total[i])
        places = np.arange(steps)[:, None] * classes + states[i]
        share = np.bincount(places.ravel(), chance.ravel(), steps * classes)
        gradient[:steps, i] -= share.reshape(steps, classes)
    return -total, gradient


class Beam:
    """The most probable label sequences of one example, as steps are seen.

    A sequence is a node of a tree: its parent's sequence and one more label. Each of those in the beam
    has the log probability of the paths that end in a blank, and of those that end in its label.
    """

    def __init__(self, width: int, blank: int):
        self.width = width
        self.blank = blank
        self.parents = [-1]
        self.labels = [-1]
        self.children: dict[tuple[int, int], int] = {}
        self.nodes = np.zeros(1, np.int64)
        self.by_blank = np.zeros(1)
        self.by_label = np.full(1, _IMPOSSIBLE)

    def step(self, log_probability: np.ndarray) -> None:
        """Takes one more step: the log probabilities of the classes."""
        nodes = self.nodes
        labels = np.array([self.labels[n] for n in nodes])
        total = np.logaddexp(self.by_blank, self.by_label)
        row_of = {int(n): i for i, n in enumerate(nodes)}
        rows = np.arange(len(nodes))
        # A sequence grows by a label: out of a path that ends in that label only through a blank.
        grown = np.repeat(total[:, None], len(log_probability), 1) + log_probability
        repeats = labels >= 0
        grown[rows[repeats], labels[repeats]] = (
            self.by_blank[repeats] + log_probability[labels[repeats]]
        )
        grown[:, self.blank] = _IMPOSSIBLE
        by_label = np.full(len(nodes), _IMPOSSIBLE)
        by_label[repeats] = self.by_label[repeats] + log_probability[labels[repeats]]
        for i, node in enumerate(nodes.tolist()):
            parent = row_of.get(self.parents[node])
            if parent is not None:  # what its parent grows into it is not a sequence of its own
                label = self.labels[node]
                by_label[i] = np.logaddexp(by_label[i], grown[parent, label])
                grown[parent, label] = _IMPOSSIBLE
        by_blank = total + log_probability[self.blank]
        scores = np.concatenate([np.logaddexp(by_blank, by_label), grown.ravel()])
        best = np.argsort(-scores, kind="stable")[: self.width]
        best = best[~np.isneginf(scores[best])]
        self._keep(best, by_blank, by_label, grown)

    def _keep(self, best, by_blank, by_label, grown) -> None:
        count, classes = grown.shape
        kept = best < count
        nodes = np.empty(len(best), np.int64)
        nodes[kept] = self.nodes[best[kept]]
        for i in np.flatnonzero(~kept).tolist():
            parent, label = divmod(int(best[i]) - count, classes)
            key = (int(self.nodes[parent]), label)
            node = self.children.get(key)
            if node is None:
                node = self.children[key] = len(self.parents)
                self.parents.append(key[0])
                self.labels.append(label)
            nodes[i] = node
        old = np.where(kept, best, 0)
        self.nodes = nodes
        self.by_blank = np.where(kept, by_blank[old], _IMPOSSIBLE)
        new = grown.ravel()[np.where(kept, 0, best - count)]
        self.by_label = np.where(kept, by_label[old], new)

    def top(self, count: int, merge_repeated: bool) -> tuple[list[list[int]], np.ndarray]:
        """The `count` best label sequences, and their log probabilities.

        Raises:
          ValueError: if there are fewer.
        """
        total = np.logaddexp(self.by_blank, self.by_label)
        order = np.argsort(-total, kind="stable")[:count]
        if len(order) < count:
            raise ValueError("Less leaves in the beam search than requested.")
        paths = []
        for node in self.nodes[order].tolist():
            path: list[int] = []
            while node > 0:
                label = self.labels[node]
                if not (merge_repeated and path and path[-1] == label):
                    path.append(label)
                node = self.parents[node]
            paths.append(path[::-1])
        return paths, total[order]
