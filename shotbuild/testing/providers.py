"""What every provider has to keep to, as classes to inherit: `LocalContract`, `ServiceContract`. No test runner is imported.

    class TestMine(ServiceContract):
        def provider(self): return Mine()
        def serving(self): return MineServer()

pytest runs what such a class inherits. Attributes say what to ask for; a `loopback.Server` stands in for the service.
"""

import json
import pickle
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, is_dataclass
from fractions import Fraction
from functools import partial
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

from shotbuild.digest import of_file
from shotbuild.errors import (
    BadTake,
    Cancelled,
    DailyCap,
    FateUnknown,
    KeyRefused,
    Location,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.network import Connection, Network
from shotbuild.host.tools import find_ffmpeg
from shotbuild.host.wire import Account, Reply
from shotbuild.media.probe import probe
from shotbuild.providers.interface import (
    Doubt,
    Finds,
    Local,
    Model,
    Objection,
    Provider,
    Receipt,
    Request,
    Rewriting,
    Service,
    State,
    Status,
    Strength,
    Wish,
    Workplace,
    is_hosted,
    is_local,
    is_service,
)
from shotbuild.records import FREE, Fields, Format, Operation, Pin, Price, Value
from shotbuild.spec.fields import Field, Required
from shotbuild.spec.format import PROVIDER_TABLE
from shotbuild.spec.kinds import Choice, Integer, Reader, Truth
from shotbuild.spec.nodes import Scalar
from shotbuild.spec.report import Report
from shotbuild.spec.tree import Tree
from shotbuild.testing.loopback import Server
from shotbuild.units import parse_size, rate_text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
TAKEN = frozenset(key.name for key in PROVIDER_TABLE.keys)
"""What an entry of `providers` says besides the settings of its model."""
CONTAINERS = ("mp4", "mov", "mkv", "webm")
DATE = re.compile(r"20\d\d-[01]\d-[0-3]\d")
KEYS = frozenset({"duration", "prompt", "format", "references", "seed"})
COMBINATIONS = 100
POLLS = 30
LONGEST_CALL = 0.9
"""Seconds that one call to a server beside it may last: whoever is slower waits, and waiting is the engine's."""
PATIENCE = 15.0
"""Seconds after which a provider on this machine has to have stopped."""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000"
    "000049454e44ae426082"
)
"""A picture of one pixel."""
KINDS: tuple[type[ProviderError], ...] = (
    ProviderRefused, Moderated, PinGone, KeyRefused, OutOfFunds, RateLimited, DailyCap,
)  # fmt: skip
Got = TypeVar("Got")
_PLACE = Location(file="shotbuild.yaml", line=1, column=1)


