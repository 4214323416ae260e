"""`tf.random.Generator`: random numbers whose state is in sight."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from reflow.lang.context import executing_eagerly, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32, int64, uint64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import Tensor
from reflow.ops.array import reshape
from reflow.ops.cast import cast
from reflow.ops.copies import bitcast
from reflow.ops.filling import zeros, zeros_like
from reflow.ops.joining import concat, stack, unstack
from reflow.ops.math import add, maximum
from reflow.ops.padding import pad
from reflow.ops.random import random_ops, stateful
from reflow.ops.random.algorithm import Algorithm, algorithm_number, unsupported
from reflow.ops.reduce import reduce_prod
from reflow.ops.variables.variable import Variable


def _state_size(alg: Any) -> int:
    if alg == Algorithm.THREEFRY.value:
        return 2
    if alg in (Algorithm.PHILOX.value, Algorithm.AUTO_SELECT.value):
        return 3
    raise unsupported(alg)


def _signed(value: Any) -> Any:
    """Integers that only fit into uint64 as the int64 of the same bits, in a nested list."""
    if isinstance(value, (list, tuple)):
        return [_signed(each) for each in value]
    if isinstance(value, int) and value >= 2**63:
        return value - 2**64
    return value


def _as_state(value: Any) -> Any:
    return cast(_signed(value), int64)


@export("random.create_rng_state", "random.experimental.create_rng_state")
def create_rng_state(seed: Any, alg: Any) -> Any:
    """The state of a generator that begins with a seed.

    Args:
      seed: an integer of any size, or a vector of integers, of which there are as many as the state has
        or fewer.
      alg: the name or number of the algorithm.

    Returns:
      An int64 vector: of 3 elements for Philox, the counter and then the key.

    Raises:
      ValueError: for an algorithm that there is not.

    >>> import reflow as tf
    >>> print(tf.random.create_rng_state(1234, "philox").numpy())
    [1234    0    0]
    """
    size = _state_size(algorithm_number(alg))
    if isinstance(seed, int):
        seed = [(seed >> 64 * i) & (2**64 - 1) for i in range(size)]
    state = reshape(_as_state(seed), [-1])[:size]
    given = state.shape.as_list()[0] if state.shape.rank is not None else None
    if given is None:
        from reflow.ops.array import shape

        missing: Any = maximum(size - shape(state)[0], 0)
    else:
        missing = size - given
    state = concat([zeros([missing], int64), state], 0)
    state.set_shape([size])
    return state


@export("random.Generator", "random.experimental.Generator")
class Generator:
    """A source of random numbers with a state of its own, which is a variable.

    The numbers are TensorFlow's for the same state.

    Args:
      copy_from: a generator whose state and algorithm this one begins with.
      state: a vector of integers as `tf.random.create_rng_state` makes it, or a variable that holds one.
      alg: the name or number of the algorithm.

    Raises:
      ValueError: if the state has another size than the algorithm needs.

    >>> import reflow as tf
    >>> generator = tf.random.Generator.from_seed(1)
    >>> print(generator.uniform([2], maxval=10, dtype=tf.int32).numpy())
    [4 9]
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None):
        if copy_from is not None:
            if alg is not None or state is not None:
                raise ValueError("with `copy_from` there is no `state` and no `alg` to be given")
            self._alg = copy_from.algorithm
            self._state_var = self._variable(copy_from.state)
            return
        if alg is None or state is None:
            raise AssertionError("Either `copy_from`, or both `state` and `alg`, must be given")
        self._alg = algorithm_number(alg)
        if not isinstance(state, Variable):
            state = _as_state(state)
        self._check(state.shape, 0)
        self._state_var = state if isinstance(state, Variable) else self._variable(state)

    def _check(self, shape: Any, less: int) -> None:
        if not isinstance(self._alg, Tensor):
            shape.assert_is_compatible_with([_state_size(self._alg) - less])

    @staticmethod
    def _variable(value: Any) -> Any:
        with nullcontext() if executing_eagerly() else name_scope("random_generator", None):
            return Variable(value, dtype=int64, trainable=False, name="StateVar")

    # Making one ----------------------------------------------------------------------------------

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> Generator:
        """The generator with a state: see `tf.random.create_rng_state`."""
        return cls(alg=alg, state=state)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """The generator that begins with a seed: an integer, or a vector of integers."""
        alg = algorithm_number(Algorithm.PHILOX if alg is None else alg)
        return cls(state=create_rng_state(seed, alg), alg=alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that begins differently each time."""
        alg = algorithm_number(Algorithm.PHILOX if alg is None else alg)
        state = stateful.non_deterministic_ints_op([_state_size(alg)], dtype=int64)
        return cls(state=state, alg=alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> Generator:
        """The generator with a key and a counter.

        Args:
          key: an integer.
          counter: a vector of integers, two for Philox.
          alg: the name or number of the algorithm.
        """
        alg = algorithm_number(alg)
        return cls(state=_joined_state(key, counter, alg), alg=alg)

    # Its state -----------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The variable with the state: the counter, then the key."""
        return self._state_var

    @property
    def algorithm(self) -> Any:
        """The number of the algorithm."""
        return self._alg

    @property
    def key(self) -> Any:
        """The key, an int64 scalar."""
        _state_size(self._alg)
        return self._state_var[-1]

    def reset(self, state: Any) -> None:
        """Begins with another state."""
        state = _as_state(state)
        self._check(state.shape, 0)
        self._state_var.assign(state)

    def reset_from_seed(self, seed: Any) -> None:
        """Begins with a seed."""
        self._state_var.assign(create_rng_state(seed, self._alg))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Begins with a key and a counter."""
        self._state_var.assign(_joined_state(key, counter, self._alg))

    def skip(self, delta: Any) -> Any:
        """Moves the counter on by `delta` numbers; the state as it was."""
        return stateful.rng_read_and_skip_op(
            self._state_var.handle, cast(self._alg, int32), cast(delta, uint64)
        )

    def split(self, count: int = 1) -> list[Generator]:
        """Generators that are independent of this one and of each other.

        Args:
          count: how many.
        """
        zeros_before = [0] * (_state_size(self._alg) - 1)
        keys = unstack(self._keys(count), num=count)
        return [Generator(state=stack([*zeros_before, key]), alg=self._alg) for key in keys]

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds for stateless functions: an int64 matrix, `[2, count]`, one seed a column."""
        keys = self._keys(count)
        return stack([keys, zeros_like(keys)])

    def _keys(self, count: int) -> Any:
        _state_size(self._alg)
        return self.uniform_full_int([count], int64)

    # Drawing -------------------------------------------------------------------------------------

    def _draw(self, kind: str, shape: Any, *args: Any, **attrs: Any) -> Any:
        """The numbers of a stateless op from here on; the state moves past them."""
        drawn = self.skip(reduce_prod(shape))
        counter_size = _state_size(self._alg) - 1
        counter = bitcast(drawn[:counter_size], uint64)
        key = bitcast(drawn[counter_size : counter_size + 1], uint64)
        return REGISTRY[kind](shape, key, counter, self._alg, *args, **attrs)

    def _scaled(self, kind: str, scope: str, shape, mean, stddev, dtype, name) -> Any:
        with name_scope(name, scope) as whole:
            shape = random_ops.shape_tensor(shape)
            mean = convert_to_tensor(mean, dtype, name="mean")
            stddev = convert_to_tensor(stddev, dtype, name="stddev")
            return add(self._draw(kind, shape, dtype=dtype) * stddev, mean, name=whole or None)

    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = float32,
        name: str | None = None,
    ) -> Any:
        """Normal values.

        Args:
          shape: a vector of integers.
          mean, stddev: of the distribution; they broadcast to the shape.
          dtype: a floating-point dtype.
          name: a name scope.
        """
        kind = "StatelessRandomNormalV2"
        return self._scaled(kind, "stateful_normal", shape, mean, stddev, dtype, name)

    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = float32,
        name: str | None = None,
    ) -> Any:
        """Normal values that are no further than two standard deviations from the mean.

        Args:
          shape: a vector of integers.
          mean, stddev: of the distribution; they broadcast to the shape.
          dtype: a floating-point dtype.
          name: a name scope.
        """
        kind = "StatelessTruncatedNormalV2"
        return self._scaled(kind, "truncated_normal", shape, mean, stddev, dtype, name)

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = float32,
        name: str | None = None,
    ) -> Any:
        """Uniform values in [minval, maxval).

        Args:
          shape: a vector of integers.
          minval, maxval: the bounds, by default 0 and 1; for integers both must be given, or both be None
            for values over the whole range of the dtype.
          dtype: a floating-point or integer dtype.
          name: a name scope.

        Raises:
          ValueError: for integers, if one bound is None and the other is not.
          InvalidArgumentError: if there is nothing between the bounds.
        """
        dtype = as_dtype(dtype)
        if dtype.is_integer:
            if (minval is None) != (maxval is None):
                raise ValueError(
                    f"For integer dtype {dtype}, minval and maxval must be both `None` or both "
                    f"non-`None`; got minval={minval} and maxval={maxval}"
                )
        elif maxval is None:
            maxval = 1
        with name_scope(name, "stateful_uniform") as whole:
            shape = random_ops.shape_tensor(shape)
            if dtype.is_integer and minval is None:
                kind = "StatelessRandomUniformFullIntV2"
                return self._draw(kind, shape, dtype=dtype, name=whole or None)
            low = convert_to_tensor(minval, dtype, name="min")
            high = convert_to_tensor(maxval, dtype, name="max")
            if dtype.is_integer:
                kind = "StatelessRandomUniformIntV2"
                return self._draw(kind, shape, low, high, name=whole or None)
            values = self._draw("StatelessRandomUniformV2", shape, dtype=dtype)
            return add(values * (high - low), low, name=whole or None)

    def uniform_full_int(self, shape: Any, dtype: Any = uint64, name: str | None = None) -> Any:
        """Integers over the whole range of a dtype.

        Args:
          shape: a vector of integers.
          dtype: int32, int64, uint32 or uint64.
          name: the name of the node.
        """
        with name_scope(name, "stateful_uniform_full_int") as whole:
            shape = random_ops.shape_tensor(shape)
            kind = "StatelessRandomUniformFullIntV2"
            return self._draw(kind, shape, dtype=as_dtype(dtype), name=whole or None)

    def binomial(
        self, shape: Any, counts: Any, probs: Any, dtype: Any = int32, name: str | None = None
    ) -> Any:
        """How often of `counts` times something happens that has the chance `probs`.

        Args:
          shape: a vector of integers, which ends in the shape that the two broadcast to.
          counts, probs: tensors of one dtype that broadcast.
          dtype: of the result.
          name: the name of the node.

        Raises:
          InvalidArgumentError: if the shape ends differently.
        """
        with name_scope(name, "binomial") as whole:
            counts = convert_to_tensor(counts, name="counts")
            probs = convert_to_tensor(probs, name="probs")
            return stateful.stateful_binomial_op(
                self._state_var.handle,
                cast(self._alg, int64),
                random_ops.shape_tensor(shape),
                counts,
                probs,
                dtype=as_dtype(dtype),
                name=whole or None,
            )


