"""When a back end learns only as it runs that it cannot run a procedure."""

from emc.errors import EmcError


class UnavailableError(EmcError):
    """This back end cannot run the procedure here; another one may."""
