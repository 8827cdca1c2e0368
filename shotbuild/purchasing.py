"""What one build buys with: keys of the environment, the journal, the budget, a line to each service that is asked.

Nothing here is opened before something is really asked of a service: a build that only draws needs no network and no
journal.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from shotbuild.casting import Casting
from shotbuild.claiming import Claiming
from shotbuild.digest import canonical, from_plain, of_action
from shotbuild.engine.build import bring_sources
from shotbuild.engine.events import Event
from shotbuild.engine.execute import Workshop, receive, verified
from shotbuild.engine.journal import Cap, Entry, Journal
from shotbuild.engine.operations import Counter, Line
from shotbuild.engine.saved import saved
from shotbuild.errors import KeyRefused, ProviderRefused
from shotbuild.host import files
from shotbuild.host.loopback import on_loopback
from shotbuild.host.wire import Account
from shotbuild.ledgers import Ledgers
from shotbuild.plan.bind import Wanted
from shotbuild.plugins import load
from shotbuild.providers.interface import Request, Service, request_fields
from shotbuild.records import Action, ActionResult, Price, Project, Value, fields
from shotbuild.rooms import Rooms
from shotbuild.spec.events import operation_of, paid_of, whole
from shotbuild.spec.plain import parse_decimals
from shotbuild.stages.catalogue import GENERATE
from shotbuild.stages.interface import Asks, Work
from shotbuild.store.claims import Other
from shotbuild.units import Money

NOTHING = Money(Fraction(0), "USD")
NO_BUDGET = "that there is no budget"


def account(service: Service, environ: Mapping[str, str]) -> Account:
    """A service as the environment lets us reach it. Errors: KeyRefused when no key is set; ProviderRefused for an address
    that would send it in the clear."""
    # A server of one's own may do without a key: the empty set is always complete, and comes last.
    wanted = [names for names in service.keys if all(environ.get(name) for name in names)]
    if service.keys and not wanted:
        sets = " or ".join(" and ".join(names) for names in service.keys)
        raise KeyRefused(
            f"there is no key for {service.name}",
            cause=f"{sets} is not set",
            hint="set it in the environment, never in a file",
        )
    for name in wanted[0] if wanted else ():
        if not environ[name].strip().isascii() or not environ[name].strip().isprintable():
            raise KeyRefused(f"{name} is no key", cause="it has a character that no key has", hint="copy it anew")
    keys = {name: environ[name].strip() for name in (wanted[0] if wanted else ())}
    known = {name: environ[name].strip() for name in service.variables if environ.get(name)}
    address = (environ.get(service.variable) or service.address).rstrip("/")
    if keys and not address.startswith("https://") and not _on_loopback(address):
        raise ProviderRefused(
            f"{service.variable} would send the key of {service.name} in the clear",
            cause=address.partition("?")[0],
            hint="name an address that begins with https://",
        )
    return Account(
        name=service.name,
        address=address,
        # A service in several places may have more than one address that a person sets.
        origins=(*service.origins, *(text for text in known.values() if text.startswith(("https://", "http://127.")))),
        headers=lambda: service.headers(keys, time.time()),
        fault=service.fault,
        secrets=tuple(keys.values()),
        known=known,
    )


def key_is_set(service: Service, environ: Mapping[str, str]) -> bool:
    return not service.keys or any(all(environ.get(name) for name in names) for names in service.keys)


class Lines:
    """The network of one build, opened with the first line. account: a service → how it is reached."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._accounts: dict[str, Account] = {}

    @cached_property
    def _network(self) -> Any:
        # httpx takes a while to import, and most builds ask nobody.
        return load("shotbuild.host.network:Network", "the network")()

    def connect(self, service: Service, before: Callable[[str], None] | None = None) -> Line:
        if service.name not in self._accounts:
            self._accounts[service.name] = account(service, self._environ)
        line: Line = self._network.connect(self._accounts[service.name], before)
        return line

    def close(self) -> None:
        if "_network" in self.__dict__:
            self._network.close()


def caps_of(
    project: Project, ledgers: Ledgers, journal: Journal, max_cost: Money | None, build: str | None
) -> tuple[Cap, ...]:
    """What may be spent: the project's limit, those of its sequences, and that of this call. Without any: nothing."""
    budget = project.budget
    if budget.limit is None and max_cost is None and not budget.sequences:
        return (Cap(of=NO_BUDGET, limit=NOTHING),)
    shown = {each.name: {clip.shot for clip in each.clips} for each in project.sequences}
    paid = list(paid_elsewhere(ledgers, journal)) if budget.limit is not None or budget.sequences else []

    def spent(limit: Money, sequence: str | None = None) -> Fraction:
        meant = [price for shot, price in paid if sequence is None or shot in shown.get(sequence, ())]
        return sum((price.amount or Fraction(0) for price in meant if price.currency == limit.currency), Fraction(0))

    caps = [] if budget.limit is None else [Cap(of="the project's budget", limit=budget.limit, spent=spent(budget.limit))]
    for name, limit in budget.sequences:
        caps.append(Cap(of=f"the budget of {name}", limit=limit, sequence=name, spent=spent(limit, name)))
    if max_cost is not None:
        caps.append(Cap(of="--max-cost", limit=max_cost, build=build))
    if budget.limit is None and max_cost is None:
        # A budget for one sequence is none for the shots that it does not show.
        caps.append(Cap(of=NO_BUDGET, limit=NOTHING, outside=tuple(name for name, _ in budget.sequences)))
    return tuple(caps)


