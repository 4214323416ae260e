"""TF 1's optimizers: a class per algorithm; the arithmetic is in `ops/training.py`."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes
from reflow.lang.context import executing_eagerly, get_default_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import colocate_with, control_dependencies
from reflow.ops.control_flow import grouping
from reflow.ops.variables import initializers
from reflow.train.optimizer import Optimizer


class _Regular(Optimizer):
    """An optimizer whose four updates are the four ops of one rule.

    `_rule` is the op's name without its prefixes, `_slot_inputs` the slots that it takes after the
    variable, `_scalars` maps the op's scalar inputs to hyperparameters (attributes of the object,
    turned into tensors by `_prepare`), and `_options` gives the op's attributes.
    """

    _rule = ""
    _slot_inputs: tuple[str, ...] = ()
    _scalars: dict[str, str] = {}
    _labels: dict[str, str] = {}  # names of the tensors that are not the attributes' names
    _gradient_input = "grad"

    def _prepare(self) -> None:
        self._tensors = {}
        for name, attribute in self._scalars.items():
            value = self._call_if_callable(getattr(self, attribute))
            label = self._labels.get(attribute) or attribute.strip("_")
            self._tensors[name] = convert_to_tensor(value, name=label)

    def _options(self) -> dict[str, Any]:
        return {}

    def _apply_rule(self, prefix: str, grad: Any, var: Any, **more: Any) -> Any:
        from reflow.ops.cast import cast

        resource = "Resource" in prefix
        operand = (lambda v: v.handle) if resource else (lambda v: v._ref())
        dtype = var.dtype.base_dtype
        inputs = {"var": operand(var), **more}
        for name in self._slot_inputs:
            inputs[name] = operand(self.get_slot(var, self._slot_names.get(name, name)))
        for name, tensor in self._tensors.items():
            inputs[name] = cast(tensor, dtype)
        key = "grad" if "indices" in more else self._gradient_input
        inputs[key] = grad
        op = REGISTRY[f"{prefix}{self._rule}"]
        done = op(**inputs, **self._options(), use_locking=self._use_locking)
        return done if resource else done.op

    _slot_names: dict[str, str] = {}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return self._apply_rule("Apply", grad, var)

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return self._apply_rule("ResourceApply", grad, handle)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        return self._apply_rule("SparseApply", grad.values, var, indices=grad.indices)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return self._apply_rule("ResourceSparseApply", grad, handle, indices=indices)


@export(v1=("train.GradientDescentOptimizer",))
class GradientDescentOptimizer(_Regular):
    """Gradient descent: `var -= learning_rate * gradient`.

    Args:
      learning_rate: a number, a tensor, or a function that returns one.
      use_locking: accepted: see `Optimizer`.
      name: the name scope.

    >>> import reflow as tf
    >>> optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
    """

    _rule = "GradientDescent"
    _scalars = {"alpha": "_learning_rate"}
    _gradient_input = "delta"

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _scaled(self, grad: Any, dtype: Any) -> Any:
        from reflow.ops.cast import cast

        return grad * cast(self._tensors["alpha"], dtype)

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        rows = self._scaled(grad.values, var.dtype.base_dtype)
        done = REGISTRY["ScatterSub"](var._ref(), grad.indices, rows, use_locking=self._use_locking)
        return done.op

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        rows = -self._scaled(grad, handle.dtype.base_dtype)
        return REGISTRY["ResourceScatterAdd"](handle.handle, indices, rows)


@export(v1=("train.ProximalGradientDescentOptimizer",))
class ProximalGradientDescentOptimizer(_Regular):
    """Proximal gradient descent (FOBOS), http://papers.nips.cc/paper/3793.

    Args:
      learning_rate: a number or a tensor.
      l1_regularization_strength, l2_regularization_strength: not negative.
    """

    _rule = "ProximalGradientDescent"
    _scalars = {"alpha": "_learning_rate", "l1": "_l1_strength", "l2": "_l2_strength"}
    _gradient_input = "delta"

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1_strength = l1_regularization_strength
        self._l2_strength = l2_regularization_strength


@export(v1=("train.MomentumOptimizer",))
class MomentumOptimizer(_Regular):
    """Momentum: `accum = momentum * accum + gradient; var -= learning_rate * accum`.

    Args:
      learning_rate, momentum: numbers, tensors, or functions that return them.
      use_nesterov: whether to use Nesterov's form, http://jmlr.org/proceedings/papers/v28/sutskever13.pdf.
    """

    _rule = "Momentum"
    _slot_inputs = ("accum",)
    _slot_names = {"accum": "momentum"}
    _scalars = {"lr": "_learning_rate", "momentum": "_momentum"}

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "momentum", self._name)

    def _options(self) -> dict[str, Any]:
        return {"use_nesterov": self._use_nesterov}


@export(v1=("train.AdagradOptimizer",))
class AdagradOptimizer(_Regular):
    """Adagrad, http://jmlr.org/papers/v12/duchi11a.html.

    Args:
      learning_rate: a number, a tensor, or a function that returns one.
      initial_accumulator_value: what the accumulators start as; positive.
    """

    _rule = "Adagrad"
    _slot_inputs = ("accum",)
    _slot_names = {"accum": "accumulator"}
    _scalars = {"lr": "_learning_rate"}

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ):
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            _constant_slot(self, var, self._initial_accumulator_value, "accumulator", self._name)


def _constant_slot(optimizer: Optimizer, var: Any, value: float, slot: str, name: str) -> None:
    """A slot with the shape of `var` that starts as a constant."""
    dtype = var.dtype.base_dtype
    shape = var.get_shape()
    if shape.is_fully_defined():
        start = initializers.Constant(value, dtype=dtype)
        optimizer._get_or_make_slot_with_initializer(var, start, shape, dtype, slot, name)
        return
    filled = REGISTRY["Fill"](
        REGISTRY["Shape"](var.initialized_value()), convert_to_tensor(value, dtype)
    )
    optimizer._get_or_make_slot(var, filled, slot, name)


@export(v1=("train.AdagradDAOptimizer",))
class AdagradDAOptimizer(_Regular):
    """Adagrad dual averaging, http://jmlr.org/papers/v12/duchi11a.html: sparse linear models.

    Args:
      learning_rate: a number or a tensor.
      global_step: the variable that counts the steps.
      initial_gradient_squared_accumulator_value: positive.
      l1_regularization_strength, l2_regularization_strength: not negative.
    """

    _rule = "AdagradDA"
    _slot_inputs = ("gradient_accumulator", "gradient_squared_accumulator")
    _scalars = {"lr": "_learning_rate", "l1": "_l1", "l2": "_l2"}

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ):
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._global_step = global_step
        self._initial = initial_gradient_squared_accumulator_value
        self._l1 = l1_regularization_strength
        self._l2 = l2_regularization_strength

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            _constant_slot(self, var, 0.0, "gradient_accumulator", self._name)
            _constant_slot(self, var, self._initial, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        from reflow.ops.cast import cast

        super()._prepare()
        with colocate_with(self._global_step):  # steps count from one
            step = REGISTRY["Identity"](self._global_step) + 1
            self._step_now = cast(step, dtypes.int64)

    def _apply_rule(self, prefix: str, grad: Any, var: Any, **more: Any) -> Any:
        return super()._apply_rule(prefix, grad, var, global_step=self._step_now, **more)


@export(v1=("train.ProximalAdagradOptimizer",))
class ProximalAdagradOptimizer(_Regular):
    """Proximal Adagrad, http://papers.nips.cc/paper/3793.

    Args:
      learning_rate: a number or a tensor.
      initial_accumulator_value: positive.
      l1_regularization_strength, l2_regularization_strength: not negative.
    """

    _rule = "ProximalAdagrad"
    _slot_inputs = ("accum",)
    _slot_names = {"accum": "accumulator"}
    _scalars = {"lr": "_learning_rate", "l1": "_l1_strength", "l2": "_l2_strength"}

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ):
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value
        self._l1_strength = l1_regularization_strength
        self._l2_strength = l2_regularization_strength

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            _constant_slot(self, var, self._initial_accumulator_value, "accumulator", self._name)


@export(v1=("train.AdadeltaOptimizer",))
class AdadeltaOptimizer(_Regular):
    """Adadelta, http://arxiv.org/abs/1212.5701.

    Args:
      learning_rate, rho, epsilon: numbers, tensors, or functions that return them.
    """

    _rule = "Adadelta"
    _slot_inputs = ("accum", "accum_update")
    _scalars = {"lr": "_lr", "rho": "_rho", "epsilon": "_epsilon"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ):
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._rho = rho
        self._epsilon = epsilon

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "accum", self._name)
            self._zeros_slot(var, "accum_update", self._name)


@export(v1=("train.RMSPropOptimizer",))
class RMSPropOptimizer(_Regular):
    """RMSProp, http://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf.

    Args:
      learning_rate: a number, a tensor, or a function that returns one.
      decay: of the moving average of squares.
      momentum: of the update.
      epsilon: against division by zero.
      centered: whether to divide by an estimate of the variance, https://arxiv.org/abs/1308.0850.
    """

    _scalars = {
        "lr": "_learning_rate",
        "rho": "_decay",
        "momentum": "_momentum",
        "epsilon": "_epsilon",
    }

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = centered
        self._rule = "CenteredRMSProp" if centered else "RMSProp"
        self._slot_inputs = ("mg", "ms", "mom") if centered else ("ms", "mom")
        self._slot_names = {"ms": "rms", "mom": "momentum"}

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            _constant_slot(self, var, 1.0, "rms", self._name)
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)


@export(v1=("train.FtrlOptimizer",))
class FtrlOptimizer(_Regular):
    """FTRL-proximal, https://research.google/pubs/pub41159.

    Args:
      learning_rate: a number, a tensor, or a function that returns one.
      learning_rate_power: not positive; 0 for a fixed learning rate.
      initial_accumulator_value: not negative.
      l1_regularization_strength, l2_regularization_strength: not negative.
      accum_name, linear_name: names of the slots.
      l2_shrinkage_regularization_strength: not negative.
      beta: added to the L2 strength as `beta / (2 * learning_rate)`.
    """

    _slot_inputs = ("accum", "linear")

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float | None = None,
    ):
        super().__init__(use_locking, name)
        for value, what, positive in (
            (initial_accumulator_value, "initial_accumulator_value", True),
            (-learning_rate_power, "-learning_rate_power", True),
            (l1_regularization_strength, "l1_regularization_strength", True),
            (l2_regularization_strength, "l2_regularization_strength", True),
            (l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength", True),
        ):
            if positive and value < 0.0:
                raise ValueError(f"{what} {value} needs to be positive or zero")
        self._learning_rate = learning_rate
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1 = l1_regularization_strength
        self._l2 = l2_regularization_strength
        self._shrinkage = l2_shrinkage_regularization_strength
        self._beta = 0.0 if beta is None else beta
        self._accum_name = accum_name
        self._linear_name = linear_name
        self._scalars = {
            "lr": "_learning_rate",
            "l1": "_l1",
            "l2": "_adjusted_l2",
            "lr_power": "_learning_rate_power",
        }
        self._rule = "Ftrl"
        if self._shrinkage > 0:
            self._rule = "FtrlV2"
            self._scalars["l2_shrinkage"] = "_shrinkage"

    @property
    def _adjusted_l2(self) -> Any:
        if not self._beta:
            return self._l2
        rate = self._call_if_callable(self._learning_rate)
        return self._l2 + self._beta / (2.0 * rate)

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            _constant_slot(
                self, var, self._initial_accumulator_value, "accum", self._accum_name or self._name
            )
            self._zeros_slot(var, "linear", self._linear_name or self._name)


@export(v1=("train.AdamOptimizer",))
class AdamOptimizer(_Regular):
    """Adam, https://arxiv.org/abs/1412.6980.

    Args:
      learning_rate, beta1, beta2, epsilon: numbers, tensors, or functions that return them.

    >>> import reflow as tf
    >>> optimizer = tf.compat.v1.train.AdamOptimizer(1e-3)
    """

    _rule = "Adam"
    _slot_inputs = ("m", "v")
    _scalars = {"lr": "_lr", "beta1": "_beta1", "beta2": "_beta2", "epsilon": "_epsilon"}
    _labels = {"_lr": "learning_rate"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ):
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        graph = None if executing_eagerly() else get_default_graph()
        return (
            self._get_non_slot_variable("beta1_power", graph),
            self._get_non_slot_variable("beta2_power", graph),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        self._create_non_slot_variable(self._call_if_callable(self._beta1), "beta1_power", first)
        self._create_non_slot_variable(self._call_if_callable(self._beta2), "beta2_power", first)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _apply_rule(self, prefix: str, grad: Any, var: Any, **more: Any) -> Any:
        from reflow.ops.cast import cast

        powers = [cast(power, var.dtype.base_dtype) for power in self._get_beta_accumulators()]
        return super()._apply_rule(
            prefix, grad, var, beta1_power=powers[0], beta2_power=powers[1], **more
        )

    def _apply_sparse_by(self, grad: Any, var: Any, indices: Any, scatter_add: Any) -> Any:
        """The sparse form: the decayed moments of all rows, new terms in the rows given."""
        from reflow.ops import math
        from reflow.ops.cast import cast

        dtype = var.dtype.base_dtype
        power1, power2 = (cast(power, dtype) for power in self._get_beta_accumulators())
        rate, beta1, beta2, epsilon = (
            cast(self._tensors[name], dtype) for name in ("lr", "beta1", "beta2", "epsilon")
        )
        rate = rate * math.sqrt(1 - power2) / (1 - power1)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        decayed_m = m.assign(m * beta1, use_locking=self._use_locking)
        with control_dependencies([decayed_m]):
            new_m = scatter_add(m, indices, grad * (1 - beta1))
        decayed_v = v.assign(v * beta2, use_locking=self._use_locking)
        with control_dependencies([decayed_v]):
            new_v = scatter_add(v, indices, grad * grad * (1 - beta2))
        step = rate * new_m / (math.sqrt(new_v) + epsilon)
        update = var.assign_sub(step, use_locking=self._use_locking)
        return grouping.group(update, new_m, new_v)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        def scatter_add(slot: Any, indices: Any, rows: Any) -> Any:
            return REGISTRY["ScatterAdd"](slot._ref(), indices, rows, use_locking=self._use_locking)

        return self._apply_sparse_by(grad.values, var, grad.indices, scatter_add)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        def scatter_add(slot: Any, indices: Any, rows: Any) -> Any:
            with control_dependencies([REGISTRY["ResourceScatterAdd"](slot.handle, indices, rows)]):
                return slot.value()

        return self._apply_sparse_by(grad, handle, indices, scatter_add)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        power1, power2 = self._get_beta_accumulators()
        with control_dependencies(update_ops), colocate_with(power1):
            next1 = power1.assign(
                power1 * self._tensors["beta1"], use_locking=self._use_locking, read_value=False
            )
            next2 = power2.assign(
                power2 * self._tensors["beta2"], use_locking=self._use_locking, read_value=False
            )
        return grouping.group(*update_ops, next1, next2, name=name_scope or None)