def _joined_state(key: Any, counter: Any, alg: Any) -> Any:
    counter, key = _as_state(counter), _as_state(key)
    counter.shape.assert_is_compatible_with([_state_size(alg) - 1])
    key.shape.assert_is_compatible_with([])
    return concat([counter, reshape(key, [1])], 0)


# The global one -----------------------------------------------------------------------------------

_global: list[Generator] = []


@export("random.get_global_generator", "random.experimental.get_global_generator")
def get_global_generator() -> Generator:
    """The generator that a program shares; it begins differently each time unless one was set.

    >>> import reflow as tf
    >>> tf.random.set_global_generator(tf.random.Generator.from_seed(1))
    >>> tf.random.get_global_generator().algorithm
    1
    """
    if not _global:
        with init_scope():
            _global.append(Generator.from_non_deterministic_state())
    return _global[0]


@export("random.set_global_generator", "random.experimental.set_global_generator")
def set_global_generator(generator: Generator) -> None:
    """Replaces the generator that a program shares.

    Functions that were traced before keep the one that they captured.

    Args:
      generator: a `tf.random.Generator`.
    """
    _global[:] = [generator]


@export("random.experimental.index_shuffle")
def index_shuffle(index: Any, seed: Any, max_index: Any) -> Any:
    """The places of indices in a random permutation of 0, ..., max_index, which is never laid out.

    Args:
      index: a scalar or vector of integers.
      seed: two integers, or two for each index.
      max_index: the largest index, a scalar or vector.

    Returns:
      Of the shape and dtype of `index`.

    Raises:
      InvalidArgumentError: if an index is larger than `max_index`.

    >>> import reflow as tf
    >>> sorted(tf.random.experimental.index_shuffle(tf.range(5), [1, 2], 4).numpy().tolist())
    [0, 1, 2, 3, 4]
    """
    seed = convert_to_tensor(seed)
    rank = 1 if seed.shape.rank is None else seed.shape.rank
    paddings = [[0, 0]] * (rank - 1) + [[1, 0]]
    # The op takes three numbers: the first is the same for all seeds.
    seed = pad(seed, paddings, constant_values=498247692)
    return stateful.random_index_shuffle_op(index, seed, max_index, rounds=4)
