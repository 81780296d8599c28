"""Writes test/golden/numbers.parquet, nulls.parquet and text.parquet.

usage: pip install pyarrow==26.0.1 && python scripts/golden/parquet.py
"""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parents[2] / "test" / "golden"
OPTIONS = {"store_schema": False, "write_statistics": False}

numbers = {
    "f": pa.array([0.5, -1.25, 3.0, 1e-3, 7.0], pa.float32()),
    "d": pa.array([0.1, 0.2, 0.3, 0.4, 0.5], pa.float64()),
    "i": pa.array([1, -2, 3, 4, 5], pa.int32()),
    "l": pa.array([2**40, 0, -7, 1, 2], pa.int64()),
    "u": pa.array([255, 0, 1, 2, 3], pa.uint8()),
    "b": pa.array([True, False, True, True, False]),
    "m": pa.array([Decimal(t) for t in ("1.25", "-0.50", "3.00", "0.01", "9.99")], pa.decimal128(5, 2)),
    "same": pa.array([4.0, 4.0, 4.0, 5.0, 5.0], pa.float64()),
}
pq.write_table(pa.table(numbers), HERE / "numbers.parquet", compression="zstd", row_group_size=2, **OPTIONS)
nulls = {"a": pa.array([1.0, 2.0, None, 4.0]), "b": pa.array([1, 2, 3, 4], pa.int64())}
pq.write_table(pa.table(nulls), HERE / "nulls.parquet", compression="none", **OPTIONS)
text = {"a": pa.array([1.0]), "name": pa.array(["x"])}
pq.write_table(pa.table(text), HERE / "text.parquet", compression="none", **OPTIONS)
