"""Linear operators: https://www.tensorflow.org/api_docs/python/tf/linalg/LinearOperator"""