class ProviderContract:
    """What holds for every provider. Override `provider`; the attributes say what a usual shot asks of it.

    model: to try, empty = the first; seconds, size, rate: of the shot; settings: where they differ from the defaults, or
    have none; roles: references that the shot has; prompt."""

    model: ClassVar[str] = ""
    seconds: ClassVar[Fraction | int] = 5
    size: ClassVar[str] = "1280x720"
    rate: ClassVar[Fraction | int] = 24
    settings: ClassVar[Mapping[str, str | int | bool]] = {}
    roles: ClassVar[tuple[str, ...]] = ()
    prompt: ClassVar[str] = "A lighthouse at dawn."

    def provider(self) -> Provider:
        """A new one, each time."""
        raise NotImplementedError

    def reference(self, role: str) -> bytes:
        """What a reference in a role holds."""
        return PNG + role.encode()

    # --- what a shot asks ---------------------------------------------------------------------------------------------

    @property
    def tried(self) -> Model:
        models = self.provider().models
        return models[self.model] if self.model else next(iter(models.values()))

    @property
    def frames(self) -> int:
        return int(Fraction(self.seconds) * self.rate)

    @property
    def format(self) -> Format:
        return Format(size=parse_size(self.size), rate=Fraction(self.rate), color="bt709", pixels="yuv420p")

    def settled(self, model: Model, said: Mapping[str, Value]) -> Fields:
        """A model's settings: the defaults, and what is said."""
        usual = {name: each.default for name, each in model.fields.items() if not isinstance(each.default, Required)}
        return Fields(tuple(sorted({**usual, **said}.items())))

    def request(self, folder: Path, **said: Any) -> Request:
        """A take to ask for. folder: where references are laid; said: of `Request`, where it differs."""
        usual: dict[str, Any] = {
            "project": "film",
            "shot": "sh010",
            "title": "sh010",
            "take": 1,
            "prompt": self.prompt,
            "seed": 7,
            "frames": self.frames,
            "format": self.format,
            "references": tuple((role, self._laid(folder, role)) for role in sorted(self.roles)),
            "settings": self.settled(self.tried, self.settings),
            "recipe": "ab" * 32,
            "model": self.tried.name,
            "client": "0f3c2b1a-0000-4000-8000-000000000001",
        }
        return Request(**{**usual, **said})

    def wish(self, model: Model, settings: Fields) -> Wish:
        return Wish(
            prompt=self.prompt,
            seconds=Fraction(self.seconds),
            format=self.format,
            references=tuple(sorted(self.roles)),
            settings=settings,
        )

    def combinations(self, model: Model) -> Iterator[Fields]:
        """Settings that a spec may hold: the usual ones, each field at each of its ends, then mixtures, not all of them."""
        values = {name: _values(field, self.settings.get(name)) for name, field in model.fields.items()}
        usual = {name: each[0] for name, each in values.items()}
        yield self.settled(model, usual)
        for name, each in values.items():
            for value in each[1:]:
                yield self.settled(model, {**usual, name: value})
        for mixed in islice(product(*values.values()), COMBINATIONS):
            yield self.settled(model, dict(zip(values, mixed, strict=True)))

    def _laid(self, folder: Path, role: str) -> Path:
        """A reference as the store has it: a file named by its digest."""
        path = folder / role
        path.write_bytes(self.reference(role))
        return path.rename(folder / of_file(path).sha256)

    def _parameters(self, model: Model, settings: Fields, seconds: Fraction) -> Fields:
        said: dict[str, Value] = {
            "prompt": self.prompt, "seed": 7, "take": 1, "frames": max(1, int(seconds * self.rate)),
            "rate": rate_text(Fraction(self.rate)), "size": self.size, "color": "bt709", "settings": settings,
        }  # fmt: skip
        return Fields(tuple(sorted(said.items())))

    # --- names and tables ---------------------------------------------------------------------------------------------

    def test_it_is_of_one_kind_and_has_a_name(self) -> None:
        provider = self.provider()
        assert is_local(provider) != is_service(provider), "it has either `make` or `submit`"
        assert NAME.fullmatch(provider.name), f"{provider.name!r} cannot be written in a spec"

    def test_each_model_stands_under_its_name(self) -> None:
        models = self.provider().models
        assert models, "it offers no model"
        for name, model in models.items():
            assert isinstance(model, Model), f"{name} is no Model"
            assert model.name == name, f"{model.name} stands under {name}"

    def test_each_model_says_its_version_and_how_long_that_holds(self) -> None:
        for model in self.provider().models.values():
            assert model.version.strip() == model.version != "", f"{model.name} states no version"
            assert isinstance(model.strength, Strength), model.name
            assert isinstance(model.rewriting, Rewriting), model.name
            assert model.pin("x") == Pin(provider="x", model=model.name, version=model.version), model.name
            assert model.extension in CONTAINERS, f"{model.name} hands over .{model.extension}"
            assert model.kind in ("take", "upscale"), model.name
            assert set(model.uses) <= {"ffmpeg"}, f"{model.name} uses {model.uses}, of which no build is known"
            assert set(model.shows) <= {"project", "shot", "title"}, model.name

    def test_lengths_fit_the_longest_and_the_shortest(self) -> None:
        for model in self.provider().models.values():
            assert model.seconds > 0, model.name
            assert 0 <= model.shortest <= model.seconds, model.name
            assert len(set(model.lengths)) == len(model.lengths), f"{model.name} has a length twice"
            for length in model.lengths:
                assert isinstance(length, Fraction), f"{model.name}: {length!r} is not exact"
                assert model.shortest <= length, f"{model.name} makes {length} s and nothing below {model.shortest} s"
            if model.lengths:
                # A spec is held to `seconds` before lengths are looked at.
                longest = max(model.lengths)
                assert longest <= model.seconds < longest + 1, f"{model.name}: seconds={model.seconds}, longest {longest}"

    def test_roles_and_shapes_are_names(self) -> None:
        for model in self.provider().models.values():
            assert len(set(model.roles)) == len(model.roles), f"{model.name} has a role twice"
            assert all(SETTING.fullmatch(role) for role in model.roles), f"{model.name}: {model.roles}"
            assert set(model.needs) <= set(model.roles), f"{model.name} needs a role that it does not take"
            for ratio in model.ratios:
                assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", ratio), f"{model.name}: {ratio!r}"
            assert model.prompt >= 0, model.name
            for number in (model.at_once, model.per_minute, model.kept):
                assert number is None or number > 0, model.name
            assert model.ends is None or DATE.fullmatch(model.ends), f"{model.name} ends {model.ends!r}"

    def test_each_default_is_a_value_that_may_be_written(self) -> None:
        for model, name, field in self._fields():
            where = f"{model.name}: {name}"
            assert SETTING.fullmatch(name), f"{where} cannot be written"
            assert name not in TAKEN, f"{where} means something else in an entry of `providers`"
            assert field.doc.strip(), f"{where} has no words for people"
            assert "\n" not in field.doc, f"{where} has more than one line"
            if field.default is None or isinstance(field.default, Required):
                continue
            report = Report()
            place = Scalar(_written(field.default), True, _PLACE)
            read = field.read(place, Reader(report, Tree(Path.cwd())))
            assert not report.found, f"{where}: the default {field.default!r} may not be written"
            assert read == field.default, f"{where}: the default {field.default!r} is read as {read!r}"
            assert type(read) is type(field.default), f"{where}: {field.default!r} is not of its kind"

    def test_a_price_list_says_where_it_is_from_and_fits_the_settings(self) -> None:
        for model in self.provider().models.values():
            if model.tariff is None:
                continue
            assert model.tariff.source.strip(), f"{model.name}: who says so?"
            assert DATE.fullmatch(model.tariff.date), f"{model.name}: {model.tariff.date!r} is no date"
            assert re.fullmatch("[A-Z]{3}", model.tariff.currency), model.name
            for rate in model.tariff.rates:
                assert rate.per in ("second", "take"), f"{model.name}: per {rate.per}"
                assert isinstance(rate.amount, Fraction), f"{model.name}: {rate.amount!r} is not exact"
                assert rate.amount > 0, model.name
                for name, word in rate.when.items():
                    field = model.fields.get(name)
                    assert field is not None or name == "duration", f"{model.name}: {name!r} is no setting"
                    if field is not None and isinstance(field.kind, Choice):
                        assert word in field.kind.words, f"{model.name}: {name} is never {word!r}"

    def test_tables_are_frozen_and_can_be_sent_to_another_process(self) -> None:
        provider = self.provider()
        assert set(pickle.loads(pickle.dumps(provider)).models) == set(provider.models)  # noqa: S301
        for model in provider.models.values():
            assert is_dataclass(model), model.name
            assert pickle.loads(pickle.dumps(model)) == model, f"{model.name} comes back as another one"  # noqa: S301

    # --- what is asked before anything is made ------------------------------------------------------------------------

    def test_a_price_is_a_function_of_the_recipe(self) -> None:
        """Known or unknown, for whatever a spec may hold; the same twice, and from two objects."""
        first, second = self.provider(), self.provider()
        for model in first.models.values():
            lengths = {*model.lengths, model.shortest or Fraction(1), Fraction(model.seconds), Fraction(7, 3)}
            for settings in self.combinations(model):
                for seconds in sorted(lengths):
                    parameters = self._parameters(model, settings, seconds)
                    price = first.price(model.name, parameters)
                    assert isinstance(price, Price), f"{model.name}: {price!r}"
                    assert price.amount is None or (isinstance(price.amount, Fraction) and price.amount >= 0), price
                    assert re.fullmatch("[A-Z]{3}", price.currency), price
                    assert price.amount is not None or not price.exact, f"{model.name}: unknown, and yet exact"
                    again = (first.price(model.name, parameters), second.price(model.name, parameters))
                    assert again == (price, price), f"{model.name}: the price changes from one look to the next"

    def test_sound_and_objections_are_functions_of_the_wish(self) -> None:
        provider = self.provider()
        for model in provider.models.values():
            for settings in self.combinations(model):
                sound = provider.has_sound(model.name, settings)
                assert sound is provider.has_sound(model.name, settings), f"{model.name}: sound changes"
                assert isinstance(sound, bool), f"{model.name}: {sound!r}"
                wish = self.wish(model, settings)
                found = list(provider.objections(model.name, wish))
                assert found == list(provider.objections(model.name, wish)), f"{model.name}: objections change"
                for each in found:
                    assert isinstance(each, Objection), each
                    assert each.key in KEYS | set(model.fields), f"{model.name}: nothing in a shot is called {each.key!r}"
                    assert each.message, f"{model.name}: an objection without words"

    def test_what_this_suite_asks_for_is_not_objected_to(self) -> None:
        model = self.tried
        wish = self.wish(model, self.settled(model, self.settings))
        assert list(self.provider().objections(model.name, wish)) == []
        assert set(model.needs) <= set(self.roles), f"`roles` lacks what {model.name} needs"

    def _fields(self) -> Iterator[tuple[Model, str, Field]]:
        for model in self.provider().models.values():
            for name, field in model.fields.items():
                yield model, name, field


