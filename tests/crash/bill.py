"""The bill: all scenes, by name."""

from tests.crash import console_scenes, desk_scenes, job_scenes, other_scenes, vat_scenes, web_scenes
from tests.crash.scenes import SCENES

__all__ = ["SCENES", "console_scenes", "desk_scenes", "job_scenes", "other_scenes", "vat_scenes", "web_scenes"]
