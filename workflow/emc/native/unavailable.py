"""When it turns out only at run time that something cannot be computed in a certain way."""

from emc.errors import EmcError


class UnavailableError(EmcError):
    """This way of computing is not to be had here; another one may be."""
