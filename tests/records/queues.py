"""Ops of ops/queues/ops.py and ops/critical_section.py: what they do depends on the order of runs."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_queues.py",
    "FIFOQueueV2",
    "PaddingFIFOQueueV2",
    "PriorityQueueV2",
    "RandomShuffleQueueV2",
    "QueueEnqueueV2",
    "QueueEnqueueManyV2",
    "QueueDequeueV2",
    "QueueDequeueManyV2",
    "QueueDequeueUpToV2",
    "QueueCloseV2",
    "QueueIsClosedV2",
    "QueueSizeV2",
)

tested_elsewhere("test_critical_section.py", "MutexV2", "MutexLock", "ConsumeMutexLock")
