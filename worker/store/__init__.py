"""PostgreSQL, the truth: schema, migrations, engine, and named set-based statements per aggregate."""
