"""Text → one transparent picture of the whole frame, in one of the ready styles.

scripts   characters: which are seen, in which order they are drawn
faces     fonts, and which of them has a letter
looks     a look in pixels of one frame
lines     wrapped, balanced, made to fit
paint     pixels
"""

from io import BytesIO
from pathlib import Path

from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.media.lettering.faces import Faces
from shotbuild.media.lettering.lines import fitted
from shotbuild.media.lettering.looks import asked_of
from shotbuild.media.lettering.paint import paint
from shotbuild.media.lettering.scripts import paragraphs_of
from shotbuild.records import Fields
from shotbuild.units import Size


def draw(text: str, look: Fields, frame: Size, font: Path | None) -> bytes:
    """A PNG with alpha of the frame's size. look: as `spec.titling.look_of` writes it out; font: a file, None = the shipped
    ones. Errors: MediaError when a letter is in no font, the file is no font, or the text is too long for the frame."""
    paragraphs = paragraphs_of(text)
    faces = Faces(font, str(look.get("font") or ""))
    asked = asked_of(look, frame)
    canvas = Image.new("RGBA", (frame.width, frame.height))
    try:
        if paragraphs:
            paint(canvas, fitted(paragraphs, asked, faces), asked)
    except OSError as error:
        raise MediaError(
            f"text cannot be set in the font {faces.name}".rstrip(),
            cause=str(error),
            hint="take a font with outlines: .ttf or .otf",
        ) from error
    held = BytesIO()
    canvas.save(held, "PNG", compress_level=6)
    return held.getvalue()