class LocalContract(ProviderContract):
    """What holds for a provider on this machine. The takes of the suite are small and short."""

    seconds: ClassVar[Fraction | int] = Fraction(1, 2)
    size: ClassVar[str] = "128x72"

    def provider(self) -> Local:
        raise NotImplementedError

    def endless(self, folder: Path) -> Request:
        """A take that lasts long enough to be stopped."""
        return self.request(folder, frames=self.tried.seconds * int(self.rate), format=self._large())

    @property
    def ffmpeg(self) -> Path:
        return find_ffmpeg(None)

    def _large(self) -> Format:
        return Format(size=parse_size("640x360"), rate=Fraction(self.rate), color="bt709", pixels="yuv420p")

    def test_a_take_is_what_was_asked_for(self) -> None:
        for rate in (Fraction(24), Fraction(30000, 1001)):
            look = Format(size=parse_size(self.size), rate=rate, color="bt709", pixels="yuv420p")
            with self._made(format=look, frames=13) as (take, _):
                found = probe(take)
                assert found.video.frames == 13, f"{found.video.frames} frames, not 13"
                assert found.video.rate == rate, f"{found.video.rate} frames a second, not {rate}"
                assert f"{found.video.width}x{found.video.height}" == self.size, found.video
                sound = self.provider().has_sound(self.tried.name, self.settled(self.tried, self.settings))
                assert (found.sound is not None) == sound, "it carries sound, or none, other than `has_sound` says"

    def test_the_same_request_gives_the_same_bytes_where_that_is_promised(self) -> None:
        if self.tried.strength is not Strength.BITS:
            raise SkipTest("its pin promises no bits")
        with self._made() as (first, _), self._made() as (second, _):
            assert first.read_bytes() == second.read_bytes()

    def test_it_writes_the_take_and_nothing_beside_it(self) -> None:
        before = _listing(Path.cwd())
        with self._made() as (take, _):
            assert [path.name for path in take.parent.iterdir()] == [take.name]
        assert _listing(Path.cwd()) == before, "it wrote where the caller stands"

    def test_it_leaves_its_references_as_they_were(self) -> None:
        with TemporaryDirectory() as folder:
            request = self.request(Path(folder))
            before = {path: path.read_bytes() for _, path in request.references}
            with self._made(references=request.references):
                assert {path: path.read_bytes() for path in before} == before

    def test_a_receipt_can_be_kept(self) -> None:
        with self._made() as (_, receipt):
            assert isinstance(receipt, Receipt), receipt
            assert pickle.loads(pickle.dumps(receipt)) == receipt  # noqa: S301
            assert receipt.pin is None or receipt.pin.provider == self.provider().name
            assert isinstance(receipt.sent, Fields), receipt.sent
            assert isinstance(receipt.answered, Fields), receipt.answered

    def test_it_stops_when_it_is_told_to(self) -> None:
        with TemporaryDirectory() as folder:
            workplace, into = self._workplace(Path(folder))
            timer = threading.Timer(0.3, workplace.cancel.set)
            timer.start()
            began = time.monotonic()
            try:
                self.provider().make(self.endless(Path(folder)), workplace, into)
            except Cancelled:
                pass
            else:
                raise AssertionError("it made the take, though it was told to stop")
            finally:
                timer.join()
            assert time.monotonic() - began < PATIENCE, "it took its time to stop"

    def test_it_keeps_nothing(self) -> None:
        provider = self.provider()
        before = dict(vars(provider)) if hasattr(provider, "__dict__") else {}
        with self._made(provider):
            assert before == (dict(vars(provider)) if hasattr(provider, "__dict__") else {}), "it keeps something"

    def test_it_is_free(self) -> None:
        """The engine asks it again whenever it likes."""
        settings = self.settled(self.tried, self.settings)
        parameters = self._parameters(self.tried, settings, Fraction(self.seconds))
        assert self.provider().price(self.tried.name, parameters) == FREE

    @contextmanager
    def _made(self, provider: Local | None = None, **said: Any) -> Iterator[tuple[Path, Receipt]]:
        with TemporaryDirectory() as name:
            folder = Path(name)
            workplace, into = self._workplace(folder)
            receipt = (provider or self.provider()).make(self.request(folder, **said), workplace, into)
            yield into, receipt

    def _workplace(self, folder: Path) -> tuple[Workplace, Path]:
        own, results = folder / "own", folder / "results"
        own.mkdir()
        results.mkdir()
        place = Workplace(ffmpeg=self.ffmpeg, folder=own, cancel=threading.Event())
        return place, results / f"take.{self.tried.extension}"


