"""Private PostgreSQL and Redis for newcomers and tests: no root, no Docker, nothing left behind."""

from worker.sandbox.servers.postgres import PrivatePostgres
from worker.sandbox.servers.private_redis import PrivateRedis

__all__ = ["PrivatePostgres", "PrivateRedis"]
