"""Every error of ours, drawn.

OdnowaError
├── PermanentError            doing the same again will fail again
│   ├── SettingsError         the settings are incomplete or contradict themselves
│   ├── RefusedError          somebody asked for what may not be; the message says why
│   │   ├── UnknownJobError
│   │   ├── FutureDateError
│   │   └── ActRefusedError   the desk: with a code, and a sentence that tells the customer what to do
│   ├── RuleError             values that the billing rules exclude
│   │   └── PriceMissingError
│   ├── DocumentError         a mail or an invoice could not be rendered
│   ├── FileMissingError      a stored file is not there
│   ├── FileDamagedError      a stored file has other bytes than were put there
│   ├── UnmigratedError       the database is older or newer than the code
│   ├── ProviderRefusedError  the provider says that our request is wrong
│   └── SignatureError        a message that claims to come from the provider does not
└── TransientError            the same may succeed later
    ├── UnreachableError      a server does not answer
    └── LeaseLostError        another worker holds this item now; what was not written stays unwritten
"""


class OdnowaError(Exception):
    """The root: catch this at the edge to print one line instead of a traceback."""


class PermanentError(OdnowaError):
    """Doing the same again will fail again."""


class TransientError(OdnowaError):
    """The same may succeed later."""


class SettingsError(PermanentError):
    """The settings are incomplete or contradict themselves."""


class RefusedError(PermanentError):
    """Somebody asked for what may not be; the message says why."""


class UnknownJobError(RefusedError):
    """No job bears this name."""


class FutureDateError(RefusedError):
    """Money moves on days that have come; only a dry run may look ahead."""


class ActRefusedError(RefusedError):
    """The desk refuses an act; nothing of it was done. The message tells the customer what to do.

    Args:
        code: why, for programs; it never changes its meaning.
        message: why and what to do, for the customer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RuleError(PermanentError):
    """Values that the billing rules exclude."""


class PriceMissingError(RuleError):
    """The price list lacks this combination, and a price is never guessed (R3b)."""


class DocumentError(PermanentError):
    """A mail or an invoice could not be rendered."""


class FileMissingError(PermanentError):
    """A stored file is not there."""


class FileDamagedError(PermanentError):
    """A stored file has other bytes than were put there; it is never handed out."""


class UnmigratedError(PermanentError):
    """The database is older or newer than the code."""


class ProviderRefusedError(PermanentError):
    """The provider says that our request is wrong."""


class SignatureError(PermanentError):
    """A message that claims to come from the provider is not signed by it, or is too old; it is not to be believed."""


class UnreachableError(TransientError):
    """A server does not answer."""


class LeaseLostError(TransientError):
    """Another worker holds this item now; what was not written stays unwritten."""
