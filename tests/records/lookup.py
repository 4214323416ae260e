"""Ops on lookup tables: ops/lookup/ops.py."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_lookup.py",
    *(
        "HashTableV2",
        "MutableHashTableV2",
        "MutableHashTableOfTensorsV2",
        "MutableDenseHashTableV2",
    ),
    *("AnonymousHashTable", "AnonymousMutableHashTable", "AnonymousMutableHashTableOfTensors"),
    *("AnonymousMutableDenseHashTable", "InitializeTableV2", "InitializeTableFromTextFileV2"),
    *("LookupTableFindV2", "LookupTableImportV2", "LookupTableInsertV2", "LookupTableRemoveV2"),
    *("LookupTableSizeV2", "LookupTableExportV2"),
)
tested_elsewhere("test_dataset_tables.py", "InitializeTableFromDataset")
