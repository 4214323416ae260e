"""Random numbers: the generator, the distributions drawn from it, and the ops with and without state."""
