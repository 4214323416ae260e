"""Summaries: what programs write to event files for TensorBoard. https://www.tensorflow.org/api_docs/python/tf/summary"""
