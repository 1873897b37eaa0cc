"""The documentation says what is there: errors, commands, options, links."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import attach.errors
from attach.errors.coverage import REFUSALS
from attach_cli.main import COMMANDS, cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS_PAGE = ROOT / "docs/reference/commands.md"
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
#: Slugs of the agent that the operator takes for another error, or answers itself.
TRANSLATED = {
    *("agent-failed", "bad-name", "bad-option", "code-running", "coverage-not-started", "coverage-running"),
    *("data-file-not-writable", "saving-unavailable", "too-many-names", "tracer-needed", "unknown-name"),
    *("ambiguous-file", "bad-logpoint", "no-code-at-line", "unknown-file", "unknown-function"),
    *("debug-busy", "debug-closed", "no-pdb", "no-such-module", "no-such-thread", "pdbcls"),
}


def headings(page: Path) -> list[tuple[int, str]]:
    """(level, text) of each heading outside of code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", text, flags=re.MULTILINE)]


def section(title: str) -> str:
    """The text of a section of the page of commands."""
    (text,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", COMMANDS_PAGE.read_text(), re.M | re.S)
    assert isinstance(text, str)
    return text


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of the tables in `text`, without their heads."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def error_classes(base: type[attach.errors.AttachError]) -> Iterator[type[attach.errors.AttachError]]:
    yield base
    for derived in base.__subclasses__():
        yield from error_classes(derived)


def test_each_error_has_its_section() -> None:
    """Every slug that a user may see has one section, every section a slug."""
    slugs = {error.slug for error in error_classes(attach.errors.AttachError)} | REFUSALS.keys() | TRANSLATED
    sections = [title for level, title in headings(ROOT / "docs/reference/errors.md") if level == 3]
    assert sorted(sections) == sorted(slugs)


def test_exit_codes_of_errors() -> None:
    """A section names the exit code that its error has."""
    page = (ROOT / "docs/reference/errors.md").read_text()
    codes = {error.slug: error.exit_code for error in error_classes(attach.errors.AttachError)}
    codes |= dict.fromkeys(REFUSALS, attach.errors.CoverageRefused.exit_code)
    for slug, code in codes.items():
        (text,) = re.findall(rf"^### {slug}$(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        assert re.findall(r"[Ee]xit\s+code (\d)", text) == [str(code)], slug


def test_slugs_of_the_agent() -> None:
    """Every slug that the agent raises is one that the operator knows."""
    raised = set()
    for source in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AgentError":
                assert isinstance(node.args[0], ast.Constant)
                raised.add(node.args[0].value)
    assert raised
    assert raised | {"agent-failed"} == REFUSALS.keys() | TRANSLATED


def test_each_command_has_its_section() -> None:
    """The page of commands has a row and a section for each command, and for no other."""
    titles = [title for level, title in headings(COMMANDS_PAGE) if level == 2]
    assert titles == [*COMMANDS, "Options of several commands"]
    introduction = COMMANDS_PAGE.read_text().partition("\n## ")[0]
    listed = [row[0].strip("`").split()[-1] for row in rows(introduction)]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options(name: str) -> None:
    """Each option of a command is documented, and each that is documented exists."""
    documented = {option for cells in rows(section(name)) for option in OPTION.findall(cells[0])}
    for option, commands, _ in rows(section("Options of several commands")):
        if commands == "all" or f"`{name}`" in commands:
            documented |= set(OPTION.findall(option))
    context = click.Context(cli, info_name="attach")
    command = cli.get_command(context, name)
    assert command is not None
    inner = click.Context(command, context, info_name=name, **cli.context_settings)
    options = [parameter for parameter in command.get_params(inner) if isinstance(parameter, click.Option)]
    there = {option for parameter in options for option in (*parameter.opts, *parameter.secondary_opts)}
    assert documented == there


def test_options_of_the_program() -> None:
    """What may stand before the PID is what the page says."""
    documented = {o for cells in rows(section("Options of several commands")) for o in OPTION.findall(cells[0])}
    context = click.Context(cli, info_name="attach", **cli.context_settings)
    assert documented == {option for parameter in cli.get_params(context) for option in parameter.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    """A link from one page to another leads to a file that is there, and to a heading in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        goal = (page.parent / name).resolve() if name else page
        assert goal.exists(), link
        if anchor:
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(goal)}
            assert anchor in anchors, link


def test_commands_that_are_typed() -> None:
    """Every command line on a page, in a hint and in a message calls a command that exists."""
    process = r"(?:PID|\$\w+|\d+|\{p?pid\})"
    typed = re.compile(rf"attach(?: --?\w+(?: \d+)?)* {process} ([a-z][a-z-]+)")
    sources = [*(ROOT / "attach").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    for file in [*PAGES, *sources]:
        if file.name != "roadmap.md":
            assert {*typed.findall(file.read_text())} <= COMMANDS.keys(), file
