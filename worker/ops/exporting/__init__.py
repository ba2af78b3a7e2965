"""The accountant's month: pages, a table of documents and two summaries, in one ZIP.

month      the ZIP: what is in it, written to disk as it is read
sheets     CSV for spreadsheets: separators, signs, and cells that no spreadsheet takes for a formula
documents  a document as a line of the table
summaries  the sums by VAT number and by country
"""

from worker.ops.exporting.month import Exported, export_month

__all__ = ["Exported", "export_month"]
