"""Reverse-mode differentiation: the engine. The rules live with their ops."""
