"""Claims: a row bears the id of the work item that holds it, and is free when that item lives no more."""

FREE = """
    ({alias}.work_item_id IS NULL OR NOT EXISTS (
        SELECT 1 FROM work_items w WHERE w.id = {alias}.work_item_id AND w.state IN ('ready', 'leased')))
"""
"""SQL: no living item holds the row; format it with the table's alias."""
