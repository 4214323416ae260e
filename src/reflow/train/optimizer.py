"""The base class of TF 1's optimizers.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/train/Optimizer
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.autodiff.gradients import gradients
from reflow.lang import dtypes, errors
from reflow.lang.context import executing_eagerly, get_default_graph, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import GraphKeys, colocate_with, control_dependencies, name_scope
from reflow.lang.tensor import Tensor
from reflow.ops.control_flow import grouping
from reflow.ops.variables.collections import trainable_variables
from reflow.ops.variables.variable import VariableV1
from reflow.train import slot_creator


@export(v1=("train.Optimizer",))
class Optimizer:
    """Computes gradients of a loss and applies them to variables.

    Subclasses say what to do with a gradient: `_apply_dense` and `_apply_sparse` for reference
    variables, `_resource_apply_dense` and `_resource_apply_sparse` for resource variables, and
    `_create_slots` and `_prepare` before.

    Args:
      use_locking: accepted: updates of a variable never interleave in Reflow.
      name: the name scope of the ops made, and the prefix of the slots' names.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str):
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Any]] = {}
        self._non_slot_dict: dict[tuple[str, Any], Any] = {}

    def get_name(self) -> str:
        return self._name

    # What users call -----------------------------------------------------------------------------

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """An op that makes one training step: gradients of `loss`, applied to the variables.

        Args:
          loss: a scalar tensor (when executing eagerly, a function that returns one).
          global_step: a variable to increase by one.
          var_list: the variables to train; by default the trainable ones of the graph.
          gate_gradients: accepted: see `compute_gradients`.
          grad_loss: the gradient of `loss` to start with.

        Raises:
          ValueError: if no variable has a gradient.
        """
        pairs = self.compute_gradients(
            loss,
            var_list,
            gate_gradients,
            aggregation_method,
            colocate_gradients_with_ops,
            grad_loss,
        )
        if all(gradient is None for gradient, _ in pairs):
            raise ValueError(
                f"{errors.user_site()}: No gradients provided for any variable, check "
                "your graph for ops that do not support gradients, between variables "
                f"{[str(v) for _, v in pairs]} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """Pairs of a gradient (or None) and its variable.

        Raises:
          TypeError: if `var_list` holds something else than variables.
          ValueError: if there is nothing to train, or an argument is not valid.
        """
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH. Not {gate_gradients}"
            )
        if callable(loss):
            from reflow.autodiff.tape import GradientTape

            with GradientTape() as tape:
                if var_list is not None:
                    tape.watch(var_list)
                value = loss()
            if var_list is None:
                var_list = tape.watched_variables()
            var_list = _flat(var_list)
            found = tape.gradient(value, var_list, grad_loss)
            self._assert_valid_dtypes([v for g, v in zip(found, var_list) if g is not None])
            return list(zip(found, var_list))
        if executing_eagerly():
            raise RuntimeError(
                "`loss` passed to Optimizer.compute_gradients should be a function when eager "
                "execution is enabled."
            )
        self._assert_valid_dtypes([loss])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        if var_list is None:
            graph = get_default_graph()
            var_list = trainable_variables() + graph.get_collection(
                GraphKeys.TRAINABLE_RESOURCE_VARIABLES
            )
        var_list = _flat(var_list)
        if not var_list:
            raise ValueError("No variables to optimize.")
        for each in var_list:
            if not (isinstance(each, Tensor) or hasattr(each, "_gradient_source")):
                raise TypeError(f"Argument is not a variables.Variable: {each!r}")
        found = gradients(
            loss,
            var_list,
            grad_loss,
            gate_gradients=gate_gradients == self.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == self.GATE_GRAPH:
            found = grouping.tuple_v1(found)
        pairs = list(zip(found, var_list))
        self._assert_valid_dtypes(
            [v for g, v in pairs if g is not None and v.dtype is not dtypes.resource]
        )
        return pairs

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Any]],
        global_step: Any = None,
        name: str | None = None,
    ) -> Any:
        """An op that applies gradients to variables.

        Args:
          grads_and_vars: pairs as `compute_gradients` returns them; those without gradient are
            left out.
          global_step: a variable to increase by one afterwards.

        Raises:
          TypeError: if a gradient is neither a tensor nor `IndexedSlices`.
          ValueError: if there is no gradient at all.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        converted: list[tuple[Any, Any]] = []
        for gradient, variable in pairs:
            if gradient is not None and not isinstance(gradient, IndexedSlices):
                try:
                    gradient = convert_to_tensor(gradient)
                except TypeError:
                    raise TypeError(
                        f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {gradient}"
                    ) from None
            converted.append((gradient, variable))
        trained = [v for g, v in converted if g is not None]
        if not trained:
            raise ValueError(
                f"No gradients provided for any variable: {[str(v) for _, v in converted]}."
            )
        with init_scope():
            self._create_slots(trained)
        updates = []
        with name_scope(name, self._name, trained) as scope:
            self._prepare()
            for gradient, variable in converted:
                if gradient is None:
                    continue
                label = "" if executing_eagerly() else variable.op.name
                with name_scope("update_" + label.replace(":", "_")), colocate_with(variable):
                    updates.append(self._update(gradient, variable))
            if global_step is None:
                done = self._finish(updates, scope)
            else:
                finished = self._finish(updates, "update")
                with control_dependencies([finished]), colocate_with(global_step):
                    done = global_step.assign_add(1, name=scope or None, read_value=False)
            if not executing_eagerly():
                if isinstance(done, Tensor):
                    done = done.op  # type: ignore[attr-defined]
                collection = get_default_graph().get_collection_ref(GraphKeys.TRAIN_OP)
                if done not in collection:
                    collection.append(done)
            return done

    def _update(self, gradient: Any, variable: Any) -> Any:
        """Applies one gradient, by whichever of the four methods is for it."""
        sparse = isinstance(gradient, IndexedSlices)
        if variable._is_resource:
            if sparse:
                if variable.constraint is not None:
                    raise RuntimeError("Cannot use a constraint function on a sparse variable.")
                return self._resource_apply_sparse_duplicate_indices(
                    gradient.values, variable, gradient.indices
                )
            done = self._resource_apply_dense(gradient, variable)
        elif sparse:
            if variable.constraint is not None:
                raise RuntimeError("Cannot use a constraint function on a sparse variable.")
            return self._apply_sparse_duplicate_indices(gradient, variable)
        else:
            done = self._apply_dense(gradient, variable)
        if variable.constraint is None:
            return done
        with control_dependencies([done]):
            return variable.assign(variable.constraint(variable.read_value()))

    # Slots ---------------------------------------------------------------------------------------

    def get_slot(self, var: Any, name: str) -> Any:
        """The slot `name` of a variable, or None."""
        return self._slots.get(name, {}).get(_key(var))

    def get_slot_names(self) -> list[str]:
        """The names of the slots, sorted."""
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """The variables that this optimizer has made in the current graph."""
        graph = None if executing_eagerly() else get_default_graph()
        own = [v for v in self._non_slot_dict.values() if graph is None or v.graph is graph]
        for slots in self._slots.values():
            own.extend(v for v in slots.values() if graph is None or v.graph is graph)
        return sorted(own, key=lambda v: v.name)

    def _slot_dict(self, slot_name: str) -> dict[Any, Any]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_slot(var, val, op_name)
        return slots[_key(var)]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_slot_with_initializer(
                var, initializer, shape, dtype, op_name
            )
        return slots[_key(var)]

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_zeros_slot(var, op_name)
        return slots[_key(var)]

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate: Any) -> Any:
        """A variable of the optimizer itself, such as a power of Adam's beta; one per graph."""
        graph = None if executing_eagerly() else colocate.graph
        key = (name, graph)
        if key not in self._non_slot_dict:
            with colocate_with(colocate):
                self._non_slot_dict[key] = VariableV1(
                    initial_value, name=name, trainable=False, use_resource=colocate._is_resource
                )
        return self._non_slot_dict[key]

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._non_slot_dict.get((name, graph))

    # What subclasses say -------------------------------------------------------------------------

    def _create_slots(self, var_list: list[Any]) -> None:
        """Makes the slots of the variables; by default there are none."""

    def _prepare(self) -> None:
        """Turns hyperparameters into tensors, before the updates are made."""

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        """An op that runs all updates."""
        return grouping.group(*update_ops, name=name_scope or None)

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _apply_dense")

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _resource_apply_dense")

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        """Applies `IndexedSlices` with distinct indices to a reference variable."""
        raise NotImplementedError(f"{type(self).__name__} has no _apply_sparse")

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        """Applies the rows `grad` at distinct `indices` to a resource variable."""
        raise NotImplementedError(f"{type(self).__name__} has no _resource_apply_sparse")

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        """Applies `IndexedSlices` whose indices may repeat: by default, their rows summed."""
        values, indices = _distinct(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(values, indices, grad.dense_shape), var)

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        """Applies rows at indices that may repeat: by default, the rows of equal ones summed."""
        values, indices = _distinct(grad, indices)
        return self._resource_apply_sparse(values, handle, indices)

    # Helpers -------------------------------------------------------------------------------------

    def _valid_dtypes(self) -> set[dtypes.DType]:
        """The dtypes of losses and variables that this optimizer works with."""
        return set(dtypes.FLOAT | dtypes.COMPLEX)

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for each in tensors:
            if each.dtype.base_dtype not in valid:
                raise ValueError(
                    f"Invalid type {each.dtype.base_dtype!r} for {each.name}, expected: "
                    f"{[d.name for d in valid]}."
                )

    def _call_if_callable(self, param: Any) -> Any:
        """A hyperparameter, which may be a function of no arguments."""
        return param() if callable(param) else param


def _key(variable: Any) -> Any:
    return id(variable) if isinstance(variable, Tensor) else variable.ref()


def _flat(var_list: Any) -> list[Any]:
    from reflow.lang import nest

    result: list[Any] = []
    for each in nest.flatten(var_list):
        result.extend(each) if hasattr(each, "_get_partitions") else result.append(each)
    return result


def _distinct(values: Any, indices: Any) -> tuple[Any, Any]:
    """Rows at repeated indices summed: distinct indices and one row for each."""
    unique, positions = REGISTRY["Unique"](indices)
    count = REGISTRY["StridedSlice"](REGISTRY["Shape"](unique), [0], [1], [1], shrink_axis_mask=1)
    return REGISTRY["UnsortedSegmentSum"](values, positions, count), unique
