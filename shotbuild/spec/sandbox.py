"""The sandbox in which `prompts` renders: an unknown name is an error, and no template can reach outside or run for long.

A template sees only the variables that it is given: text, lists and mappings. The one importer of jinja2.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, cast

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    meta,
)
from jinja2 import nodes as syntax
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shotbuild.errors import Location, SpecError
from shotbuild.spec import limits
from shotbuild.spec.document import decode
from shotbuild.spec.limits import TooMuch, Work
from shotbuild.spec.prompts import Use
from shotbuild.spec.report import Refusal, Report, listed
from shotbuild.spec.tables import Plain
from shotbuild.spec.tree import TEMPLATES, Tree

MAX_SOURCE = 64 * 1024
INCLUDE_COST = 500
TEXT_FILTERS = ("capitalize", "lower", "string", "title", "trim", "truncate", "upper", "wordcount")
LIST_FILTERS = ("count", "dictsort", "first", "items", "last", "length", "list", "map", "max", "min", "reject", "rejectattr")
FILTERS = (
    *LIST_FILTERS,
    "reverse",
    "select",
    "selectattr",
    "sort",
    "unique",
    "abs",
    "d",
    "default",
    "float",
    "int",
    "round",
)
"""What remains of Jinja's filters: nothing random, nothing that makes much of little."""
EXPRESSION = re.compile(r"\s*\{\{-?((?:(?!\{\{|\}\}).)+?)-?\}\}\s*", re.DOTALL)
"""A text that is one expression and nothing else."""


class Sandbox:
    """Renders the texts and templates of one project; what was compiled is kept for the whole load. note: told of each
    template file that is rendered."""

    def __init__(self, tree: Tree, report: Report, note: Callable[[str], None]) -> None:
        self._report = report
        self._environment = _Environment(_Loader(tree), note)
        self._compiled: dict[tuple[str, bool], Template | Exception] = {}
        self._expressions: dict[str, Callable[..., Any]] = {}

    def render(self, source: str, variables: Mapping[str, Plain], use: Use, *, named: bool) -> str | None:
        """source: a text, or where it is named the path of a file. None = an error was reported."""
        self._environment.work.begin()
        try:
            parts, length = [], 0
            for part in self._template((source, named)).generate(variables):
                parts.append(part)
                length += len(part)
                limits.bounded(length)
        except Exception as error:  # a template raises whatever its operations raise; all of it is the template's fault
            self._report.add(_located(error, use, sorted(variables), self._report))
            return None
        return "".join(parts)

    def value(self, source: str, variables: Mapping[str, str | int | float], use: Use) -> str | int | float:
        """What a text stands for: the value of the one expression that it is, which keeps its type, else its text. Errors:
        SpecError."""
        self._environment.work.begin()
        try:
            one = EXPRESSION.fullmatch(source)
            found = self._valued(one[1], variables) if one else "".join(self._template((source, False)).generate(variables))
            limits.bounded(len(found) if isinstance(found, str) else 1)
        except Exception as error:  # as in `render`
            raise _located(error, use, sorted(variables), self._report) from error
        return found

    def names(self, source: str) -> frozenset[str]:
        """The variables that a text mentions; none where it is no template."""
        try:
            return frozenset(meta.find_undeclared_variables(self._environment.parse(source))) - set(
                self._environment.globals
            )
        except TemplateSyntaxError:
            return frozenset()

    def _valued(self, expression: str, variables: Mapping[str, str | int | float]) -> str | int | float:
        found = self._expression(expression)(variables)
        if isinstance(found, Undefined):
            str(found)  # raises what a use of it raises
        return found if isinstance(found, str | int | float) else limits.spoken(found)

    def _expression(self, source: str) -> Callable[..., Any]:
        if len(source) > MAX_SOURCE:
            raise TooMuch(f"a template of more than {MAX_SOURCE} characters")
        if source not in self._expressions:
            self._expressions[source] = self._environment.compile_expression(source, undefined_to_none=False)
        return self._expressions[source]

    def _template(self, source: tuple[str, bool]) -> Template:
        known = self._compiled.get(source)
        if known is None:
            try:
                known = self._compile(*source)
            except Exception as error:
                known = error
            self._compiled[source] = known
        if isinstance(known, Exception):
            raise known.with_traceback(None)
        return known

    def _compile(self, source: str, named: bool) -> Template:
        if named:
            return self._environment.get_template(source.removeprefix(f"{TEMPLATES}/"))
        if len(source) > MAX_SOURCE:
            raise TooMuch(f"a template of more than {MAX_SOURCE} characters")
        return self._environment.from_string(source)


