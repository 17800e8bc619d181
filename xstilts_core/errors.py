"""Clear errors for wrong names: every failed look-up in the suite gives the same sentence."""

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

# Values in error messages are shortened, however long or deep they are.
SHOWN = Repr()
SHOWN.maxstring = SHOWN.maxother = SHOWN.maxlong = 80
shown = SHOWN.repr


class UsageError(ValueError):
    """A wrong value given by the user. The message names it, its origin and what is legal."""


def unknown(kind: str, value: object, legal: Iterable[str], where: object = "") -> UsageError:
    """Return the error for a `value` not in `legal`: "unknown task 'xnil' in params/quick.yaml: did
    you mean 'xnli'? ..."."""
    # Names from a broken file may be long and contain line breaks.
    legal = sorted(" ".join(name.split())[:80] for name in legal)
    near = get_close_matches(str(value), legal, n=1, cutoff=0.5)
    hint = f" did you mean {near[0]!r}?" if near else ""
    origin = f" in {where}" if where else ""
    return UsageError(f"unknown {kind} {shown(value)}{origin}:{hint} legal: {', '.join(legal)}")
