"""The operators of `tf.Tensor`."""
