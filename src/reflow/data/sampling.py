"""Choosing among data sets, and among elements by their class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.data import combining
from reflow.data.dataset import Dataset
from reflow.data.dataset_base import common_spec
from reflow.data.element_function import call_user_function
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import TensorSpec


def _directed(
    family: Any, selector: Dataset, datasets: Sequence[Dataset], stop: bool, what: str
) -> Dataset:
    spec = common_spec(datasets, what)
    variant = combining.directed_interleave_dataset(
        selector._variant_tensor,
        [each._variant_tensor for each in datasets],
        stop_on_empty_dataset=stop,
        **Structure(spec).attrs,
    )
    return family._make("_DirectedInterleaveDataset", variant, spec, [selector, *datasets])


def choose_from_datasets(
    family: Any, datasets: Sequence[Dataset], choice_dataset: Dataset, stop: bool
) -> Dataset:
    """The body of `Dataset.choose_from_datasets`."""
    if not datasets:
        raise ValueError(
            f"{errors.user_site()}: Invalid `datasets`. `datasets` should not be empty."
        )
    if not isinstance(choice_dataset, Dataset):
        raise TypeError(
            f"{errors.user_site()}: Invalid `choice_dataset`. It should be a `tf.data.Dataset` but is "
            f"{type(choice_dataset)}."
        )
    spec = choice_dataset.element_spec
    if not isinstance(spec, TensorSpec) or spec != TensorSpec([], dtypes.int64):
        raise TypeError(
            f"{errors.user_site()}: Invalid `choice_dataset`. Elements of `choice_dataset` must be scalar "
            f"`tf.int64` tensors but are {spec}."
        )
    return _directed(family, choice_dataset, list(datasets), stop, "choose_from_datasets")


def sample_from_datasets(
    family: Any,
    datasets: Sequence[Dataset],
    weights: Any,
    seed: Any,
    stop: bool,
    renew: bool | None,
) -> Dataset:
    """The body of `Dataset.sample_from_datasets`."""
    datasets = list(datasets)
    if not datasets:
        raise ValueError(
            f"{errors.user_site()}: Invalid `datasets`. `datasets` should not be empty."
        )
    numbers = family.random(seed=seed, rerandomize_each_iteration=renew).batch(2)
    if isinstance(weights, Dataset):
        logits_of = weights.map(lambda *p: _log(p))
        selector = family.zip((logits_of, numbers)).map(_choose)
        return _directed(family, selector, datasets, stop, "sample_from_datasets")
    if weights is None:
        logits: Any = [[1.0] * len(datasets)]
    else:
        datasets, given = _positive(datasets, weights)
        logits = REGISTRY["ExpandDims"](_log(given), 0)
    if len(datasets) == 1:
        return datasets[0]
    selector = numbers.map(lambda seed: _choose(logits, seed))
    return _directed(family, selector, datasets, stop, "sample_from_datasets")


def _positive(datasets: list[Dataset], weights: Any) -> tuple[list[Dataset], Tensor]:
    """The data sets that can be chosen at all, and their weights."""
    if isinstance(weights, Tensor):
        if not weights.shape.is_compatible_with([len(datasets)]):
            raise ValueError(
                f"{errors.user_site()}: Invalid `weights`. The shape of `weights` should be compatible with "
                f"`[len(datasets)]` but is {weights.shape}."
            )
    else:
        if len(datasets) != len(weights):
            raise ValueError(
                f"{errors.user_site()}: Invalid `weights`. `weights` should have the same length as "
                f"`datasets` but got `len(weights)={len(weights)}` vs. "
                f"`len(datasets)={len(datasets)}`."
            )
        pairs = [(d, w) for d, w in zip(datasets, weights) if w > 0]
        if not pairs:
            pairs = [(datasets[0].take(0), 1.0)]
        datasets, weights = [d for d, _ in pairs], [w for _, w in pairs]
    tensor = convert_to_tensor(weights, name="weights")
    if tensor.dtype not in (dtypes.float32, dtypes.float64):
        raise TypeError(
            f"{errors.user_site()}: Invalid `weights`. `weights` type must be either `tf.float32` or "
            f"`tf.float64` but is {tensor.dtype}."
        )
    return datasets, tensor


def _log(weights: Any) -> Tensor:
    return REGISTRY["Log"](weights)


def _choose(logits: Any, seed: Any) -> Tensor:
    """The number of the data set that is next, drawn with a seed of two numbers."""
    drawn = REGISTRY["StatelessMultinomial"](logits, 1, seed)
    return REGISTRY["Squeeze"](drawn, squeeze_dims=[0, 1])


# By class -----------------------------------------------------------------------------------------

_ESTIMATED_FROM = 32  # elements between two estimates of the classes' distribution
_SMOOTHING = 10  # elements of each class that count as seen at first


def rejection_resample(
    dataset: Dataset, class_func: Callable, target_dist: Any, initial_dist: Any, seed: Any
) -> Dataset:
    """The body of `Dataset.rejection_resample`."""
    family = dataset._family
    target = convert_to_tensor(target_dist, name="target_dist")
    if initial_dist is not None:
        initial = convert_to_tensor(initial_dist, name="initial_dist")
        acceptance, original = _acceptance(initial, target)
        initial_ds = family.from_tensors(initial).repeat()
        acceptance_ds = family.from_tensors(acceptance).repeat()
        original_ds = family.from_tensors(original).repeat()
        whole = _share_of_original(initial, target)
    else:
        initial_ds = _estimated(target, dataset.map(class_func))
        both = initial_ds.map(lambda initial: _acceptance(initial, target))
        acceptance_ds = both.map(lambda accept, _: accept)
        original_ds = both.map(lambda _, original: original)
        whole = None
    filtered = _filtered(dataset, acceptance_ds, initial_ds, class_func, seed).prefetch(3)

    def with_class(*x: Any) -> Any:
        return call_user_function(class_func, x), x[0] if len(x) == 1 else x

    if whole == 1:
        return dataset.map(with_class)
    if whole == 0:
        return filtered
    return family.sample_from_datasets(
        [dataset.map(with_class), filtered],
        weights=original_ds.map(lambda p: [(p, 1.0 - p)]),
        seed=seed,
        stop_on_empty_dataset=True,
    )


def _share_of_original(initial: Tensor, target: Tensor) -> Any:
    a, b = constant_value(initial), constant_value(target)
    return None if a is None or b is None else np.min(b / a)


def _acceptance(initial: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The probability with which an element of each class is kept, and that of not filtering at all.

    With t, p the wanted and the given probability of a class, and m, M the least and the largest t / p:
    a share m of the elements comes as it is, and of the rest class i is kept with (t / p - m) / (M - m).
    """
    tiny = np.finfo(initial.dtype.np).tiny
    ratio = REGISTRY["RealDiv"](target, REGISTRY["AddV2"](initial, tiny))
    most, least = REGISTRY["Max"](ratio, [0]), REGISTRY["Min"](ratio, [0])
    kept = REGISTRY["RealDiv"](REGISTRY["Sub"](ratio, least), REGISTRY["Sub"](most, least))
    return kept, least


