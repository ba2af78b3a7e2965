"""The lines that tell what an act has done; an address carries their names only, so nobody can put words there."""

from worker.web.words import N_

NOTICES = {
    "language": N_("The language was changed."),
    "requeued": N_("Requeued. It is worked on as soon as a worker is free."),
    "cancelled": N_("Cancelled. It is not tried any more."),
    "released": N_("The run was let go."),
    "paused": N_("The job is paused. What waits stays ready; nothing of it is started."),
    "resumed": N_("The job goes on."),
    "started": N_("The run was planned."),
    "held": N_("The run was planned and is held: it waits for a person to let it go."),
}
