"""A decoded frame → its Look. The frame is believed before the stream, the stream before the container."""

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shotbuild.media.colour import UNSAID, Look

INTERLACED_ORDERS = frozenset({2, 3, 4, 5})


def look_of(stream: VideoStream, frame: VideoFrame) -> Look:
    codec, form = stream.codec_context, frame.format
    aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
    parts = form.components
    return Look(
        width=frame.width,
        height=frame.height,
        sar=(aspect.numerator, aspect.denominator) if aspect and aspect > 0 else (1, 1),
        rotation=frame.rotation % 360,
        pixels=form.name,
        depth=max(part.bits for part in parts) if parts else 8,
        rgb=form.is_rgb or form.has_palette,
        grey=form.name.startswith(("gray", "mono", "ya")),
        alpha=any(part.is_alpha for part in parts) or form.has_palette,
        subsampled=(form.chroma_width(16) < 16, form.chroma_height(16) < 16),
        interlaced=frame.interlaced_frame or int(codec.field_order) in INTERLACED_ORDERS,
        primaries=_said(int(frame.color_primaries), int(codec.color_primaries)),
        transfer=_said(int(frame.color_trc), int(codec.color_trc)),
        matrix=_said(int(frame.colorspace), int(codec.colorspace), rgb=form.is_rgb),
        range=int(frame.color_range) or int(codec.color_range),
    )


def _said(frame: int, codec: int, *, rgb: bool = False) -> int:
    return codec if frame in UNSAID and not rgb else frame
