"""The update rules of optimizers: each on references and resources, dense and sparse."""

import numpy as np

from .base import arr, bad, f32, i32, record, sample, var

VARIABLES = {
    "GradientDescent": [],
    "ProximalGradientDescent": [],
    "Adadelta": ["accum", "accum_update"],
    "Adagrad": ["accum"],
    "AdagradV2": ["accum"],
    "AdagradDA": ["gradient_accumulator", "gradient_squared_accumulator"],
    "ProximalAdagrad": ["accum"],
    "Ftrl": ["accum", "linear"],
    "FtrlV2": ["accum", "linear"],
    "Momentum": ["accum"],
    "KerasMomentum": ["accum"],
    "Adam": ["m", "v"],
    "AdamWithAmsgrad": ["m", "v", "vhat"],
    "AdaMax": ["m", "v"],
    "RMSProp": ["ms", "mom"],
    "CenteredRMSProp": ["mg", "ms", "mom"],
    "AddSign": ["m"],
    "PowerSign": ["m"],
}
SCALARS = {
    "GradientDescent": {"alpha": 0.1},
    "ProximalGradientDescent": {"alpha": 0.1, "l1": 0.2, "l2": 0.3},
    "Adadelta": {"lr": 0.5, "rho": 0.9, "epsilon": 1e-3},
    "Adagrad": {"lr": 0.1},
    "AdagradV2": {"lr": 0.1, "epsilon": 1e-3},
    "AdagradDA": {"lr": 0.1, "l1": 0.2, "l2": 0.3},
    "ProximalAdagrad": {"lr": 0.1, "l1": 0.2, "l2": 0.3},
    "Ftrl": {"lr": 0.1, "l1": 0.2, "l2": 0.3, "lr_power": -0.5},
    "FtrlV2": {"lr": 0.1, "l1": 0.2, "l2": 0.3, "l2_shrinkage": 0.4, "lr_power": -0.5},
    "Momentum": {"lr": 0.1, "momentum": 0.9},
    "KerasMomentum": {"lr": 0.1, "momentum": 0.9},
    "Adam": {
        "beta1_power": 0.9, "beta2_power": 0.99, "lr": 0.1, "beta1": 0.9, "beta2": 0.99,
        "epsilon": 1e-3,
    },
    "AdaMax": {"beta1_power": 0.9, "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "RMSProp": {"lr": 0.1, "rho": 0.9, "momentum": 0.5, "epsilon": 1e-3},
    "CenteredRMSProp": {"lr": 0.1, "rho": 0.9, "momentum": 0.5, "epsilon": 1e-3},
    "AddSign": {"lr": 0.1, "alpha": 1.0, "sign_decay": 0.9, "beta": 0.9},
    "PowerSign": {"lr": 0.1, "logbase": 1.5, "sign_decay": 0.9, "beta": 0.9},
}  # fmt: skip
SCALARS["AdamWithAmsgrad"] = SCALARS["Adam"]
OPTIONS = {
    "Momentum": [{"use_nesterov": True}],
    "KerasMomentum": [{"use_nesterov": True}],
    "Adam": [{"use_nesterov": True}],
    "Adagrad": [{"update_slots": False}],
    "Ftrl": [{"multiply_linear_by_lr": True}],
    "FtrlV2": [{"multiply_linear_by_lr": True}],
}
DENSE_ONLY = ("GradientDescent", "Adam", "AdamWithAmsgrad", "AdaMax", "AddSign", "PowerSign")
RESOURCE_ONLY = ("KerasMomentum", "AdamWithAmsgrad")


def arguments(rule, sparse, dtype="float32"):
    """Values for the inputs of an op: a variable and slots of (4, 2), and a gradient."""
    values = {"var": var(f32(4, 2).astype(dtype))}
    for name in VARIABLES[rule]:
        values[name] = var(f32(4, 2, lo=0.5, hi=2.0).astype(dtype))
    if rule == "CenteredRMSProp":
        values["mg"] = var(f32(4, 2, lo=-0.2, hi=0.2).astype(dtype))
    for name, number in SCALARS[rule].items():
        values[name] = arr(number, dtype)
    if rule == "AdagradDA":
        values["global_step"] = np.array(3, np.int64)
    if sparse:
        values["grad"] = f32(2, 2).astype(dtype)
        values["indices"] = i32([2, 0])
    else:
        values["delta" if "GradientDescent" in rule else "grad"] = f32(4, 2).astype(dtype)
    return values


def wrong(rule, sparse):
    """The arguments with a gradient of another shape, or an index that does not exist."""
    values = arguments(rule, sparse)
    if sparse:
        return bad(match="indices|range|not in", **{**values, "indices": i32([2, 7])})
    key = "delta" if "GradientDescent" in rule else "grad"
    return bad(match="shape|equal", **{**values, key: f32(3, 2)})


for rule in VARIABLES:
    for sparse in (False, True):
        if sparse and rule in DENSE_ONLY:
            continue
        for prefix in ("", "Resource"):
            if not prefix and rule in RESOURCE_ONLY:
                continue
            samples = [
                sample(**arguments(rule, sparse)),
                sample(**arguments(rule, sparse, "float64")),
            ]
            for options in OPTIONS.get(rule, []):
                samples.append(sample(**arguments(rule, sparse), **options))
            name = f"{prefix}{'Sparse' if sparse else ''}Apply{rule}"
            record(name, *samples, bad=[wrong(rule, sparse)])