def paid_elsewhere(ledgers: Ledgers, journal: Journal) -> Iterator[tuple[str, Price]]:
    """What the ledgers say was paid for takes that this machine's journal knows nothing of: (shot, price)."""
    known: dict[str, frozenset[str]] = {}
    for shot, state in ledgers.everything().items():
        for take in state.takes:
            row = whole(take)
            price = paid_of(row)
            if take.foreign or not price.amount:
                continue
            operation = operation_of(row.operation)
            if operation is not None and operation.provider not in known:
                known[operation.provider] = journal.known(operation.provider)
            if operation is None or operation.id not in known[operation.provider]:
                yield shot, price


def counter(
    project: Project,
    rooms: Rooms,
    casting: Casting,
    shop: Workshop,
    lines: Lines,
    build: str,
    max_cost: Money | None,
    hear: Callable[[Event], None],
    claims: Claiming | None = None,
) -> Counter:
    """Where one build buys. lines: closed by the caller when the build has ended; build: names it, in all of its passes;
    claims: made in the shared store, None = nobody else builds this."""
    locks = rooms.folder("locks")
    # Asked for with the first thing that costs money, because it reads all ledgers.
    caps = cache(partial(caps_of, project, rooms.ledgers, rooms.journal, max_cost, build))
    return Counter(
        journal=rooms.journal,
        build=build,
        caps=caps,
        connect=lines.connect,
        request=partial(requested, shop=shop),
        described=partial(described, shop=shop),
        verify=partial(_verify, shop=shop),
        receive=lambda action, path, answer: receive(action, shop, path, answer),
        bring=lambda wanted: bring_sources(wanted, rooms.bring),
        lookup=rooms.lookup if claims is None else partial(_looked_up_again, rooms),
        present=rooms.present,
        lock=lambda key: files.try_lock(locks / f"{key}.lock"),
        price=lambda wanted, request: casting.price(wanted.step, request),
        saved=saved,
        record=record_of,
        fetching=rooms.folder("fetching"),
        clock=rooms.clock,
        stop=shop.cancel.is_set,
        hear=hear,
        claim=None if claims is None else lambda wanted: _claimed(wanted, casting, claims),
    )


def _looked_up_again(rooms: Rooms, wanted: Wanted) -> ActionResult | None:
    """While others may be making it, what was not there a while ago may be now."""
    rooms.actions.forget(wanted.key)
    return rooms.lookup(wanted)


def _claimed(wanted: Wanted, casting: Casting, claims: Claiming) -> Other | None:
    """What is free may be made twice."""
    return None if casting.price(wanted.step).amount == 0 else claims.take(wanted.key)


def requested(action: Action, client: str, *, shop: Workshop) -> Request:
    """What a service is asked for an action, with the files of the store in their places."""
    return _request(action, client, shop, {name: shop.blobs.path(digest) for name, digest in action.inputs})


def described(action: Action, client: str, *, shop: Workshop) -> Request:
    """The same for a record. A take's references are told by their digests, and need not be here any more."""
    if action.recipe.stage != GENERATE:
        return requested(action, client, shop=shop)
    return _request(action, client, shop, {name: Path(digest.sha256) for name, digest in action.inputs})


def _request(action: Action, client: str, shop: Workshop, inputs: Mapping[str, Path]) -> Request:
    stage = shop.stage(action.recipe.stage)
    assert isinstance(stage, Asks), "only stages that ask providers are bought"
    work = Work(
        action=of_action(action).sha256,
        parameters=action.recipe.parameters,
        pins=action.recipe.pins,
        inputs=inputs,
        outputs=action.outputs,
        into=shop.folder,
        ffmpeg=shop.ffmpeg,
        cancel=shop.cancel,
    )
    return stage.request(work, client)


def _verify(action: Action, *, shop: Workshop) -> None:
    verified(action, shop)


def record_of(entry: Entry, request: Request, located: str) -> str:
    """All that was sent and all that came back, as JSON: what the store keeps of a take beside the take itself. located: the
    answer that said where the output lies."""
    operation = entry.operation
    assert operation is not None, "what was fetched has an id"
    return canonical(
        fields(
            schema="shotbuild/record/1",
            provider=entry.provider,
            request=request_fields(request),
            sent=said(entry.sent),
            answered=fields(submit=said(entry.accepted), done=said(entry.answer), output=said(located)),
            operation=fields(id=operation.id, submitted=operation.submitted, client=entry.client, name=entry.name),
        )
    )


def said(text: str) -> Value:
    """JSON text as a value without floats; other text as it is."""
    try:
        return from_plain(parse_decimals(text)) if text else None
    except (ValueError, TypeError, RecursionError):
        return text


def _on_loopback(address: str) -> bool:
    host = address.partition("://")[2].partition("/")[0]
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return address.startswith("http://") and on_loopback(name)
