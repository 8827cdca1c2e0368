"""The fonts that ship with shotbuild, so that two machines draw the same letters. Licences lie beside them.

Latin type is OpenType with PostScript outlines on purpose: FreeType 2.13 and 2.14 hint TrueType outlines differently."""

from pathlib import Path

_FOLDER = Path(__file__).parent

REGULAR = _FOLDER / "Inter-Regular.otf"
BOLD = _FOLDER / "Inter-SemiBold.otf"
MONO = _FOLDER / "Inconsolata.otf"
FALLBACK = (_FOLDER / "DejaVuSans.ttf", _FOLDER / "DroidSansFallback.ttf")
"""For letters that the others lack: Hebrew, Arabic, symbols; then Chinese, Japanese and Korean."""
