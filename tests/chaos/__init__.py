"""The chaos run: the real processes under a seeded storm of blows, and an audit of what it left (`make chaos`)."""
