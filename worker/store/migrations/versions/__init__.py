"""The migrations in order; each runs the SQL file of its own name."""
