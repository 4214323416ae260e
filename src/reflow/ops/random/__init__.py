"""Random numbers: the generator, its distributions, and the ops with and without state."""
