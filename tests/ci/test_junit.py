"""JUnit XML as its readers want it."""

from xml.etree import ElementTree

from shotbuild.ci.junit import Case, cases_of, of_check, xml
from shotbuild.errors import GateError, Location, PlanError, SpecError, SpecErrors

ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
}
"""Those of the schema of Jenkins and Surefire that are used."""
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "skipped"}}


def checked(text: str) -> ElementTree.Element:
    """The suite of a document that every reader takes."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag], element.tag
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set()), element.tag
    (suite,) = root
    names = [case.attrib["name"] for case in suite]
    assert len(set(names)) == len(names)
    assert int(suite.attrib["tests"]) == len(names)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert all(len(case) <= 1 for case in suite)
    return suite


def test_a_failure_has_message_place_cause_and_remedy() -> None:
    place = Location(file="specs/a.yaml", line=4, column=2)
    error = GateError("it is missing", location=place, cause="nobody made it", hint="make it")
    suite = checked(xml("shotbuild build", [Case(name="sh010/t1", stage="generate", failure=error)]))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib == {"message": "it is missing", "type": "GateError"}
    assert failure.text == "specs/a.yaml:4:2: error: it is missing\ncause: nobody made it\n\nhint: make it"


def test_control_characters_are_gone_and_names_are_apart() -> None:
    hostile = 'a\x00\x1b[31m]]>&<"\ud800\ufffe\x85'
    cases = [Case(name=hostile, stage="x", failure=PlanError(hostile)) for _ in range(3)]
    cases += [Case(name="b", stage=hostile, skipped=hostile), Case(name="b", stage="y")]
    checked(xml(hostile.replace("\ud800", ""), cases))
    text = xml("s", cases)
    text.encode()
    assert not any(ord(char) < 0x20 and char != "\n" for char in text)


def test_errors_before_there_are_steps_are_cases_by_their_place() -> None:
    places = [Location(file="specs/a.yaml", line=line, column=1) for line in (1, 2, 2)]
    errors = SpecErrors([SpecError(f"wrong {index}", location=place) for index, place in enumerate(places)])
    suite = checked(xml("shotbuild build", cases_of(errors)))
    assert [case.attrib["name"] for case in suite] == ["specs/a.yaml:1:1", "specs/a.yaml:2:1", "specs/a.yaml:2:1 (2)"]


def test_a_check_that_finds_nothing_is_one_case_that_passes() -> None:
    suite = checked(of_check("shotbuild lint", None))
    assert [(case.attrib["name"], len(case)) for case in suite] == [("no errors", 0)]
