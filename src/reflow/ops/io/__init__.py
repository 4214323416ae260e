"""Bytes as values: files, raw numbers, CSV, and the parsing of `tf.train.Example` messages."""
