"""What a clip says of itself: read from real containers, and from text that nobody should trust."""

import json
import os

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotbuild.errors import MediaError
from shotbuild.media.tags import LONGEST, MOST_TAGS, known_of, tags_of, workflow_of
from shotbuild.records import Fields, fields

GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 18446744073709551615,
            "cfg": 6.5,
            "positive": ["50", 0],
            "negative": ["7", 0],
            "model": ["37", 0],
        },
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox\nin snow", "clip": ["38", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["38", 0]}},
    "37": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.1_t2v_1.3B.safetensors", "weight_dtype": "default"}},
    "50": {"class_type": "WanImageToVideo", "inputs": {"positive": ["6", 0], "negative": ["7", 0], "width": 832}},
}
EDITOR = {"version": 0.4, "nodes": [{"id": 3, "type": "KSampler", "widgets_values": [42, "fixed"]}], "links": []}
KNOWN = fields(prompt="a fox\nin snow", seed=18446744073709551615, model="wan2.1_t2v_1.3B.safetensors")


def edited(**nodes):
    return {name: node for name, node in (GRAPH | nodes).items() if node is not None}


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def known(graph):
    return known_of((("prompt", json.dumps(graph)),))


def once(value):
    return json.dumps(value)


def twice(value):
    return json.dumps(json.dumps(value))


@pytest.fixture
def tagged(make, clip, tmp_path):
    """A copy of the clip with metadata of the container, as ffmpeg writes it from a file."""

    def made(suffix, tags):
        def plain(text):
            return "".join("\\" + char if char in "=;#\\\n" else char for char in text)

        listed = tmp_path / "tags.txt"
        listed.write_text(";FFMETADATA1\n" + "".join(f"{name}={plain(text)}\n" for name, text in tags.items()))
        path = tmp_path / f"tagged.{suffix}"
        arguments = ("-i", str(clip), "-i", str(listed), "-map_metadata", "1", "-map", "0", "-c", "copy")
        make(str(path), *arguments, "-movflags", "use_metadata_tags")
        return path

    return made


def test_tags_of_container_and_streams_are_sorted(clip):
    found = tags_of(clip)
    assert list(found) == sorted(found)
    assert dict(found)["stream0.handler_name"] == "VideoHandler"
    assert dict(found)["major_brand"] == "isom"
    assert dict(found)["encoder"].startswith("Lavf")
    assert dict(known_of(found))["encoder"].startswith("Lavf")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("encode", [once, twice])
def test_the_graph_of_comfyui_is_found_in_every_container(tagged, make, suffix, encode):
    path = tagged("mkv" if suffix == "webm" else suffix, {"prompt": encode(GRAPH), "workflow": encode(EDITOR)})
    if suffix == "webm":
        path = make(str(path.with_suffix(".webm")), "-i", str(path), "-an", "-c:v", "libvpx", "-frames:v", "2")
    tags = tags_of(path)
    assert json.loads(workflow_of(tags)) == GRAPH
    assert known_of(tags).items == tuple(sorted({**dict(KNOWN), "encoder": dict(tags)["encoder"]}.items()))


@pytest.mark.parametrize("inner", [GRAPH, json.dumps(GRAPH)])
def test_the_graph_is_found_in_the_comment_of_videohelpersuite(tagged, inner):
    tags = tags_of(tagged("mp4", {"comment": json.dumps({"prompt": inner, "workflow": EDITOR})}))
    assert json.loads(workflow_of(tags)) == GRAPH
    assert known_of(tags).text("prompt") == "a fox\nin snow"


def test_the_editor_workflow_is_the_second_choice():
    assert json.loads(workflow_of((("workflow", json.dumps(EDITOR)),))) == EDITOR
    both = (("comment", json.dumps({"prompt": GRAPH})), ("workflow", json.dumps(EDITOR)))
    assert json.loads(workflow_of(both)) == GRAPH
    assert workflow_of((("workflow", '{"title": "x"}'), ("prompt", '{"title": "x"}'), ("title", "x"))) is None


def test_a_graph_with_floats_keeps_them_and_tells_none():
    graph = edited(**{"3": node("KSampler", seed=1.5, positive=["6", 0])})
    assert json.loads(workflow_of((("comment", json.dumps({"prompt": graph})),))) == graph
    assert known(graph).text("seed") == "1.5"


def test_what_is_no_number_in_json_becomes_null():
    held = '{"prompt": {"1": {"class_type": "KSampler", "inputs": {"seed": NaN, "cfg": 6.5}}}}'
    assert json.loads(workflow_of((("comment", held),))) == {"1": node("KSampler", seed=None, cfg=6.5)}


