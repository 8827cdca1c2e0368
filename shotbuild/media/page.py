"""A report → one page of HTML that stands alone: no script, no other file. It prints, and reads in light and in dark.

Every text is escaped; what a verdict is stands in words, with colour only beside them.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape

from shotbuild.records import Fields, Value

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #ffffff; --back: #f6f8fa;
  --good: #116329; --bad: #a40e26; --note: #7d4e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d; --page: #0d1117;
  --back: #161b22; --good: #56d364; --bad: #ff7b72; --note: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .25rem 0; }
.soft { color: var(--soft); }
.sum { margin: 1.25rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left: .4rem solid currentColor;
  background: var(--back); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--soft); font-size: .85rem; }
td, tbody th { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; min-width: 5.5rem; }
.holds { color: var(--good); } .fails { color: var(--bad); } .waived { color: var(--note); }
.word { font-weight: 600; white-space: nowrap; }
.facts th[scope=row] { font-weight: 400; color: var(--soft); width: 14rem; }
.facts th, .facts td { padding-top: .2rem; padding-bottom: .2rem; }
.more { display: block; font-size: .875rem; color: var(--soft); }
code { font: .9em ui-monospace, monospace; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #999; --page: #fff; --back: #fff;
  --good: #000; --bad: #000; --note: #000; } body { padding: 0; max-width: none; font-size: 10pt; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; } }
"""
HOLDS, FAILS, WAIVED = "holds", "fails", "waived"
SIGNS = {HOLDS: "✓", FAILS: "✗", WAIVED: "–"}
ORDER = (FAILS, WAIVED, HOLDS)
FACTS = ("picture", "sound")
MOST_LISTED = 20

_SECONDS = re.compile(r"[0-9]+[.][0-9]{6}")
"""Only lengths of time have so many digits."""


def page(report: Fields) -> str:
    """report: of `judge.report`."""
    names = report.get("names")
    name = _texts(names if isinstance(names, Fields) else Fields())
    title = name.get("deliverable") or name.get("sequence") or "delivery"
    rows = sorted(report.rows("verdicts"), key=lambda row: (ORDER.index(_state(row)), row.text("name")))
    measured = report.get("measured")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}: report of delivery</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(" · ".join(_subtitle(name)))}</p></header><main>',
        _sum(rows),
        _verdicts(rows),
        *_remarks(report.get("remarks")),
        *(_measured(measured) if isinstance(measured, Fields) else ()),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _subtitle(name: dict[str, str]) -> Iterator[str]:
    for key in ("project", "sequence", "profile"):
        if name.get(key):
            yield f"{key} {name[key]}"


def _state(row: Fields) -> str:
    if row.get("passed"):
        return HOLDS
    return FAILS if row.get("waived") is None else WAIVED


def _sum(rows: list[Fields]) -> str:
    states = [_state(row) for row in rows]
    bad, let = states.count(FAILS), states.count(WAIVED)
    held = f"{states.count(HOLDS)} of {len(states)} constraints hold"
    waived = f", {let} waived" if let else ""
    if bad:
        return f'<p class="sum fails">{SIGNS[FAILS]} Not ready: {bad} of {len(states)} constraints fail{waived}.</p>'
    return f'<p class="sum holds">{SIGNS[HOLDS]} Ready: {held}{waived}.</p>'


def _verdicts(rows: list[Fields]) -> str:
    return _table("What was asked", ("Constraint", "Verdict", "Wanted", "Measured"), map(_verdict, rows))


def _verdict(row: Fields) -> str:
    state, text = _state(row), _texts(row)
    beside = ""
    if state == WAIVED:
        beside = _more(f"waived: {text['waived']}")
    elif state == FAILS and text.get("remedy"):
        beside = _more(f"to do: {text['remedy']}")
    if text.get("remark"):
        beside += _more(text["remark"])
    return (
        f'<tr><th scope="row"><code>{escape(text["name"])}</code></th>'
        f'<td><span class="word {state}"><span aria-hidden="true">{SIGNS[state]} </span>{state}</span></td>'
        f"<td>{escape(text['wanted'])}</td><td>{escape(text['measured'])}{beside}</td></tr>"
    )


def _more(text: str) -> str:
    return f'<span class="more">{escape(text)}</span>'


def _remarks(value: Value) -> Iterator[str]:
    if isinstance(value, tuple) and value:
        items = "".join(f"<li>{escape(str(each))}</li>" for each in value)
        yield f"<h2>Remarks</h2><ul>{items}</ul>"


def _measured(measured: Fields) -> Iterator[str]:
    package = measured.get("package")
    if isinstance(package, Fields):
        yield _facts("The package", _plain(package))
        for rung in package.rows("rungs"):
            yield _facts(f"Rung {rung.get('name')}", _plain(rung))
    for film in measured.rows("films"):
        label = film.text("name")
        where = f" of {label}" if label else ""
        yield _facts(f"The file{where}" if not label else f"File {label}", _plain(film, without=("name", *FACTS)))
        for part in FACTS:
            facts = film.get(part)
            if isinstance(facts, Fields):
                yield _facts(f"{part.capitalize()}{where}", _plain(facts))


def _facts(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows)
    return _table(caption, ("Fact", "Measured"), cells, "facts")


def _table(caption: str, heads: tuple[str, ...], rows: Iterable[str], kind: str = "verdicts") -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return (
        f"<h2>{escape(caption)}</h2>\n"
        f'<div class="scroll"><table class="{kind}"><thead><tr>{top}</tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _plain(facts: Fields, without: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for name, value in facts:
        text = _shown(value)
        if name not in without and text:
            yield name.replace("_", " "), text


def _shown(value: Value) -> str:
    """Empty for what is not there, and for rows that stand elsewhere."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        texts = [text for each in value[:MOST_LISTED] if (text := _row(each))]
        return ", ".join(texts) + (f" and {len(value) - MOST_LISTED} more" if len(value) > MOST_LISTED else "")
    text = "" if value is None else str(value)
    return f"{text.rstrip('0').rstrip('.')} s" if _SECONDS.fullmatch(text) else text


def _row(value: Value) -> str:
    if not isinstance(value, Fields):
        return _shown(value)
    texts = _texts(value)
    return f"{texts['language']} ({texts.get('codec')})" if "language" in texts else ""


def _texts(row: Fields) -> dict[str, str]:
    return {name: str(value) for name, value in row if value is not None}
