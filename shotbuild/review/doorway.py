"""The pages that stand before the page: who was not let in learns why, and whoever was goes on from here."""

from html import escape

from shotbuild.review.people import Refusal

STYLE = "/static/page.css"


def refused(refusal: Refusal) -> str:
    """Says nothing of the project."""
    hint = f"<p>{escape(refusal.hint)}</p>" if refusal.hint else ""
    return _page(refusal.title, f"<h1>{escape(refusal.title)}</h1><p>{escape(refusal.told)}</p>{hint}")


def onward(address: str) -> str:
    """Leads to an address of this server. A redirect would count as a step from the mail that the link stood in, and on such
    steps browsers keep a strict cookie back; a step from this page is one within the site."""
    to = escape(address)
    body = f'<h1>One moment</h1><p><a href="{to}">Open the page</a></p>'
    return _page("One moment", body, f'<meta http-equiv="refresh" content="0;url={to}">')


def _page(title: str, body: str, head: str = "") -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n{head}<title>{escape(title)}</title>\n'
        f'<link rel="stylesheet" href="{STYLE}">\n</head>\n<body>\n'
        f'<main><article class="failure">{body}</article></main>\n</body>\n</html>\n'
    )
