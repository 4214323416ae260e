"""Lookup tables: the classes, the ops behind them, and the tables that the ops work on."""