class _Loader(BaseLoader):
    """Template files, named as includes name them: relative to templates/."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        path = f"{TEMPLATES}/{template}"
        try:
            self._tree.file(template if template.startswith(("/", "~")) else path)
        except Refusal as refusal:
            raise _Unavailable(template, refusal) from refusal
        source = decode(self._tree.read(path), path)
        if len(source) > MAX_SOURCE:
            raise TooMuch(f"a template of more than {MAX_SOURCE} characters")
        return source, path, None


class _Unavailable(TemplateNotFound):
    def __init__(self, name: str, refusal: Refusal) -> None:
        super().__init__(name, refusal.message)
        self.refusal = refusal


class _Code(CodeGenerator):
    """Compiles templates so that loops, macros and texts are paid for, and nothing grows out of bounds."""

    def visit_Template(self, node: syntax.Template, frame: Frame | None = None) -> None:  # noqa: N802
        for block in node.find_all(syntax.Block):
            _charge(block)
        super().visit_Template(node, frame)

    def visit_For(self, node: syntax.For, frame: Frame) -> None:  # noqa: N802
        if node.recursive:
            self.fail("recursive loops are not available here", node.lineno)
        values = [cast(syntax.Expr, node.iter), syntax.Const(_weight(node.body))]
        node.iter = syntax.Call(syntax.EnvironmentAttribute("each"), values, [], None, None)
        node.iter.set_lineno(node.lineno, override=True)
        super().visit_For(node, frame)

    def visit_Macro(self, node: syntax.Macro, frame: Frame) -> None:  # noqa: N802
        _charge(node)
        super().visit_Macro(node, frame)

    def visit_CallBlock(self, node: syntax.CallBlock, frame: Frame) -> None:  # noqa: N802
        _charge(node)
        super().visit_CallBlock(node, frame)

    def visit_Concat(self, node: syntax.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: syntax.List, frame: Frame) -> None:  # noqa: N802
        self.write("environment.shallow(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Tuple(self, node: syntax.Tuple, frame: Frame) -> None:  # noqa: N802
        self.write("environment.shallow(" if node.ctx == "load" else "")
        super().visit_Tuple(node, frame)
        self.write(")" if node.ctx == "load" else "")

    def visit_Dict(self, node: syntax.Dict, frame: Frame) -> None:  # noqa: N802
        self.write("environment.shallow(")
        super().visit_Dict(node, frame)
        self.write(")")

    def _output_const_repr(self, group: Any) -> str:
        return f"environment.said({''.join(map(str, group))!r})"


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Code
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, loader: BaseLoader, note: Callable[[str], None]) -> None:
        self.work, self._note = Work(), note
        self.each, self.said, self.spend = self.work.each, self.work.said, self.work.spend
        self.joined, self.shallow = limits.joined, limits.shallow
        super().__init__(
            undefined=StrictUndefined, loader=loader, auto_reload=False, cache_size=-1, trim_blocks=True, lstrip_blocks=True
        )
        self.finalize = self._written
        self.filters = self._filters()
        self.globals = {name: self.globals[name] for name in ("namespace", "cycler", "joiner")} | {"range": limits.counted}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return limits.operate(operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        __self.work.spend(1)
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in limits.TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in limits.MAPPING_METHODS
        if isinstance(obj, int | float | list | tuple):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is no exception to the known methods: its widths make a thousand million characters."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        return self.undefined(f"`.{attribute}` is not available here", name=attribute, obj=obj, exc=SecurityError)

    def _load_template(self, name: str, globals: Any) -> Template:
        self.work.spend(INCLUDE_COST)
        template = super()._load_template(name, globals)
        self._note(f"{TEMPLATES}/{name}")
        return template

    def _written(self, value: object) -> object:
        """What stands for a value in the output; an undefined one raises when it becomes text."""
        return value if isinstance(value, Undefined) else self.work.said(limits.spoken(value))

    def _filters(self) -> dict[str, Callable[..., Any]]:
        kept = {name: self._paid(self.filters[name]) for name in FILTERS}
        texts = {name: self._paid(_on_text(self.filters[name])) for name in TEXT_FILTERS}
        return kept | texts | {"join": self._paid(limits.joined), "replace": self._paid(_on_text(limits.replaced))}

    def _paid(self, filter_: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(filter_)
        def paid(*values: Any, **options: Any) -> Any:
            self.work.spend(1 + sum(len(value) for value in values if isinstance(value, str | list | tuple | dict)) // 16)
            return filter_(*values, **options)

        return paid


def _on_text(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, refusing what is not text: the text of a nested list could be endless."""

    @wraps(filter_)
    def checked(*values: Any, **options: Any) -> Any:
        for value in values:
            if isinstance(value, list | tuple | dict):
                limits.spoken(value)
        return filter_(*values, **options)

    return checked


