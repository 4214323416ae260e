"""Settings of JAX that Reflow's semantics need: imported before the first trace."""

import jax

jax.config.update("jax_enable_x64", True)  # TensorFlow has 64-bit types
