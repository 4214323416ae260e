"""`tf.compat`: the TF 1 surface, and the `tensorflow` alias under which existing programs run."""
