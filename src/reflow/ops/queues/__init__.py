"""Queues: the classes, the ops behind them, and the queues that the ops work on."""