def _filtered(
    dataset: Dataset, acceptance: Dataset, initial: Dataset, class_func: Callable, seed: Any
) -> Dataset:
    from reflow.ops.random.random_ops import random_uniform

    def with_probability(acceptance: Any, data: Any) -> Any:
        found = call_user_function(class_func, data if isinstance(data, tuple) else (data,))
        return found, REGISTRY["GatherV2"](acceptance, found, 0), data

    def keep(_: Any, probability: Any, __: Any) -> Any:
        drawn = random_uniform([], seed=seed, dtype=probability.dtype)
        return REGISTRY["Less"](drawn, probability)

    family = dataset._family
    warned = family.zip((acceptance, initial)).map(_warn_of_waste)
    drawn = family.zip((warned, dataset)).map(with_probability).filter(keep)
    return drawn.map(lambda found, _, data: (found, data))


def _warn_of_waste(acceptance: Any, initial: Any) -> Any:
    """`acceptance`; says so when more than half of the elements will be left out."""
    from reflow.ops.control_flow.cond import cond
    from reflow.ops.script import Print

    rejected = REGISTRY["Sum"](
        REGISTRY["Mul"](REGISTRY["Sub"](np.ones((), acceptance.dtype.np), acceptance), initial),
        [0],
    )
    return cond(
        REGISTRY["Less"](rejected, np.asarray(0.5, rejected.dtype.np)),
        lambda: REGISTRY["Identity"](acceptance),
        lambda: Print(
            acceptance,
            [rejected, initial, acceptance],
            message="Proportion of examples rejected by sampler is high: ",
            summarize=100,
            first_n=10,
        ),
    )


def _estimated(target: Tensor, classes: Dataset) -> Dataset:
    """A data set of estimates of the distribution of the classes, one for each element."""
    count = target.shape.as_list()[0]
    if count is None:
        raise ValueError(
            f"{errors.user_site()}: the number of classes in target_dist must be known"
        )
    seen = convert_to_tensor(np.full(count, _SMOOTHING, np.int64))

    def update(seen: Any, batch: Any) -> Any:
        one, zero = np.int64(1), np.int64(0)
        hits = REGISTRY["OneHot"](batch, count, one, zero, axis=-1)
        seen = REGISTRY["AddV2"](seen, REGISTRY["Sum"](hits, [0]))
        as_double = REGISTRY["Cast"](seen, DstT=dtypes.float64)
        share = REGISTRY["RealDiv"](as_double, REGISTRY["Sum"](as_double, [0]))
        row = REGISTRY["ExpandDims"](REGISTRY["Cast"](share, DstT=dtypes.float32), 0)
        return seen, REGISTRY["Tile"](row, [_ESTIMATED_FROM, 1])

    return classes.batch(_ESTIMATED_FROM).scan(seen, update).unbatch()
