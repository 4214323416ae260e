"""Records of ops/nn/cudnn_rnn.py."""

from .base import bad, f32, f64, record, sample, tested_elsewhere

WHY = "TensorFlow has no CPU kernel for it; test_cudnn_rnn.py compares with the formulas"


def _network(steps, batch, inputs, units, layers=1, ways=1, matrices=4, make=f64):
    rows = matrices * units
    size = sum(
        rows * ((inputs if layer == 0 else units * ways) + units + 2)
        for layer in range(layers)
        for _ in range(ways)
    )
    states = (layers * ways, batch, units)
    return {
        "input": make(steps, batch, inputs),
        "input_h": make(*states),
        "input_c": make(*states),
        "params": make(size),
    }


record(
    "CudnnRNN",
    sample(**_network(3, 2, 2, 3)),
    sample(**_network(3, 2, 4, 2, layers=2, ways=2), direction="bidirectional"),
    sample(**_network(2, 2, 3, 2, matrices=3), rnn_mode="gru"),
    sample(**_network(2, 1, 2, 3, layers=2, matrices=1), rnn_mode="rnn_tanh", is_training=False),
    sample(**_network(2, 1, 2, 3, matrices=1, make=f32), rnn_mode="rnn_relu"),
    bad=[
        bad(**_network(3, 2, 2, 3) | {"params": f64(7)}, match="params must have 84 elements"),
        bad(**_network(3, 2, 2, 3) | {"input": f64(3, 2)}, match="rank 3"),
        bad(**_network(3, 2, 3, 3), input_mode="skip_input", match="skip_input"),
        bad(**_network(3, 2, 2, 3, layers=2), dropout=0.5, match="dropout between its layers"),
    ],
    grad_outputs=["output", "output_h", "output_c"],
    oracle=False,
    why=WHY,
)
tested_elsewhere("test_ops.py", "CudnnRNNBackprop")  # it is the gradient of CudnnRNN