def test_any_depth_is_read_or_left_out():
    for depth in range(900, 1010):
        deep = '{"x":' * depth + "1" + "}" * depth
        found = workflow_of((("comment", f'{{"prompt":{{"1":{{"class_type":"X","inputs":{deep}}}}}}}'),))
        assert found is None or json.loads(found)["1"]["class_type"] == "X"


def test_two_answers_are_none():
    other = node("CLIPTextEncode", text="a bear", clip=["38", 0])
    second = node("KSamplerAdvanced", noise_seed=5, positive=["8", 0], add_noise="enable")
    found = known(edited(**{"8": other, "9": second}))
    assert (found.get("prompt"), found.get("seed")) == (None, None)
    assert known(edited(**{"8": other, "9": node("KSampler", seed=7, positive=["6", 0])})).get("prompt") == "a fox\nin snow"


def test_the_seed_of_a_sampler_that_adds_no_noise_is_not_told():
    high = node("KSamplerAdvanced", noise_seed=11, positive=["6", 0], add_noise="enable")
    low = node("KSamplerAdvanced", noise_seed=0, positive=["6", 0], add_noise="disable")
    unets = {name: node("UNETLoader", unet_name=f"{name}.safetensors") for name in ("high", "low")}
    found = known(edited(**{"3": high, "4": low, "37": None}, **unets))
    assert (found.integer("seed"), found.text("model")) == (11, "high.safetensors, low.safetensors")


def test_a_seed_of_its_own_node_is_told():
    graph = {"1": node("RandomNoise", noise_seed=77), "2": node("SamplerCustomAdvanced", noise=["1", 0])}
    assert known(graph) == fields(seed=77)


@pytest.mark.parametrize(
    "text",
    [
        node("CLIPTextEncode", text=["12", 0]),
        node("CLIPTextEncode"),
        node("CLIPTextEncode", text=5),
        node("ShowText", text="a fox"),
        node("Loop", positive=["6", 0]),
        {"class_type": "CLIPTextEncode"},
        None,
    ],
)
def test_a_prompt_that_is_not_plain_is_left_out(text):
    assert known(edited(**{"6": text})).get("prompt") is None


@pytest.mark.parametrize("link", [["6", 1, 2], ["50", 1], [], "6", {"6": 0}, [["6"], 0], [None, 0], None])
def test_odd_links_lead_nowhere(link):
    found = known(edited(**{"3": node("KSampler", seed=1, positive=link)}))
    assert (found.get("prompt"), found.get("seed")) == (None, 1)


@pytest.mark.parametrize("seed", [-1, True, None, "5", [5], 2**64, 10**4000])
def test_odd_seeds_are_left_out(seed):
    assert known(edited(**{"3": node("KSampler", seed=seed, positive=["6", 0])})).get("seed") is None


def test_plain_words_are_told():
    assert known_of((("prompt", " a fox in snow "),)) == fields(prompt="a fox in snow")
    assert known_of((("software", "Kling 2"), ("stream0.prompt", "a fox"))) == fields(software="Kling 2", prompt="a fox")
    comment = json.dumps({"prompt": "a fox", "seed": 5, "model": "ltx"})
    assert known_of((("comment", comment),)) == fields(prompt="a fox", seed=5, model="ltx")
    assert known_of((("comment", "made with love"), ("title", "a fox"))) == fields()
    assert known_of((("prompt", json.dumps(GRAPH)[:-1]),)) == fields()


def test_told_texts_are_printable_and_bounded():
    found = known_of((("prompt", "a\x1b[2J\x00fox\r\nx\u202e" + "y" * 50_000), ("software", "a\nb\x07" + "z" * 5000)))
    assert found.text("prompt").startswith("a [2J fox \nx y")
    assert len(found.text("prompt")) == 20_000
    assert found.text("software").startswith("a b z")
    assert len(found.text("software")) == 200
    graph = edited(**{"6": node("CLIPTextEncode", text="a \ud800 fox\x1b")})
    assert known(graph).text("prompt") == "a   fox"
    known(graph).text("prompt").encode()


