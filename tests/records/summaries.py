"""Ops of train/summaries/writer_ops.py: they write to files."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_summaries.py",
    *("SummaryWriter", "CreateSummaryFileWriter", "FlushSummaryWriter", "CloseSummaryWriter"),
    *("WriteSummary", "WriteRawProtoSummary", "WriteGraphSummary", "ImportEvent"),
)
