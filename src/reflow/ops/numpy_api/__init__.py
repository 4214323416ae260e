"""`tf.experimental.numpy`: NumPy's functions on tensors, with NumPy's dtypes.

`dtypes` promotes and converts, `making` makes arrays, `elementwise`, `reducing`, `products` compute with them,
`shaping` and `choosing` rearrange and select, `drawing` is `numpy.random`, `behavior` gives tensors NumPy's
operators, indexing and methods.
"""
