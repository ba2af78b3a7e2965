"""An account that outlives the process: everything that it knows in one file, from one run of the emulator to the next.

The file is a pickle of our own objects, so it fits the code that wrote it, and is read from a folder of ours only.
"""

import os
import pickle
from pathlib import Path

from worker.sandbox.emulator.dials import Dials
from worker.sandbox.emulator.server import Server


def load(path: Path, dials: Dials) -> Server:
    """A server over what a file holds: objects, keys, the clock, what is to come; nothing is dialled in but the flags.

    The journal goes on in memory.
    """
    world, keys = pickle.loads(path.read_bytes())  # noqa: S301 - written by `save` into the sandbox's own folder
    return Server(world, dials, keys)


def save(server: Server, path: Path) -> None:
    """Write it all to a file, whole or not at all. The journal is closed first."""
    server.world.journal.close()
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(pickle.dumps((server.world, server.keys)))
    partial.replace(path)
