"""Every story here is watched: states move only along the ways that the tables have."""

from tests.support.steps import steps_stand_in_the_tables

__all__ = ["steps_stand_in_the_tables"]
