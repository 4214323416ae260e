"""The vocabulary: one family of ops a file, one op a paragraph."""
