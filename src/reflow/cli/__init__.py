"""The command line: `reflow run`, `check`, `explain`, `doctor`."""
