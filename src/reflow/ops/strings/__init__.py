"""Strings: their parts and forms, regular expressions, hashes, and Unicode."""
