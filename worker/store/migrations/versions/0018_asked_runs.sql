-- each statement commits by itself
-- The newest runs that nobody's work caused, without reading past the thousands that were, each night.

DROP INDEX CONCURRENTLY IF EXISTS runs_asked_idx;

CREATE INDEX CONCURRENTLY IF NOT EXISTS runs_asked_idx ON runs (id)
    WHERE trigger IN ('timetable', 'manual') OR (trigger = 'rung' AND root_run_id IS NULL);
