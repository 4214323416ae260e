"""The language: dtypes, shapes, tensors, nodes, graphs, scopes, dispatch and errors.

Knows no XLA and no session. Everything here is importable without JAX and without protobuf.
"""