def _weight(body: list[syntax.Node]) -> int:
    return 1 + sum(1 for node in body for _ in node.find_all(syntax.Node)) // 8


def _charge(node: syntax.Macro | syntax.CallBlock | syntax.Block) -> None:
    """Makes the body pay each time that it runs."""
    paid = syntax.Call(syntax.EnvironmentAttribute("spend"), [syntax.Const(_weight(node.body))], [], None, None)
    node.body.insert(0, syntax.ExprStmt(paid).set_lineno(node.lineno, override=True))


def _located(error: Exception, use: Use, known: list[str], report: Report) -> SpecError:
    """What went wrong in a template → an error at the template's line, which names who used it."""
    used = f"used by {use.what} ({use.location})"
    if isinstance(error, SpecError):
        return SpecError(error.message, location=error.location or use.location, cause=used, hint=error.hint)
    message, hint = _explained(error, known, report)
    place = _place(error)
    if place is None:
        return SpecError(message, location=use.location, cause=used)
    file, line = place
    if file.startswith(f"{TEMPLATES}/"):
        return SpecError(message, location=Location(file=file, line=line, column=1), cause=used, hint=hint)
    return SpecError(message, location=use.location, cause=f"line {line} of the text of {use.what}", hint=hint)


def _explained(error: Exception, known: list[str], report: Report) -> tuple[str, str | None]:
    if isinstance(error, TemplateSyntaxError):
        return f"this is no template: {error.message}", None
    if isinstance(error, UndefinedError) and (name := re.fullmatch(r"'(.{1,80})' is undefined", str(error))):
        guess = report.nearest(name[1], known)
        hint = f"did you mean `{guess}`?" if guess else listed(known)
        return f"unknown variable '{name[1]}'", hint
    if isinstance(error, _Unavailable):
        return error.refusal.message, f"includes are named from `{TEMPLATES}/` on"
    if isinstance(error, RecursionError):
        return "this template includes or calls itself without end", None
    return f"this template cannot be rendered: {str(error)[:300] or type(error).__name__}", None


def _place(error: Exception) -> tuple[str, int] | None:
    """The innermost line of a template on the way to an error: (file, or `<…>` for a text, line)."""
    if isinstance(error, TemplateSyntaxError):
        return error.filename or "<text>", error.lineno
    found, step = None, error.__traceback__
    while step is not None:
        found, step = _frame(step) or found, step.tb_next
    return found


def _frame(step: TracebackType) -> tuple[str, int] | None:
    file = step.tb_frame.f_code.co_filename
    return (file, step.tb_lineno) if file.startswith((f"{TEMPLATES}/", "<template>")) else None
