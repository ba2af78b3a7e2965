"""What the control plane turns and the server obeys: limits, latency, faults."""

from dataclasses import dataclass, field

from worker.sandbox.emulator.faults import Faults
from worker.sandbox.emulator.limits import Limits


@dataclass
class Dials:
    """The emulator's behaviour beside the API itself. `latency_s` is added to every answer, in seconds."""

    limits: Limits
    latency_s: float = 0.0
    faults: Faults = field(default_factory=Faults)
