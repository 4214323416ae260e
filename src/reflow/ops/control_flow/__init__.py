"""Branches, loops, functions of functions, and the lists that loops write to."""
