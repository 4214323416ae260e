"""The structure of elements: nested tuples, dictionaries and named tuples of values, taken apart.

Unlike `tf.nest`, lists do not nest: `[[1, 2], [3, 4]]` is one tensor. Each leaf has a type spec and
stands for the *parts* in which it travels through a pipeline: a tensor is one part, None is none, a
sparse or ragged tensor is one part of dtype `variant`, which can be batched as it is.
https://www.tensorflow.org/guide/data#dataset_structure
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.data import boxed_elements
from reflow.lang import dtypes, errors, nest, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType
from reflow.lang.extension_type import BatchableExtensionTypeSpec
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorSpec, SparseTensorValue
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import NoneTensorSpec, TensorSpec, TypeSpec, type_spec_from_value
from reflow.ops.ragged.ragged_tensor import RaggedTensor
from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec

# Nesting ------------------------------------------------------------------------------------------


def _children(value: Any) -> list[Any] | None:
    """The values directly below `value`; None for a leaf."""
    if isinstance(value, tuple):
        return None if isinstance(value, SparseTensorValue) else list(value)
    if isinstance(value, dict) or nest.is_mapping(value):
        return [value[key] for key in _sorted_keys(value)]
    if nest.is_attrs(value):
        return [getattr(value, each.name) for each in type(value).__attrs_attrs__]
    return None


def _sorted_keys(mapping: Any) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError(
            f"{errors.user_site()}: the keys of a dictionary of a data set must be "
            f"sortable, but are {list(mapping)!r:.80}"
        ) from None


def _rebuild(like: Any, children: list[Any]) -> Any:
    if isinstance(like, tuple):
        return type(like)(*children) if hasattr(like, "_fields") else tuple(children)
    if nest.is_attrs(like):
        names = [each.name for each in type(like).__attrs_attrs__]
        return type(like)(**dict(zip(names, children)))
    by_key = dict(zip(_sorted_keys(like), children))
    items = [(key, by_key[key]) for key in like]  # in the order in which they came
    if type(like) is dict:
        return dict(items)
    if hasattr(like, "default_factory"):
        return type(like)(like.default_factory, items)
    return type(like)(items)


def is_nested(value: Any) -> bool:
    """Whether a value is a structure, rather than a leaf."""
    return _children(value) is not None


def flatten(structure: Any) -> list[Any]:
    """The leaves of a structure, in order."""
    children = _children(structure)
    if children is None:
        return [structure]
    return [leaf for child in children for leaf in flatten(child)]


def pack(structure: Any, leaves: Sequence[Any]) -> Any:
    """The structure with other leaves.

    Raises:
      ValueError: if their number is another one.
    """
    left = iter(leaves)
    result = _pack(structure, left)
    count = len(flatten(structure))
    if len(leaves) != count:
        raise ValueError(
            f"{errors.user_site()}: the structure {structure!r:.200} has {count} "
            f"leaves, but {len(leaves)} were given"
        )
    return result


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    children = _children(structure)
    if children is None:
        return next(leaves, None)
    return _rebuild(structure, [_pack(child, leaves) for child in children])


def map_leaves(function: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """`function` of each leaf, and of the parts of `others` in its place."""
    children = _children(structure)
    if children is None:
        return function(structure, *others)
    rows = []
    for other in others:
        theirs = _children(other)
        if theirs is None or len(theirs) != len(children):
            raise _mismatch(structure, other)
        if nest.is_mapping(structure) and _sorted_keys(structure) != _sorted_keys(other):
            raise _mismatch(structure, other)
        rows.append(theirs)
    return _rebuild(structure, [map_leaves(function, *group) for group in zip(children, *rows)])


def _mismatch(a: Any, b: Any) -> Exception:
    return ValueError(
        f"{errors.user_site()}: the two structures don't have the same nested "
        f"structure: {a!r:.200} and {b!r:.200}"
    )


def flatten_up_to(shallow: Any, value: Any) -> list[Any]:
    """The values in `value` that stand in the places of the leaves of `shallow`."""
    found: list[Any] = []
    map_leaves(lambda _, other: found.append(other), shallow, value)
    return found


# Leaves -------------------------------------------------------------------------------------------


def normalize(element: Any, what: str = "component") -> Any:
    """`element` with a tensor, or a value that has parts, in place of each leaf."""
    with name_scope("normalize_element"):
        leaves = [normalize_leaf(leaf, f"{what}_{i}") for i, leaf in enumerate(flatten(element))]
    return pack(element, leaves)


def normalize_leaf(value: Any, name: str | None = None) -> Any:
    """A tensor for what converts to one; composite values, data sets and None stay."""
    if isinstance(value, Tensor) or value is None:
        return value
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    if isinstance(getattr(value, "_type_spec", None), TypeSpec) and not _is_variable(value):
        return value
    return convert_to_tensor(value, name=name)


def _is_variable(value: Any) -> bool:
    return bool(getattr(type(value), "is_tensor_like", False))


def spec_of(element: Any) -> Any:
    """The structure of the type specs of an element whose leaves are normal."""
    return map_leaves(type_spec_from_value, element)


def convert_spec(spec: Any) -> Any:
    """A structure of specs in which shapes and dtypes may stand for tensors."""

    def leaf(value: Any) -> TypeSpec:
        if isinstance(value, TypeSpec):
            return value
        found = getattr(value, "_type_spec", None)
        if isinstance(found, TypeSpec):
            return found
        raise TypeError(
            f"{errors.user_site()}: {value!r:.80} of the element spec is no "
            "tf.TypeSpec. Use for example tf.TensorSpec(shape, dtype)."
        )

    return map_leaves(leaf, spec)


# Parts --------------------------------------------------------------------------------------------


def part_specs(spec: TypeSpec) -> list[TensorSpec]:
    """Dtype and shape of the parts of a leaf."""
    if isinstance(spec, TensorSpec):
        return [spec]
    if _is_boxed(spec):
        return [TensorSpec(None, dtypes.variant)]
    if isinstance(spec, BatchableExtensionTypeSpec):
        return [part for each in spec.encoded for part in part_specs(each)]
    return spec._flat_tensor_specs


def _is_boxed(spec: TypeSpec) -> bool:
    """Whether values of several tensors travel as one part, so that they can be batched."""
    return isinstance(spec, (SparseTensorSpec, RaggedTensorSpec))


def to_parts(spec: TypeSpec, value: Any) -> list[Any]:
    """The parts of a leaf: tensors."""
    if isinstance(spec, TensorSpec):
        return [value if isinstance(value, Tensor) else convert_to_tensor(value, spec.dtype)]
    if _is_boxed(spec):
        return [boxed_elements.box(spec, value)]
    if isinstance(spec, BatchableExtensionTypeSpec):
        pairs = zip(spec.encoded, spec.encode(value))
        return [part for each, encoded in pairs for part in to_parts(each, encoded)]
    return spec._to_tensor_list(value)


def to_rows(spec: TypeSpec, value: Any) -> list[Any]:
    """The parts of a leaf that is to be sliced along its first dimension."""
    if _is_boxed(spec):
        return [boxed_elements.box_rows(spec, value)]
    if isinstance(spec, (TensorSpec, NoneTensorSpec)):
        return to_parts(spec, value)
    if isinstance(spec, BatchableExtensionTypeSpec):
        pairs = zip(spec.encoded, spec.encode(value, minimum_rank=1))
        return [part for each, encoded in pairs for part in to_rows(each, encoded)]
    raise TypeError(f"{errors.user_site()}: a {spec.value_type.__name__} cannot be sliced")


def from_parts(spec: TypeSpec, parts: list[Any]) -> Any:
    """The leaf of the given parts."""
    if isinstance(spec, TensorSpec):
        return parts[0]
    if _is_boxed(spec):
        return boxed_elements.unbox(spec, parts[0])
    if isinstance(spec, BatchableExtensionTypeSpec):
        given = iter(parts)
        return spec.decode(
            [from_parts(each, [next(given) for _ in part_specs(each)]) for each in spec.encoded]
        )
    return spec._from_tensor_list(parts)


class Structure:
    """An element spec, and how elements of it are taken apart and put together.

    Attributes:
      spec: the structure of type specs.
      types, shapes: those of the parts, in order.
    """

    def __init__(self, spec: Any):
        self.spec = spec
        self.leaves: list[TypeSpec] = flatten(spec)
        parts = [part_specs(leaf) for leaf in self.leaves]
        self._counts = [len(each) for each in parts]
        self.types: tuple[DType, ...] = tuple(p.dtype for each in parts for p in each)
        self.shapes: tuple[TensorShape, ...] = tuple(p.shape for each in parts for p in each)
        self._plain = all(type(leaf) is TensorSpec for leaf in self.leaves)
        self._single = self._plain and not is_nested(spec)
        self._tuple = self._plain and type(spec) is tuple and not any(map(is_nested, spec))
        flat = self._plain and type(spec) is dict and not any(map(is_nested, spec.values()))
        self._keys = _sorted_keys(spec) if flat else None

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes by which ops are told the parts."""
        return {"output_types": self.types, "output_shapes": self.shapes}

    def to_parts(self, element: Any) -> list[Any]:
        values = flatten_up_to(self.spec, element)
        return [p for spec, value in zip(self.leaves, values) for p in to_parts(spec, value)]

    def to_rows(self, element: Any) -> list[Any]:
        values = flatten_up_to(self.spec, element)
        return [p for spec, value in zip(self.leaves, values) for p in to_rows(spec, value)]

    def from_parts(self, parts: Sequence[Any]) -> Any:
        if self._single:
            return parts[0]
        if self._tuple:
            return tuple(parts)
        if self._keys is not None:
            by_key = dict(zip(self._keys, parts))
            return {key: by_key[key] for key in self.spec}
        if self._plain:
            return pack(self.spec, parts)
        values = []
        start = 0
        for spec, count in zip(self.leaves, self._counts):
            values.append(from_parts(spec, list(parts[start : start + count])))
            start += count
        return pack(self.spec, values)

    # TF 1's three structures ---------------------------------------------------------------------

    @property
    def output_types(self) -> Any:
        return pack(self.spec, [getattr(leaf, "dtype", leaf) for leaf in self.leaves])

    @property
    def output_shapes(self) -> Any:
        return pack(self.spec, [getattr(leaf, "shape", leaf) for leaf in self.leaves])

    @property
    def output_classes(self) -> Any:
        return pack(
            self.spec,
            [leaf.value_type if _is_value(leaf) else leaf for leaf in self.leaves],
        )


