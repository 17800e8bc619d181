"""Clear errors for wrong names: every look-up in the suite fails with the same sentence."""

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

# Values in errors: short, however long or deep they are.
SHOWN = Repr()
SHOWN.maxstring = SHOWN.maxother = SHOWN.maxlong = 80
shown = SHOWN.repr


class UsageError(ValueError):
    """A value given by the user is wrong: the message names it, where it came from and what is
    legal."""


def unknown(kind: str, value: object, legal: Iterable[str], where: str = "") -> UsageError:
    """The error for `value`, which is none of `legal`: "unknown task 'xnil' in params/quick.yaml:
    did you mean 'xnli'? ..."."""
    legal = sorted(
        " ".join(name.split())[:80] for name in legal
    )  # a broken file's may be long, with line ends
    near = get_close_matches(str(value), legal, n=1, cutoff=0.5)
    hint = f" did you mean {near[0]!r}?" if near else ""
    place = f" in {where}" if where else ""
    return UsageError(f"unknown {kind} {shown(value)}{place}:{hint} legal: {', '.join(legal)}")
