"""Matrices: products, decompositions, systems of equations, diagonals. Operators are in `linear`."""
