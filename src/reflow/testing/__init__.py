"""Testing programs: `tf.test`."""
