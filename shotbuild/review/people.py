"""Who looks at the page: a name, a role, what they may see and what they may do."""

from dataclasses import dataclass, field

PICK, APPROVE, REJECT, REOPEN, NOTE, ROLL = "pick", "approve", "reject", "reopen", "note", "roll"
APPROVE_SEQUENCE = "approve-sequence"
RIGHTS = (NOTE, PICK, APPROVE, REJECT, REOPEN, ROLL)
"""What may be granted, by name. `roll` spends money."""
USUAL = frozenset({NOTE, PICK, APPROVE, REJECT})
"""What a guest may do when nothing is said of it."""
DEEDS = frozenset({*RIGHTS, APPROVE_SEQUENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """by: as ledgers have it, `Ann <ann@studio.example>`; role: in which they approve; may: some of DEEDS; sequences, shots:
    what they were invited to, both empty = everything; until: seconds since 1970, None = for as long as the server runs;
    invite: the id of their link, None = who started the server; token: for writing requests of this session, empty =
    nothing can be written."""

    by: str
    role: str | None = None
    may: frozenset[str] = frozenset()
    sequences: tuple[str, ...] = ()
    shots: tuple[str, ...] = ()
    until: float | None = None
    invite: str | None = None
    token: str = field(default="", repr=False)


def deeds_of(rights: frozenset[str]) -> frozenset[str]:
    """Who may approve a shot may approve the shots of a sequence at once."""
    return rights | {APPROVE_SEQUENCE} if APPROVE in rights else rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why somebody is not let in, or a request is not answered. status: of HTTP; told, hint: for people; close: the
    connection ends with it, since the rest of the request was not read."""

    status: int
    title: str
    told: str
    hint: str = ""
    close: bool = False
