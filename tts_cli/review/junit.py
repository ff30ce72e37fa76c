"""A review as JUnit XML: a test case for each line and for each check of a file, as CI servers show them."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tts_cli.text.markup import first_words

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FAILED = ("failed", "over budget")
"""The statuses of a line that fail a build; a flagged one passes."""


def write_junit(review: Mapping[str, Any]) -> bytes:
    """Return the XML of a review in its JSON form."""
    root = ET.Element("testsuites", name=_clean(review["project"]))
    lines = ET.SubElement(root, "testsuite", name="lines")
    for line in review["lines"]:
        _add_line(lines, line)
    files = ET.SubElement(root, "testsuite", name="files")
    for file in review["files"]:
        for check in file["checks"]:
            case = ET.SubElement(files, "testcase", classname=_clean(file["path"]), name=check["name"])
            if not check["passed"]:
                message = f"{check['measured']}, not {check['wanted']}"
                ET.SubElement(case, "failure", type="check", message=message)
    for name, count in review["incomplete"].items():
        case = ET.SubElement(files, "testcase", classname=_clean(name), name="complete")
        ET.SubElement(case, "failure", type="not written", message=f"{count} of its lines are missing")
    for suite in (lines, files):
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_line(suite: ET.Element, line: Mapping[str, Any]) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(line["chapter"] or "lines"),
        name=_clean(f"{line['id']}: {first_words(line['text'])}" if line["text"] else line["id"]),
        time=f"{line['seconds']:.3f}",
    )
    if line["source"]:
        path, _, number = line["source"].rpartition(":")[0].rpartition(":")
        case.set("file", _clean(path))
        case.set("line", number)
    if line["status"] in FAILED:
        ET.SubElement(case, "failure", type=line["status"], message=_clean(line["problem"])).text = _clean(line["text"])
    elif line["status"] != "ok":
        ET.SubElement(case, "system-out").text = _clean(f"{line['status']}: {line['problem']}")


def _clean(text: str) -> str:
    """Return text without the characters that XML has no way to write."""
    return _NOT_XML.sub("\ufffd", text)
