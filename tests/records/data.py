"""Ops of data sets and iterators: data/."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_data_ops.py",
    *("TensorDataset", "TensorSliceDataset", "RangeDataset", "RandomDataset", "RandomDatasetV2"),
    *("GeneratorDataset", "SparseTensorSliceDataset", "TextLineDataset", "TFRecordDataset"),
    *("FixedLengthRecordDatasetV2", "MatchingFilesDataset", "TakeDataset", "SkipDataset"),
    *("ShardDataset", "RepeatDataset", "ShuffleDataset", "ShuffleDatasetV3", "OptionsDataset"),
    *("ShuffleAndRepeatDataset", "ZipDataset", "ConcatenateDataset", "DirectedInterleaveDataset"),
    *("BatchDataset", "BatchDatasetV2", "ParallelBatchDataset", "PaddedBatchDataset"),
    *("PaddedBatchDatasetV2", "UnbatchDataset", "RebatchDatasetV2", "WindowDataset"),
    *("DenseToSparseBatchDataset", "MapDataset", "ParallelMapDatasetV2", "FilterDataset"),
    *("TakeWhileDataset", "ScanDataset", "FlatMapDataset", "InterleaveDataset"),
    *("ParallelInterleaveDataset", "ParallelInterleaveDatasetV4", "GroupByWindowDataset"),
    *("ExperimentalGroupByReducerDataset", "UniqueDataset", "PrefetchDataset", "CacheDataset"),
    *("IgnoreErrorsDataset", "AssertCardinalityDataset", "ReduceDataset", "GetElementAtIndex"),
    *("DatasetToSingleElement", "DatasetCardinality", "DummySeedGenerator", "DeserializeSparse"),
    *("Iterator", "IteratorV2", "OneShotIterator", "AnonymousIteratorV2", "AnonymousIteratorV3"),
    *("MakeIterator", "IteratorToStringHandle", "IteratorFromStringHandleV2", "IteratorGetNext"),
    *("IteratorGetNextSync", "IteratorGetNextAsOptional", "OptionalFromValue", "OptionalNone"),
    *("OptionalHasValue", "OptionalGetValue", "CSVDatasetV2"),
    *("ParallelMapDataset", "MapAndBatchDataset", "ParallelInterleaveDatasetV2"),
    *("ParallelInterleaveDatasetV3", "OptimizeDataset", "ModelDataset", "DummyMemoryCache"),
    *("MaxIntraOpParallelismDataset", "PrivateThreadPoolDataset", "CacheDatasetV2"),
    *("IteratorFromStringHandle", "DatasetToTFRecord"),
)
tested_elsewhere("test_saved_datasets.py", "SnapshotDatasetV2", "DatasetFingerprint")
