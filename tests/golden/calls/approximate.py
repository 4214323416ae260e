"""tf.math.approx_max_k and approx_min_k, and tf.linalg.experimental.conjugate_gradient."""

import numpy as np

_rng = np.random.default_rng(5)
X = _rng.standard_normal((2, 4, 3)).astype("float32")
M = _rng.standard_normal((2, 4, 4)).astype("float32")
ARRAYS = {}
CALLS = ""


def largest(tf, np):
    found = []
    for function in (tf.math.approx_max_k, tf.nn.approx_min_k):
        for axis in (-1, 0, 1, -2):

            @tf.function(jit_compile=True, autograph=False)
            def run(x, function=function, axis=axis):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    values, indices = function(x, 2, reduction_dimension=axis)
                    total = tf.reduce_sum(values**3)
                return values, indices, tape.gradient(total, x)

            found += run(tf.constant(X))
    for shape, k, more in (
        ((2, 5), 3, {}),
        ((2, 600), 3, {}),
        ((2, 1500), 3, {}),
        ((2, 600), 40, {"recall_target": 0.99}),
        ((2, 600), 40, {"recall_target": 0.5}),
        ((2500,), 3, {}),
        ((2, 600), 3, {"reduction_input_size_override": 5000}),
        ((600, 2), 3, {"reduction_dimension": 0}),
    ):

        @tf.function(jit_compile=True, autograph=False)
        def candidates(x, k=k, more=more):
            return tf.math.approx_max_k(x, k, aggregate_to_topk=False, **more)

        axis = more.get("reduction_dimension", -1)
        x = np.sin(np.arange(np.prod(shape)) * 1.7).reshape(shape).astype("float32")
        values = candidates(tf.constant(x))[0].numpy()
        first = np.flip(np.sort(values, axis), axis).take([0, 1], axis)
        found += [values.shape, first]
    return found


def conjugate_gradients(tf, np):
    solve = tf.linalg.experimental.conjugate_gradient
    positive = M @ M.transpose(0, 2, 1) + np.eye(4, dtype="float32")
    hints = {"is_self_adjoint": True, "is_positive_definite": True}
    operator = tf.linalg.LinearOperatorFullMatrix(positive[0], **hints)
    batch = tf.linalg.LinearOperatorFullMatrix(positive, **hints)
    right = tf.constant(X[0, :, 0])
    rights = tf.constant(X[:, :, 0])
    preconditioner = tf.linalg.LinearOperatorDiag(1.0 / tf.linalg.diag_part(positive[0]), **hints)
    states = [
        solve(operator, right),
        solve(operator, right, max_iter=2),
        solve(operator, right, x=tf.ones([4]), tol=1e-2),
        solve(operator, right, preconditioner=preconditioner, max_iter=3),
        solve(batch, rights, max_iter=3),
        tf.function(lambda b: solve(operator, b, max_iter=3))(right),
    ]
    found = []
    for state in states:
        found += [state.i, state.x, state.r, state.p, state.gamma]
    for wrong in (
        lambda: solve(tf.linalg.LinearOperatorFullMatrix(M[0]), right),
        lambda: solve(operator, right, preconditioner=tf.linalg.LinearOperatorFullMatrix(M[0])),
    ):
        try:
            wrong()
            found.append("accepted")
        except Exception as error:
            found.append(type(error).__name__)
    return found


PROGRAMS = [largest, conjugate_gradients]
