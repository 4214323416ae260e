"""Recurrent networks by cuDNN's op, over all time steps at once: `tf.raw_ops.CudnnRNN`.

TensorFlow has it for GPUs only. Libraries call it in functions that they build for each device beside
one another, whichever of these runs in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang import errors, shapes
from reflow.ops.define import op

# How many matrices a step multiplies its input, and its state, by.
_MATRICES = {"lstm": 4, "gru": 3, "rnn_relu": 1, "rnn_tanh": 1}
_ATTRIBUTES = (
    " rnn_mode: string{rnn_relu,rnn_tanh,lstm,gru} = 'lstm',"
    " input_mode: string{linear_input,skip_input,auto_select} = 'linear_input',"
    " direction: string{unidirectional,bidirectional} = 'unidirectional', dropout: float = 0.0,"
    " seed: int = 0, seed2: int = 0, is_training: bool = True, T: FLOAT"
)


def _weights(params: Any, sizes: tuple[int, int, int, int], ways: int) -> list[tuple[Any, ...]]:
    """Of each layer and direction the matrices of input and state, and the two biases.

    The vector holds all matrices, then all biases.
    """
    layers, matrices, inputs, units = sizes
    rows = matrices * units
    widths = [
        inputs if layer == 0 else units * ways for layer in range(layers) for _ in range(ways)
    ]
    needed = sum(rows * (width + units + 2) for width in widths)
    if params.size != needed:
        raise errors.InvalidArgumentError(
            None, None, f"params must have {needed} elements, and has {params.size}"
        )
    place = 0

    def take(*shape: int) -> Any:
        nonlocal place
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        place += size
        return params[place - size : place].reshape(shape)

    by_layer = [(take(rows, width), take(rows, units)) for width in widths]
    return [(*both, take(rows), take(rows)) for both in by_layer]


def _lstm(xp: Any, of_input: Any, of_state: Any, h: Any, c: Any) -> tuple[Any, Any]:
    i, f, new, o = xp.split(of_input + of_state, 4, -1)
    c = xp.jax.nn.sigmoid(f) * c + xp.jax.nn.sigmoid(i) * xp.tanh(new)
    return xp.jax.nn.sigmoid(o) * xp.tanh(c), c


def _gru(xp: Any, of_input: Any, of_state: Any, h: Any, c: Any) -> tuple[Any, Any]:
    x_reset, x_update, x_new = xp.split(of_input, 3, -1)
    h_reset, h_update, h_new = xp.split(of_state, 3, -1)
    update = xp.jax.nn.sigmoid(x_update + h_update)
    new = xp.tanh(x_new + xp.jax.nn.sigmoid(x_reset + h_reset) * h_new)
    return (1 - update) * new + update * h, c


def _relu(xp: Any, of_input: Any, of_state: Any, h: Any, c: Any) -> tuple[Any, Any]:
    return xp.jax.nn.relu(of_input + of_state), c


def _tanh(xp: Any, of_input: Any, of_state: Any, h: Any, c: Any) -> tuple[Any, Any]:
    return xp.tanh(of_input + of_state), c


_CELLS: dict[str, Callable] = {"lstm": _lstm, "gru": _gru, "rnn_relu": _relu, "rnn_tanh": _tanh}


def _run(xp: Any, x: Any, h: Any, c: Any, params: Any, mode: str, ways: int) -> tuple[Any, ...]:
    """The outputs of the last layer, and the states of all layers after the last step."""
    cell = _CELLS[mode]
    layers, units = h.shape[0] // ways, h.shape[2]
    cells = c if mode == "lstm" else xp.zeros_like(h)
    weights = _weights(params, (layers, _MATRICES[mode], x.shape[2], units), ways)
    last_h, last_c = [], []
    for layer in range(layers):
        outputs = []
        for way in range(ways):
            place = layer * ways + way
            of_x, of_h, bias_x, bias_h = weights[place]

            def step(state: Any, given: Any, of_h: Any = of_h, bias_h: Any = bias_h) -> Any:
                state = cell(xp, given, xp.matmul(state[0], of_h.T) + bias_h, *state)
                return state, state[0]

            given = xp.matmul(x, of_x.T) + bias_x  # of all steps at once
            state, out = xp.lax.scan(step, (h[place], cells[place]), given, reverse=way == 1)
            outputs.append(out)
            last_h.append(state[0])
            last_c.append(state[1])
        x = xp.concatenate(outputs, -1)
    ends = xp.stack(last_c) if mode == "lstm" else xp.zeros((), x.dtype)
    return x, xp.stack(last_h), ends


def _refuse_what_is_missing(layers: int, input_mode: str, dropout: float, training: bool) -> None:
    if input_mode == "skip_input":
        raise errors.UnimplementedError(None, None, "CudnnRNN with input_mode='skip_input'")
    if dropout and training and layers > 1:
        raise errors.UnimplementedError(None, None, "CudnnRNN with dropout between its layers")


def _ways(direction: str) -> int:
    return 2 if direction == "bidirectional" else 1


def _shape(input, input_h, input_c, params, *, rnn_mode, direction):
    steps, batch, _ = input.shape.with_rank(3).sizes
    states = input_h.shape.with_rank(3)
    params.shape.with_rank(1)
    ends = shapes.TensorShape([])
    if rnn_mode == "lstm":
        input_c.shape.with_rank(3)
        ends = states
    units = states.sizes[2]
    outputs = (steps, batch, None if units is None else units * _ways(direction))
    return [shapes.of(outputs), states, ends, shapes.TensorShape([0])]


@op(
    f"CudnnRNN(input: T, input_h: T, input_c: T, params: T, *,{_ATTRIBUTES})"
    " -> output: T, output_h: T, output_c: T, reserve_space: T",
    shape=_shape,
    interpret=False,
)
def cudnn_rnn_op(
    xp, input, input_h, input_c, params, *, rnn_mode, input_mode, direction, dropout, is_training
):
    """The outputs of a recurrent network at every step, and its states after the last one.

    Nothing is kept for the gradient in `reserve_space`: it runs the network again.
    """
    ways = _ways(direction)
    _refuse_what_is_missing(input_h.shape[0] // ways, input_mode, dropout, is_training)
    results = _run(xp, input, input_h, input_c, params, rnn_mode, ways)
    return (*results, xp.zeros((0,), input.dtype))


@cudnn_rnn_op.gradient_rule
def _cudnn_rnn_grad(
    g_output, g_output_h, g_output_c, input, input_h, input_c, params, output, output_h, output_c,
    reserve_space, *, rnn_mode, input_mode, direction, dropout, seed, seed2, is_training,
):  # fmt: skip
    gradients = cudnn_rnn_backprop_op(
        input, input_h, input_c, params, output, output_h, output_c, g_output, g_output_h,
        g_output_c, reserve_space, rnn_mode=rnn_mode, input_mode=input_mode, direction=direction,
        dropout=dropout, seed=seed, seed2=seed2,
    )  # fmt: skip
    return tuple(gradients)


def _backprop_shape(input, input_h, input_c, params, *rest):
    return [each.shape for each in (input, input_h, input_c, params)]


@op(
    "CudnnRNNBackprop(input: T, input_h: T, input_c: T, params: T, output: T, output_h: T,"
    " output_c: T, output_backprop: T, output_h_backprop: T, output_c_backprop: T,"
    f" reserve_space: T, *,{_ATTRIBUTES.replace(' is_training: bool = True,', '')})"
    " -> input_backprop: T, input_h_backprop: T, input_c_backprop: T, params_backprop: T",
    shape=_backprop_shape,
    interpret=False,
    grad=None,
)
def cudnn_rnn_backprop_op(
    xp, input, input_h, input_c, params, output, output_h, output_c, output_backprop,
    output_h_backprop, output_c_backprop, reserve_space, *, rnn_mode, input_mode, direction, dropout,
):  # fmt: skip
    """The gradients of CudnnRNN."""
    ways = _ways(direction)
    _refuse_what_is_missing(input_h.shape[0] // ways, input_mode, dropout, True)

    def run(*given: Any) -> Any:
        return _run(xp, *given, rnn_mode, ways)

    _, pull = xp.jax.vjp(run, *map(xp.asarray, (input, input_h, input_c, params)))
    return pull((output_backprop, output_h_backprop, output_c_backprop))
