"""The lines that tell what an act has done; an address carries their names only, so nobody can put words there."""

from worker.web.words import N_

NOTICES = {
    "language": N_("The language was changed."),
    "requeued": N_("Requeued. It is worked on as soon as a worker is free."),
    "cancelled": N_("Cancelled. It is not tried any more."),
    "released": N_("The run was let go."),
    "dropped": N_("The run was dropped. The next run of the job takes what it held."),
    "paused": N_("The job is paused. What waits stays ready; nothing of it is started."),
    "resumed": N_("The job goes on."),
    "started": N_("The run was planned."),
    "held": N_("The run was planned and is held: it waits for a person to let it go."),
    "renewal_on": N_("Renewal is on."),
    "renewal_off": N_("Renewal is off."),
    "goodwill": N_("The goodwill was given."),
    "refunded": N_("The money goes back. It is paid out by the job pay_refunds."),
    "freed": N_("The account is Free."),
    "resent": N_("The document is mailed again."),
    "corrected": N_("The invoice was corrected. The new papers are issued within minutes."),
}
