"""What processes counted, added up over all of them: it stays true when one of them ends (docs/metrics.md)."""

from sqlalchemy import Column, Double, PrimaryKeyConstraint, Table, Text

from worker.store.schema.metadata import metadata

meters = Table(
    "meters",
    metadata,
    Column("metric", Text, nullable=False),
    Column("labels", Text, nullable=False, comment="the labels' values, as a JSON list"),
    Column("part", Text, nullable=False, comment="empty, or of a histogram: sum, or the bound of a bucket"),
    Column("total", Double, nullable=False),
    PrimaryKeyConstraint("metric", "labels", "part"),
)