# --- services -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Desk:
    """One adapter before one server. sent: what was about to be paid for, as it would be written down."""

    service: Service
    server: Server
    network: Network
    sent: list[str]

    def line(self) -> Connection:
        return self.network.connect(_account(self.service, self.server.environment), self.sent.append)

    def submit(self, request: Request) -> Operation:
        return _timed(lambda: self.service.submit(request, self.line()))

    def poll(self, operation: Operation) -> Status:
        status = _timed(lambda: self.service.poll(operation, self.line()))
        assert isinstance(status, Status), status
        assert status.state is not State.FAILED or isinstance(status.fault, ProviderError), "it failed, and says not why"
        assert status.progress is None or isinstance(status.progress, int), status.progress
        return status

    def ended(self, operation: Operation) -> Status:
        """How an operation stands when it no longer runs."""
        for _ in range(POLLS):
            status = self.poll(operation)
            if status.state not in (State.QUEUED, State.RUNNING):
                return status
        raise AssertionError(f"it still ran after {POLLS} looks")

    def found(self, doubt: Doubt) -> Operation | None:
        """What a lost submit became. Some services show only of what is done what it was made of."""
        for _ in range(POLLS):
            try:
                return _timed(lambda: self.service.find(doubt, self.line()))
            except ProviderUnavailable:
                continue
        raise AssertionError(f"it still could not tell after {POLLS} looks")

    def fetched(self, operation: Operation, into: Path) -> bytes:
        address = _timed(lambda: self.service.locate(operation, self.line()))
        if address.content is not None:
            assert not address.url, "an address and the bytes themselves"
            return address.content
        within = "://" not in address.url and not address.bare
        safe = within or address.url.startswith(("https://", self.server.url))
        assert safe, f"{address.url.partition('?')[0]} is not https"
        self.line().fetch(address.url, into, bare=address.bare)
        return into.read_bytes()


