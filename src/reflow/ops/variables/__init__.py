"""Variables: their kinds, names, scopes and collections, their ops, and their initial values."""
