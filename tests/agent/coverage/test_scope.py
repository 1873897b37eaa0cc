"""Which files are measured."""

import os
import sys
from pathlib import Path

import pytest

from attach_agent.coverage.scope import STANDARD_LIBRARY, Scope, is_installed
from attach_agent.errors import AgentError

LIBRARY = os.path.dirname(os.__file__)
INSTALLED = f"{LIBRARY}/site-packages/flask/app.py"


def measured(scope: Scope, *filenames: str, module: str = "module") -> list[str]:
    """Which of these files are measured."""
    return [name for name in filenames if scope.admits(name, {"__name__": module}) is not None]


def test_default() -> None:
    """Without options all is measured but the standard library, installed packages, made-up names and ourselves."""
    own = Scope.admits.__code__.co_filename
    left_out = (f"{LIBRARY}/json/decoder.py", INSTALLED, "/usr/lib/python3/dist-packages/x.py", "<string>", "", own)
    assert measured(Scope(), "/srv/app.py", *left_out, "<frozen os>", "memory:x") == ["/srv/app.py"]


def test_pylib() -> None:
    """-L adds the standard library, and, as in coverage.py, not the installed packages."""
    library = f"{LIBRARY}/json/decoder.py"
    assert measured(Scope(pylib=True), "/srv/app.py", library, INSTALLED) == ["/srv/app.py", library]


def test_source_dirs() -> None:
    """A source folder bounds what is measured; a virtual environment in it is not part of it, unless it was named."""
    inside, venv = "/srv/shop/app.py", "/srv/shop/venv/lib/python3.9/site-packages/flask/app.py"
    assert measured(Scope(source_dirs=("/srv/shop",)), inside, venv, "/srv/shopping/app.py", INSTALLED) == [inside]
    named = Scope(source_dirs=(os.path.dirname(venv),))
    assert measured(named, inside, venv) == [venv]
    assert measured(Scope(source_dirs=(LIBRARY,)), f"{LIBRARY}/json/decoder.py") == [f"{LIBRARY}/json/decoder.py"]


def test_source_dir_behind_a_link(tmp_path: Path) -> None:
    """A source folder is also found under the name that its symbolic links lead to."""
    (tmp_path / "releases").mkdir()
    (tmp_path / "current").symlink_to("releases")
    real = str((tmp_path / "releases").resolve() / "app.py")
    assert measured(Scope(source_dirs=(str(tmp_path / "current"),)), real) == [real]


@pytest.mark.parametrize(
    ("module", "expected"), [("shop", True), ("shop.cart", True), ("shopping", False), ("other", False)]
)
def test_source_packages(module: str, expected: bool) -> None:
    """A source package is told by the module's name, wherever its files are."""
    assert bool(measured(Scope(source_pkgs=("shop",)), INSTALLED, module=module)) is expected


def test_source_package_run_as_main() -> None:
    """What `python -m` runs is known by its spec, a script by its file name."""
    scope = Scope(source_pkgs=("shop",))
    spec = type(sys.__spec__)("shop.__main__", None)
    assert scope.admits("/srv/__main__.py", {"__name__": "__main__", "__spec__": spec})
    assert scope.admits("/srv/shop.py", {"__name__": "__main__"})
    assert not scope.admits("/srv/other.py", {"__name__": "__main__", "__spec__": None})


def test_include_and_omit() -> None:
    """An include pattern alone bounds what is measured, omit takes away from everything, source before include."""
    assert measured(Scope(include=(".*/flask/.*",)), "/srv/app.py", INSTALLED) == [INSTALLED]
    assert measured(Scope(omit=(r".*/test_\w+\.py$",)), "/srv/app.py", "/srv/test_app.py") == ["/srv/app.py"]
    both = Scope(source_dirs=("/srv",), include=("/elsewhere/.*",), omit=("/srv/b",))
    assert measured(both, "/srv/a.py", "/srv/b.py", "/elsewhere/c.py") == ["/srv/a.py"]


def test_bad_pattern() -> None:
    """A pattern that cannot be compiled is refused with the reason."""
    from attach_agent.coverage.control import Coverage

    coverage = Coverage(getattr)
    with pytest.raises(AgentError, match="pattern") as refused:
        coverage.start((("omit", ("(",)),))
    assert refused.value.slug == "bad-option"
    for options in ((("nothing", ()),), (("omit", "text"),), (("pylib", 1),), (("include", (1,)),)):
        with pytest.raises(AgentError):
            coverage.start(options)


def test_relative_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name is placed where its file is, be it below sys.path[0]; else below the working directory."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "app.py").touch()
    (tmp_path / "there" / "main.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "there"), *sys.path])
    scope = Scope()
    assert scope.admits("app.py", {}) == str(tmp_path / "here" / "app.py")
    assert scope.admits("./x/../app.py", {}) == str(tmp_path / "here" / "app.py")
    assert scope.admits("main.py", {}) == str(tmp_path / "there" / "main.py")
    assert scope.admits("elsewhere/main.py", {}) == str(tmp_path / "there" / "main.py")
    assert scope.admits("nowhere.py", {}) == str(tmp_path / "here" / "nowhere.py")


@pytest.mark.parametrize("filename", ["a\0b.py", "\udc80.py", "x" * 5000, "/\ud800.py", "///", ".."])
def test_strange_names(filename: str) -> None:
    """No file name makes the decision fail: it is made in the middle of other people's code."""
    Scope(omit=("nothing",)).admits(filename, {})


def test_foreign_namespaces() -> None:
    """The decision runs no code of the namespace it looks at."""

    class Trap(dict):  # type: ignore[type-arg]
        def get(self, *_: object) -> object:
            raise AssertionError

    class Spec:
        @property
        def name(self) -> str:
            raise AssertionError

    scope = Scope(source_pkgs=("shop",))
    assert scope.admits("/srv/other.py", Trap(__name__="__main__", __spec__=Spec())) is None
    assert scope.admits("/srv/other.py", Trap(__name__=5)) is None


def test_groups() -> None:
    """What was left out is named by package, or by folder."""
    scope = Scope()
    assert scope.group_of(INSTALLED) == "flask"
    assert scope.group_of("/venv/lib/site-packages/six.py") == "six"
    assert scope.group_of(f"{LIBRARY}/json/decoder.py") == STANDARD_LIBRARY
    assert scope.group_of("/srv/app/x.py") == "/srv/app"
    assert is_installed(INSTALLED) and not is_installed("/srv/app/x.py")
