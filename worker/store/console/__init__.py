"""What the console asks and writes, one file per page: named statements over sets, no page knows SQL."""
