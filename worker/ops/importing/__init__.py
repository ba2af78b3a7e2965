"""The import of a company's existing customers, and of the price list they were sold by.

columns         the columns of the customers' file, exactly
lines           a CSV file line by line, in flat memory, with what is unreadable in it
cells           one cell's text as a value, or the reason why not
check           one line's values held against the rules
go_live         from which day money may move
customers       the import itself: one transaction, sets of rows
catalogue_file  the price list's file
report          what an import tells
"""

from worker.ops.importing.catalogue_file import load_catalogue_file
from worker.ops.importing.customers import import_customers
from worker.ops.importing.report import CatalogueReport, ImportReport, Incomplete, Refusal

__all__ = [
    "CatalogueReport",
    "ImportReport",
    "Incomplete",
    "Refusal",
    "import_customers",
    "load_catalogue_file",
]
