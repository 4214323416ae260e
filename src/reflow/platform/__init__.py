"""What TensorFlow programs use besides tensors: files, flags, logging, versions, Python utilities."""
