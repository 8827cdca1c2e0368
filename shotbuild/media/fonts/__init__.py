"""The fonts that ship with shotbuild, so that two machines draw the same letters. Licences lie beside them."""

from pathlib import Path

_FOLDER = Path(__file__).parent

REGULAR = _FOLDER / "Inter-Regular.otf"
BOLD = _FOLDER / "Inter-SemiBold.otf"
MONO = _FOLDER / "JetBrainsMono-Regular.ttf"
FALLBACK = (_FOLDER / "DejaVuSans.ttf", _FOLDER / "DroidSansFallback.ttf")
"""For letters that the others lack: Hebrew, Arabic, symbols; then Chinese, Japanese and Korean."""
