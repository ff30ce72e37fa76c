"""Workflows, hooks, the lock and the settings of tools: they parse, they agree with each other, and they are pinned."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
KEYS = {"name", "runs-on", "needs", "if", "permissions", "environment", "timeout-minutes", "strategy", "steps", "env"}
STEP_KEYS = {"name", "uses", "with", "run", "env", "if", "shell", "working-directory"}
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


def load(path: Path) -> dict[str, Any]:
    """Read YAML; `on` is a word in workflows, where YAML says that it is true."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in data.items()}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


# --- workflows -----------------------------------------------------------------------------------------


def test_there_are_two_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


def test_jobs_are_well_formed_and_bounded(workflow) -> None:
    assert workflow.keys() == {"name", "on", "permissions", "concurrency", "jobs"}
    for name, job in workflow["jobs"].items():
        assert job.keys() <= KEYS, name
        assert 0 < job["timeout-minutes"] <= 90, name
        needs = job.get("needs", [])
        assert {needs} if isinstance(needs, str) else set(needs) <= workflow["jobs"].keys(), name
    for step in steps(workflow):
        assert step.keys() <= STEP_KEYS, step
        assert ("uses" in step) != ("run" in step), step


def test_jobs_may_do_no_more_than_they_need(workflow) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert more == ({"publish": {"id-token": "write"}} if workflow["name"] == "release" else {})
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert not EXPRESSION.search(step.get("run", "")), "what others write must not become a script"
        assert "secrets." not in str(step)


def test_expressions_name_what_is_there(workflow) -> None:
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        known = {f"matrix.{name}" for name in matrix}
        for used in EXPRESSION.findall(str(job)):
            assert used.strip() in known, used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_ci_runs_what_anybody_runs_on_every_python_that_we_name() -> None:
    ci = load(WORKFLOWS[0])
    [job] = ci["jobs"].values()
    named = {text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if "Python :: 3." in text}
    matrix = job["strategy"]["matrix"]
    assert (matrix["os"], set(matrix["python"])) == (["ubuntu-latest"], named)
    assert {entry["os"] for entry in matrix["include"]} == {"macos-latest"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert ci["concurrency"]["cancel-in-progress"] is True
    assert any(step.get("with", {}).get("cache") == "pip" for step in job["steps"])


def test_a_release_is_built_then_tried_then_published() -> None:
    release = load(WORKFLOWS[1])
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert {name: job.get("needs") for name, job in release["jobs"].items()} == {
        "build": None,
        "test": "build",
        "publish": "test",
    }
    assert release["jobs"]["publish"]["environment"] == "pypi"
    assert not any("checkout" in step.get("uses", "") for step in release["jobs"]["publish"]["steps"])


# --- hooks, lock, tools --------------------------------------------------------------------------------


def test_hooks_are_pinned_and_check_style_and_types() -> None:
    repos = load(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"] for repo in repos for hook in repo["hooks"]}
    assert {"ruff-check", "ruff-format", "mypy", "check-yaml", "check-toml", "end-of-file-fixer"} <= hooks
    for repo in repos:
        assert repo["repo"] == "local" or re.fullmatch(r"v\d+\.\d+\.\d+", repo["rev"]), repo


def ranged(text: str) -> tuple[str, SpecifierSet]:
    requirement = Requirement(text)
    return canonicalize_name(requirement.name), requirement.specifier


def test_the_lock_is_of_this_project_and_of_the_public_index() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert not re.search(r"file://|(?<![\w.])/opt/", text)
    assert set(re.findall(r'registry = "([^"]+)"', text)) == {"https://pypi.org/simple"}
    assert set(re.findall(r'url = "(https://[^/]+)', text)) == {"https://files.pythonhosted.org"}
    [ours] = [package for package in tomllib.loads(text)["package"] if package["name"] == PROJECT["project"]["name"]]
    project = PROJECT["project"]
    extras = [name for packages in project["optional-dependencies"].values() for name in packages]
    wanted = {ranged(text) for text in (*project["dependencies"], *extras)}
    locked = {(entry["name"], SpecifierSet(entry.get("specifier", ""))) for entry in ours["metadata"]["requires-dist"]}
    assert locked == wanted, "run `uv lock`"
    assert {entry["name"] for entry in ours["dependencies"]} == {ranged(text)[0] for text in project["dependencies"]}
    assert ours["version"] == project["version"]
    assert set(ours["metadata"]["provides-extras"]) == set(project["optional-dependencies"])


def test_every_tool_of_the_justfile_is_a_developers() -> None:
    lines = re.findall(r"^    (?:CI=1 )?([\w-]+)", (ROOT / "Justfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(lines) <= {"pip", "pytest", "ruff", "mypy", "lint-imports", "pre-commit", "python", "uv", "tts-cli"}
    developers = " ".join(PROJECT["project"]["optional-dependencies"]["dev"])
    assert all(name in developers for name in ("pytest-cov", "ruff", "mypy", "import-linter", "hypothesis"))


def test_coverage_counts_branches_of_the_whole_package() -> None:
    run = PROJECT["tool"]["coverage"]["run"]
    assert (run["source"], run["branch"], run["parallel"]) == (["tts_cli"], True, True)


def test_hypothesis_tries_the_same_examples_in_ci() -> None:
    ci, dev = (hypothesis.settings.get_profile(name) for name in ("ci", "dev"))
    assert (ci.derandomize, ci.deadline, ci.print_blob) == (True, None, True)
    assert (dev.derandomize, dev.deadline) == (False, None)


@pytest.mark.parametrize(("variable", "derandomized"), [("1", "True"), ("", "False")])
def test_ci_chooses_its_profile(variable: str, derandomized: str) -> None:
    code = f"import runpy; runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
    code += "import hypothesis; print(hypothesis.settings.default.derandomize)"
    environment = {**os.environ, "CI": variable, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'hub'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == derandomized