class ServiceContract(ProviderContract):
    """What holds for an adapter of a service. Override `serving` with a server that stands in for it."""

    def provider(self) -> Service:
        raise NotImplementedError

    def serving(self) -> Server:
        """A new stand-in for the service, each time; entered here."""
        raise NotImplementedError

    # --- what it says of itself ---------------------------------------------------------------------------------------

    def test_it_says_where_it_is_and_what_opens_it(self) -> None:
        service = self.provider()
        for address in (service.address, *service.origins):
            own = is_hosted(service) and address.startswith("http://127.0.0.1")
            assert own or address.startswith("https://"), f"{address} is not https"
            assert not address.endswith("/"), f"{address} ends with a slash"
        names = [service.variable, *service.variables, *(name for names in service.keys for name in names)]
        for name in names:
            assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name), f"{name!r} is no variable of an environment"
        assert all(service.keys) or is_hosted(service), "an empty set of keys is always complete"
        assert service.pace > 0, "a pace of 0 would ask without a pause"
        assert isinstance(service.finds, Finds), service.finds

    def test_headers_are_made_of_the_keys_alone(self) -> None:
        with self._desk() as desk:
            account = _account(desk.service, desk.server.environment)
            for name, value in account.headers().items():
                assert "\n" not in value, f"{name} has two lines"
                assert isinstance(value, str), name

    # --- paying -------------------------------------------------------------------------------------------------------

    def test_one_submit_pays_once_and_gives_an_operation(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            assert (desk.server.paid, len(desk.sent)) == (1, 1)
            assert isinstance(operation, Operation), operation
            assert operation.provider == desk.service.name, operation
            assert operation.id, "an operation without an id is lost"
            assert pickle.loads(pickle.dumps(operation)) == operation  # noqa: S301

    def test_a_take_comes_back_and_nothing_else_was_paid_for(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            assert desk.ended(operation).state is State.DONE
            assert desk.fetched(operation, Path(folder) / "take"), "an empty take"
            # Looking again, as after a restart, is free and gives the same.
            assert desk.ended(operation).state is State.DONE
            assert desk.server.paid == 1

    def test_the_key_is_in_headers_and_nowhere_else(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            desk.ended(operation)
            desk.fetched(operation, Path(folder) / "take")
            if not desk.service.keys:
                return
            for secret in desk.server.secrets:
                for each in desk.server.heard:
                    assert secret not in each.url, f"the key is in the address of {each.method} {each.url[:20]}…"
                    assert secret.encode() not in each.body, f"the key is in the body of {each.method}"
                assert all(secret not in text for text in desk.sent), "the key is in what would be written down"
                assert secret not in repr(operation), "the key is in the operation"

    def test_each_no_is_of_its_kind_and_nothing_was_paid(self) -> None:
        known = 0
        for kind in KINDS:
            with self._desk() as desk, TemporaryDirectory() as folder:
                if not desk.server.refuse(kind):
                    continue
                known += 1
                line = desk.line()
                error = _raised(partial(desk.service.submit, self.request(Path(folder)), line))
                wanted = {ProviderRefused: (ProviderRefused,), DailyCap: (DailyCap, RateLimited)}.get(kind, (kind,))
                assert isinstance(error, wanted), f"{kind.__name__} came as {type(error).__name__}: {error}"
                if kind is ProviderRefused:
                    assert not isinstance(error, Moderated | PinGone), f"a wrong request came as {type(error).__name__}"
                assert line.refused or not desk.sent, "it is not told that nothing was made"
                assert desk.server.paid == 0
                assert error.message, "a no without words"
                for secret in desk.server.secrets:
                    assert secret not in f"{error.message} {error.cause}", "the key is in an error"
        assert known, "the server refuses nothing: what a no looks like was not tried"

    def test_an_answer_that_cannot_be_read_breaks_nothing_and_a_broken_service_has_not_refused(self) -> None:
        """Something in between may answer after the service has accepted."""
        service = self.provider()
        for status in (500, 502, 503, 504):
            error = service.fault(Reply(status, {}, b"<html>bad gateway</html>", service.name))
            assert error is None or isinstance(error, ProviderUnavailable), f"{status}: {type(error).__name__}"
        for status in (400, 401, 402, 403, 404, 409, 418, 422, 429, 500, 503):
            for content in (b"", b"null", b"[]", b'"no"', b"{", b'{"error": 7}', b'{"error": [{"a": null}]}', b"\xff\xfe"):
                error = service.fault(Reply(status, {}, content, service.name))
                assert error is None or isinstance(error, ProviderError), f"{status} {content!r}: {error!r}"
                # Such an answer to a submit would have to mean that it was accepted.
                assert not isinstance(error, VendorFault | BadTake), f"{status} {content!r}: {type(error).__name__}"

    # --- what is lost -------------------------------------------------------------------------------------------------

    def test_a_lost_answer_is_found_again_where_the_service_can_do_it(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            request = self.request(Path(folder))
            since = _now()
            if not desk.server.lose(accepted=True):
                raise SkipTest("the server loses no answers")
            error = _raised(lambda: desk.submit(request))
            assert isinstance(error, FateUnknown), f"a lost answer came as {type(error).__name__}: {error}"
            assert desk.server.paid == 1
            if desk.service.finds is Finds.NO:
                return
            doubt = self._doubt(desk, request, since, frozenset())
            found = desk.found(doubt)
            assert found is not None, "what was accepted is not found"
            assert found.provider == desk.service.name
            assert desk.ended(found).state is State.DONE
            assert desk.fetched(found, Path(folder) / "take")
            assert desk.server.paid == 1, "looking for it cost money"

    def test_what_is_accounted_for_is_not_taken_for_what_was_lost(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            if desk.service.finds is not Finds.BY_LIST:
                raise SkipTest("it looks for ids of its own, not in a list")
            request = self.request(Path(folder))
            since = _now()
            other = desk.submit(request)
            if not desk.server.lose(accepted=False):
                raise SkipTest("the server loses no answers")
            assert isinstance(_raised(lambda: desk.submit(request)), FateUnknown | ProviderUnavailable)
            doubt = self._doubt(desk, request, since, frozenset({other.id}))
            assert desk.found(doubt) is None, "it takes another take's operation for its own"
            assert desk.server.paid == 1

    def test_what_was_accepted_at_another_time_is_not_what_was_lost(self) -> None:
        """Whoever shares the account may have asked for the very same, long before or long after."""
        with self._desk() as desk, TemporaryDirectory() as folder:
            if desk.service.finds is not Finds.BY_LIST:
                raise SkipTest("it looks for ids of its own, not in a list")
            request = self.request(Path(folder))
            desk.submit(request)
            for since in (_now(-3600), _now(3600)):
                doubt = self._doubt(desk, request, since, frozenset())
                assert desk.found(doubt) is None, "it takes what was accepted at another time for its own"

    # --- while it runs ------------------------------------------------------------------------------------------------

    def test_a_word_that_nobody_knows_means_that_it_runs(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            if not desk.server.mumble():
                raise SkipTest("the server knows no such word")
            assert desk.poll(operation).state is State.RUNNING
            assert desk.ended(operation).state is State.DONE

    def test_a_failure_is_of_its_kind(self) -> None:
        for kind in (VendorFault, Moderated):
            with self._desk() as desk, TemporaryDirectory() as folder:
                operation = desk.submit(self.request(Path(folder)))
                if not desk.server.fail(kind):
                    continue
                status = desk.ended(operation)
                assert status.state is State.FAILED, status
                assert isinstance(status.fault, kind), f"{kind.__name__} came as {type(status.fault).__name__}"

    def test_what_the_service_no_longer_knows_is_gone(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            if not desk.server.forget():
                raise SkipTest("the server forgets nothing")
            assert desk.ended(operation).state is State.GONE, "an error in its place would stop the shot, or more"

    def test_cancelling_says_whether_it_was_in_time(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            taken_back = _timed(lambda: desk.service.cancel(operation, desk.line()))
            assert isinstance(taken_back, bool), taken_back
            if taken_back:
                status = desk.ended(operation)
                assert status.state in (State.CANCELLED, State.FAILED, State.GONE), status
            assert desk.server.paid == 1

    def test_cancelling_what_is_done_is_too_late_and_leaves_it_there(self) -> None:
        with self._desk() as desk, TemporaryDirectory() as folder:
            operation = desk.submit(self.request(Path(folder)))
            desk.ended(operation)
            assert _timed(lambda: desk.service.cancel(operation, desk.line())) is False, "what is done is given up"
            assert desk.ended(operation).state is State.DONE, "what is done was taken away"
            assert desk.fetched(operation, Path(folder) / "take"), "what is done was taken away"

    # --- it keeps nothing ---------------------------------------------------------------------------------------------

    def test_two_objects_and_two_operations_do_not_disturb_each_other(self) -> None:
        """What one object submits, another one goes on with, as after a restart."""
        with self._desk() as desk, TemporaryDirectory() as folder:
            place = Path(folder)
            first = desk.submit(self.request(place))
            before = _kept(desk.service)
            second = desk.submit(self.request(place, seed=8, take=2, client="0f3c2b1a-0000-4000-8000-000000000002"))
            assert first.id != second.id, "two takes have one id"
            other = _Desk(self.provider(), desk.server, desk.network, desk.sent)
            for operation in (first, second, first):
                desk.poll(operation)
                other.poll(operation)
            assert (desk.ended(second).state, other.ended(first).state) == (State.DONE, State.DONE)
            assert desk.fetched(first, place / "first")
            assert other.fetched(second, place / "second")
            assert _kept(desk.service) == before, "it keeps something from one call to the next"
            assert desk.server.paid == 2

    @contextmanager
    def _desk(self) -> Iterator[_Desk]:
        with ExitStack() as held:
            server = self.serving()
            held.enter_context(server)
            network = Network()
            held.callback(network.close)
            yield _Desk(self.provider(), server, network, [])

    def _doubt(self, desk: _Desk, request: Request, since: str, known: frozenset[str]) -> Doubt:
        return Doubt(request=request, sent=json.loads(desk.sent[-1]), since=since, known=known)


# --- what they share ----------------------------------------------------------------------------------------------------


def _account(service: Service, environ: Mapping[str, str]) -> Account:
    """A service as a build would reach it with this environment."""
    complete = [names for names in service.keys if all(environ.get(name) for name in names)]
    assert complete or not service.keys, f"the server's environment has no key of {service.name}"
    keys = {name: environ[name] for name in (complete[0] if complete else ())}
    known = {name: environ[name] for name in service.variables if environ.get(name)}
    address = environ.get(service.variable, "").rstrip("/")
    assert address, f"the server's environment does not say {service.variable}"
    return Account(
        name=service.name,
        address=address,
        origins=(*service.origins, *(text for text in known.values() if text.startswith("http://127."))),
        headers=lambda: service.headers(keys, time.time()),
        fault=service.fault,
        secrets=tuple(keys.values()),
        known=known,
    )


def _timed(call: Callable[[], Got]) -> Got:
    """What a call gives. Errors: AssertionError when it waited; only the engine waits."""
    began, worked = time.monotonic(), time.process_time()
    got = call()
    waited = (time.monotonic() - began) - (time.process_time() - worked)
    assert waited < LONGEST_CALL, f"an adapter waits for nothing, and this call lasted {waited:.1f} s"
    return got


def _raised(call: Callable[[], object]) -> ProviderError | FateUnknown:
    try:
        call()
    except (ProviderError, FateUnknown) as error:
        return error
    raise AssertionError("it was taken for a yes")


def _values(field: Field, said: Value) -> tuple[Value, ...]:
    """Values that may be written for a field, the usual one first. said: what the suite's author says, None = nothing."""
    ends: tuple[Value, ...] = ()
    match field.kind:
        case Choice(words=words):
            ends = words
            said = said if said in words else None
        case Truth():
            ends = (False, True)
        case Integer(low=low, high=high):
            ends = (low, high)
    default = None if isinstance(field.default, Required) else field.default
    first = default if said is None else said
    if first is None and isinstance(field.default, Required):
        return ends or ("x",)
    return (first, *(each for each in ends if each != first))


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kept(service: Service) -> bytes:
    return pickle.dumps(service)


def _now(later: float = -1) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))


def _listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__" and not path.name.startswith(".")}
