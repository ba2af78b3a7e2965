"""Broken builds: what the dramatiq command loads instead of `worker.main`. The audit of a storm must find each."""
