"""Tensors: https://www.tensorflow.org/api_docs/python/tf/Tensor

`Tensor` is what programs see; its operators are attached by the op families (`ops/overloads.py`).
`SymbolicTensor` is the output of a node of a graph; the eager tensor lives with the run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reflow.lang import errors, shapes
from reflow.lang.dtypes import DType
from reflow.lang.foreign_names import known_as
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape

if TYPE_CHECKING:
    from reflow.lang.graph import Graph, Operation

use_equality = [True]  # whether == compares elements (TF 2) or identity (TF 1)


class CoreTensor:
    """What functions take as a tensor: tensors, variables, and what libraries derive from this type
    and make convertible with `__tf_tensor__`."""

    is_tensor_like = True


class _NumpyMember:
    """What only NumPy's arrays have, until a program asks for it: naming it says how."""

    def __init__(self, name: str):
        self._name = name

    def __get__(self, tensor: Any, owner: Any = None) -> Any:
        raise AttributeError(
            f"{errors.user_site()}: a tensor has no attribute {self._name!r}. Use the function of tf, or `.numpy()`, or "
            "run tf.experimental.numpy.experimental_enable_numpy_behavior() to give tensors NumPy's methods."
        )


@known_as("tensorflow.python.framework.tensor")
class Tensor(CoreTensor):
    """A multi-dimensional array of one dtype: symbolic in a graph, or holding a value.

    >>> import reflow as tf
    >>> tf.constant([[1.0, 2.0]]).shape
    TensorShape([1, 2])
    """

    __array_priority__ = 100  # so that ndarray + tensor is the tensor's business

    dtype: DType

    @property
    def ndim(self) -> int | None:
        return self.shape.rank

    @property
    def shape(self) -> TensorShape:
        raise NotImplementedError(type(self).__name__)

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def _rank(self) -> int | None:
        return self.shape.rank

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            f"{errors.user_site()}: {type(self).__name__!r} object does not support item assignment: a tensor "
            "does not change. Use x = tf.tensor_scatter_nd_update(x, indices, updates), or tf.where."
        )

    def ref(self) -> Reference:
        """A hashable stand-in for this tensor, for sets and dictionary keys."""
        return Reference(self)

    experimental_ref = ref


for _name in (
    *("T", "astype", "clip", "data", "flatten", "max", "mean", "min", "ravel", "reshape", "size"),
    *("tolist", "transpose"),
):
    setattr(Tensor, _name, _NumpyMember(_name))


class Reference:
    """A hashable reference to an unhashable object; equal when it is the same object."""

    __slots__ = ("_wrapped",)

    def __init__(self, wrapped: Any):
        self._wrapped = wrapped

    def deref(self) -> Any:
        return self._wrapped

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self._wrapped is other._wrapped

    def __lt__(self, other: Any) -> bool:
        """In some order, so that dictionaries with references as keys can be sorted."""
        if not isinstance(other, Reference):
            return NotImplemented
        return id(self._wrapped) < id(other._wrapped)

    def __hash__(self) -> int:
        return id(self._wrapped)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._wrapped!r}>"


@known_as("tensorflow.python.framework.ops")
class SymbolicTensor(Tensor):
    """An output of a node: `op`, `value_index`, `dtype`, a static shape, and no value."""

    op: Operation
    value_index: int
    _known_value: Any = None  # of a captured tensor of eager code, where it is small

    def __init__(self, op: Operation, value_index: int, dtype: DType, shape: TensorShape):
        self.op = op
        self.value_index = value_index
        self.dtype = dtype
        self._shape = shape

    @property
    def graph(self) -> Graph:
        return self.op.graph

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.value_index}"

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Merges `shape` into the static shape of this tensor."""
        self._shape = self._shape.merge_with(shape)

    def consumers(self) -> list[Operation]:
        """The nodes that take this tensor as an input."""
        return self.op.graph.consumers_of(self)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The value of this tensor in `session`, or in the default session."""
        return service("eval_tensor")(self, feed_dict, session)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self._shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self._shape.rank is None else f", shape={self._shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __hash__(self) -> int:
        if use_equality[0] and self.op.graph.building_function:
            raise TypeError(
                f"{errors.user_site()}: Tensor is unhashable. Instead, use tensor.ref() as the key."
            )
        return id(self)

    def __len__(self) -> int:
        raise TypeError(
            f"{errors.user_site()}: len is not well defined for a symbolic Tensor "
            f"({self.name}). Call `x.shape` for its static shape, or `tf.shape(x)[0]`."
        )

    def __bool__(self) -> bool:
        raise errors.OperatorNotAllowedInGraphError(
            f"{errors.user_site()}: Using a symbolic `tf.Tensor` as a Python `bool` "
            f"is not allowed ({self.name}). Use `tf.cond`, `tf.debugging.Assert` in place of `assert`, or "
            "fetch its value with a session first."
        )

    def __iter__(self) -> Iterator[Any]:
        raise errors.OperatorNotAllowedInGraphError(
            f"{errors.user_site()}: Iterating over a symbolic `tf.Tensor` is not allowed ({self.name}, "
            f"shape {self._shape}). AutoGraph converts `for` statements, no comprehensions: use "
            "`tf.unstack(x)` where the first dimension is known, else `tf.map_fn`."
        )

    def __getattr__(self, name: str) -> Any:
        if name == "numpy":
            raise AttributeError(
                f"{errors.user_site()}: {self.name} is a symbolic tensor of a graph: it "
                "has no value yet, and no numpy(). Use tf.print or tf.py_function to see values, or "
                "tf.config.run_functions_eagerly(True) to debug a tf.function."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise NotImplementedError(
            f"{errors.user_site()}: Cannot convert a symbolic tf.Tensor ({self.name}) to a numpy array. A NumPy function "
            "was called on a tensor of a graph: use the tf function, or tf.numpy_function."
        )

    def __float__(self) -> float:
        raise TypeError(
            f"{errors.user_site()}: a symbolic tensor ({self.name}) has no value to convert to a number. "
            "Compute with the tensor itself; tf.cast changes its dtype, tf.gather takes from a list."
        )

    __int__ = __index__ = __float__


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, or of another type that TensorFlow takes as one: a variable, a sparse
    tensor, slices."""
    kind = type(x)
    return (
        isinstance(x, Tensor)
        or getattr(kind, "is_tensor_like", False)
        or getattr(kind, "is_composite_of_tensor", False)
    )


def is_symbolic(tensor: Any) -> bool:
    """Whether `tensor` is one of a graph, which has no value until that runs."""
    return isinstance(tensor, SymbolicTensor)


def shape_of(x: Any) -> TensorShape:
    """The static shape of a tensor or of a tensor-like object."""
    return x.shape if isinstance(x, Tensor) else shapes.as_shape(x.shape)
