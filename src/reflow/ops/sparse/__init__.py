"""Sparse tensors: what makes, changes, combines and counts them."""