DEEP = "[" * 200_000
HOSTILE = [
    DEEP,
    DEEP + "]" * 200_000,
    '{"a":' * 200_000,
    '{"a":' * 990 + "1" + "}" * 990,
    '{"nodes":[' + DEEP,
    "9" * 100_000,
    '{"1":{"class_type":"KSampler","inputs":{"seed":' + "9" * 100_000 + "}}}",
    '{"1":{"class_type":"KSampler","inputs":{"seed":NaN}}}',
    '{"1":{"class_type":"KSampler","inputs":{"seed":1e999}}}',
    '{"1":{"class_type":"KSampler","inputs":{"seed":1},"inputs":{}},"1":5,"1":{"class_type":"KSampler","inputs":{}}}',
    '{"1":{"class_type":"X","inputs":{"positive":["1",0]}},"2":{"class_type":"KSampler","inputs":{"positive":["1",0]}}}',
    '{"1":{"class_type":["KSampler"],"inputs":[]},"2":null,"3":{"class_type":"KSampler"}}',
    json.dumps(json.dumps(json.dumps(json.dumps(GRAPH)))),
    '"\\ud800"',
    "NaN",
    "null",
    "[]",
    "{}",
    "\x00",
    "{",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["prompt", "workflow", "comment", "stream0.prompt"])
@pytest.mark.parametrize("wrap", [str, json.dumps, lambda text: json.dumps({"prompt": text, "workflow": text})])
def test_hostile_json_breaks_nothing(text, name, wrap):
    tags = ((name, wrap(text)), ("comment", wrap(text)))
    workflow = workflow_of(tags)
    assert workflow is None or isinstance(json.loads(workflow), dict)
    assert all(isinstance(value, str | int) for _, value in known_of(tags))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["1", "class_type", "inputs", "seed", "positive", "nodes"]), inner)
    ),
)


@given(st.lists(st.tuples(st.sampled_from(["prompt", "workflow", "comment", "software"]), anything.map(json.dumps))))
def test_any_tags_are_read_without_an_error(tags):
    workflow_of(tags)
    found = known_of(tags)
    assert isinstance(found, Fields)
    assert not any(isinstance(value, float) for _, value in found)


def test_a_huge_tag_is_cut_and_says_so(tagged):
    found = dict(tags_of(tagged("mkv", {"prompt": "x" * 3_000_000, "title": "y" * LONGEST})))
    assert len(found["prompt"]) == LONGEST
    assert found["prompt"].endswith("x [cut: 3000000 characters]")
    assert found["title"] == "y" * LONGEST


def test_of_many_tags_the_first_are_kept(tagged):
    found = tags_of(tagged("mkv", {"prompt": "a fox"} | {f"tag{number:04d}": "x" for number in range(1000)}))
    assert len(found) == MOST_TAGS
    assert dict(found)["prompt"] == "a fox"


def test_tags_that_are_no_text_are_read(make, clip, tmp_path):
    path = make(
        "bad-text.mkv", "-i", str(clip), "-c", "copy", "-metadata", "comment=0123456789", "-metadata", "title=abcdef"
    )
    broken = tmp_path / "broken.mkv"
    content = (
        path.read_bytes()
        .replace(b"0123456789", b"\xff\xfe\xc3\x28\x1b[2J\x07!")
        .replace(b"abcdef", b"\x01\x00\xf0\x9f\x98x")
    )
    broken.write_bytes(content)
    found = dict(tags_of(broken))
    assert "\ufffd" in found["comment"]
    assert "\x1b" in found["comment"]
    json.dumps(found).encode()


def test_names_are_plain_and_short(tagged):
    found = tags_of(tagged("mkv", {"A\x1b[2Jb": "x", "n" * 5000: "y"}))
    assert ("a [2jb", "x") in found
    assert ("n" * 100, "y") in found


@pytest.mark.parametrize(
    "content", [b"", b"no media", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", b"\x1aE\xdf\xa3", b"RIFF....AVI "]
)
def test_what_is_no_media_is_refused(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        tags_of(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MediaError, match="cannot be read"):
        tags_of(tmp_path / "gone.mp4")


def test_reading_tags_leaves_the_file_alone(clip):
    before = os.stat(clip).st_mtime_ns, clip.read_bytes()
    tags_of(clip)
    assert (os.stat(clip).st_mtime_ns, clip.read_bytes()) == before


def test_pyav_writes_what_comfyui_would(tmp_path):
    """ComfyUI saves with PyAV: metadata of the container, and `use_metadata_tags` for mp4."""
    path = tmp_path / "comfy.mp4"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as output:
        output.metadata["prompt"] = json.dumps(GRAPH)
        output.metadata["workflow"] = json.dumps(EDITOR)
        stream = output.add_stream("libx264", rate=24, width=64, height=36, pix_fmt="yuv420p")
        for _ in range(2):
            output.mux(stream.encode(av.VideoFrame(64, 36, "yuv420p")))
        output.mux(stream.encode(None))
    assert json.loads(workflow_of(tags_of(path))) == GRAPH
    assert dict(KNOWN).items() <= dict(known_of(tags_of(path))).items()