class ElementTypes:
    """TF 1's names for what the elements of a data set or an iterator are."""

    _structure: Structure

    @property
    def output_types(self) -> Any:
        """The structure of the dtypes of an element."""
        return self._structure.output_types

    @property
    def output_shapes(self) -> Any:
        """The structure of the shapes of an element."""
        return self._structure.output_shapes

    @property
    def output_classes(self) -> Any:
        """The structure of the classes of an element."""
        return self._structure.output_classes


def _is_value(spec: TypeSpec) -> bool:
    return isinstance(spec, TensorSpec) or _is_boxed(spec)


def from_legacy(types: Any, shapes_: Any = None, classes: Any = None) -> Any:
    """The element spec that TF 1's structures of dtypes, shapes and classes say.

    Args:
      types: a structure of dtypes.
      shapes_: a structure of shapes; None where nothing is known.
      classes: a structure of classes; None where all are tensors.
    """
    leaves = flatten(types)
    given = [None] * len(leaves) if shapes_ is None else flatten_shapes(types, shapes_)
    kinds = [Tensor] * len(leaves) if classes is None else flatten_up_to(types, classes)
    found: list[Any] = []
    for dtype, shape, kind in zip(leaves, given, kinds):
        if isinstance(dtype, TypeSpec):
            found.append(dtype)
        elif isinstance(kind, TypeSpec):
            found.append(kind)
        elif kind is SparseTensor:
            found.append(SparseTensorSpec(shape, dtype))
        elif kind is RaggedTensor:
            found.append(RaggedTensorSpec(shape, dtype))
        elif issubclass(kind, Tensor):
            found.append(TensorSpec(shape, dtype))
        else:
            raise TypeError(
                f"{errors.user_site()}: elements of the class {kind.__name__} "
                "cannot be described by dtypes and shapes. Use an element spec."
            )
    return pack(types, found)


def flatten_shapes(structure: Any, given: Any) -> list[Any]:
    """The shapes in the places of the leaves of `structure`; a shape may be a tuple or list."""
    children = _children(structure)
    if children is None:
        return [
            None if given is None else given if _is_leaf_shape(given) else shapes.as_shape(given)
        ]
    if given is None:
        return [None] * len(flatten(structure))
    theirs = _children(given)
    if isinstance(given, list):
        theirs = given
    same_keys = not nest.is_mapping(structure) or set(structure) == set(given)
    if theirs is None or len(theirs) != len(children) or not same_keys:
        raise _mismatch(structure, given)
    return [s for child, shape in zip(children, theirs) for s in flatten_shapes(child, shape)]


def _is_leaf_shape(given: Any) -> bool:
    return isinstance(given, (TensorShape, TypeSpec, Tensor))
