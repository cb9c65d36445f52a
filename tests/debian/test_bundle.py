# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes with packages that are made here, of programs that are compiled here."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from harness.debian import bundle as room
from harness.debian.apt import Offer
from harness.debian.bundle import bundle, version
from harness.debian.closure import closure
from harness.debian.package import read_packages
from harness.debian.recipe import Recipe, load_recipe, read_recipe
from harness.machine import build_initrd
from harness.words import InfraError

LIBRARIES = "lib/x86_64-linux-gnu"


def silent(_: str) -> None:
    pass


def compile_c(out: Path, text: str, *flags: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    source = out.with_suffix(".c")
    source.write_text(text)
    subprocess.run(["gcc", "-o", out, source, *flags], check=True)
    source.unlink()


def pack(folder: Path, name: str, version: str) -> Path:
    """Make a .deb of a folder."""
    (folder / "DEBIAN").mkdir()
    (folder / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <n@example.org>\n"
        "Description: a package\n"
    )
    file = folder.parent / f"{name}_{version}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", folder, file], check=True, stdout=subprocess.DEVNULL
    )
    return file


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a tool that needs libouter, which needs libinner, each packed with such links as Debian has."""
    top = tmp_path_factory.mktemp("packages")
    inner, outer, tool = top / "inner", top / "outer", top / "tool"
    build = ("-shared", "-fPIC", "-nostdlib")
    real = inner / "usr" / LIBRARIES / "libinner.so.1.2"
    compile_c(real, "int inner(void) { return 1; }", *build, "-Wl,-soname,libinner.so.1")
    (real.parent / "libinner.so.1").symlink_to("libinner.so.1.2")
    (real.parent / "libnowhere.so.1").symlink_to("../absent")
    compile_c(
        outer / LIBRARIES / "libouter.so.2",
        "int inner(void); int outer(void) { return inner(); }",
        *(*build, "-Wl,-soname,libouter.so.2", str(real)),
    )
    compile_c(
        tool / "usr" / "sbin" / "tool",
        "int outer(void); void _start(void) { outer(); }",
        *("-nostdlib", "-no-pie", "-Wl,--dynamic-linker=/lib64/ld.so.1", "-Wl,--allow-shlib-undefined"),
        str(outer / LIBRARIES / "libouter.so.2"),
    )
    (outer / "lib64").mkdir()
    (outer / "lib64" / "ld.so.1").write_text("stands for the interpreter")
    (tool / "etc").mkdir()
    (tool / "etc" / "tool.conf").write_text("as = shipped\n")
    return {
        "tool": pack(tool, "tool", "2.1.8-1"),
        "libouter": pack(outer, "libouter", "2"),
        "libinner": pack(inner, "libinner", "1"),
    }


def recipe(**changes: object) -> Recipe:
    made = Recipe(
        name="tool",
        package="tool",
        suites=("bookworm",),
        files=("sbin/tool", "etc/tool.conf"),
        digest="d",
        version="2.1.8",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


class Archive:
    """Stands in for apt: offers the packages, in the order in which it is told to."""

    def __init__(self, packages: dict[str, Path], libraries: list[str]) -> None:
        self.packages, self.order = packages, libraries
        self.updates = 0

    def update(self, suites: object) -> None:
        self.updates += 1

    def libraries(self, package: str) -> list[str]:
        return self.order

    def offers(self, package: str) -> list[Offer]:
        file = self.packages.get(package)
        return [Offer(package, file.name.split("_")[1], "bookworm")] if file else []

    def download(self, offer: Offer, folder: Path) -> Path:
        return self.packages[offer.package]


def archive(monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path], *libraries: str) -> Archive:
    made = Archive(packages, list(libraries))
    monkeypatch.setattr(room, "PrivateApt", lambda folder, mirror: made)
    return made


def test_a_program_comes_with_all_that_it_needs_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path]
) -> None:
    archive(monkeypatch, packages, "libouter", "libinner")
    files = bundle(recipe(), tmp_path, "uri:m", silent)
    assert set(files) == {
        "/sbin/tool",
        "/etc/tool.conf",
        "/lib64/ld.so.1",
        f"/{LIBRARIES}/libouter.so.2",
        f"/{LIBRARIES}/libinner.so.1",
    }
    assert files["/sbin/tool"].stat().st_mode & 0o111
    assert not files["/etc/tool.conf"].stat().st_mode & 0o111


def test_the_same_packages_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path]
) -> None:
    made = []
    for name, order in (("one", ("libouter", "libinner")), ("two", ("libinner", "libouter"))):
        archive(monkeypatch, packages, *order)
        files = bundle(recipe(), tmp_path / name, "uri:m", silent)
        made.append(build_initrd(tmp_path / f"{name}.initrd", files).read_bytes())
    assert made[0] == made[1]


def test_what_is_there_is_not_fetched_again_unless_the_recipe_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path]
) -> None:
    apt = archive(monkeypatch, packages, "libouter", "libinner")
    assert version(recipe(), tmp_path) == ""
    first = bundle(recipe(), tmp_path, "uri:m", silent)
    assert version(recipe(), tmp_path) == "2.1.8-1"
    assert bundle(recipe(), tmp_path, "uri:m", silent) == first
    assert apt.updates == 1
    fewer = bundle(recipe(files=("etc/tool.conf",), digest="other"), tmp_path, "uri:m", silent)
    assert set(fewer) == {"/etc/tool.conf"}
    assert apt.updates == 2


def test_a_missing_library_is_named_with_who_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path]
) -> None:
    archive(monkeypatch, packages, "libouter")
    with pytest.raises(InfraError) as caught:
        bundle(recipe(files=("sbin/tool", "sbin/gone")), tmp_path, "uri:m", silent)
    said = str(caught.value)
    assert f"libinner.so.1 (needed by {LIBRARIES}/libouter.so.2)" in said
    assert "sbin/gone (needed by the recipe)" in said
    archive(monkeypatch, packages, "libouter", "libinner")
    assert bundle(recipe(), tmp_path, "uri:m", silent), "a fetch that failed leaves nothing in the way"


def test_another_version_or_no_package_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, Path]
) -> None:
    archive(monkeypatch, packages)
    with pytest.raises(InfraError, match=r"has tool 2\.1\.8-1 and not 2\.1\.11"):
        bundle(recipe(version="2.1.11"), tmp_path, "uri:m", silent)
    with pytest.raises(InfraError, match="the mirror has no other"):
        bundle(recipe(package="other"), tmp_path, "uri:m", silent)


def test_damaged_files_are_told(tmp_path: Path) -> None:
    deb = tmp_path / "broken_1_all.deb"
    deb.write_bytes(b"no archive")
    with pytest.raises(InfraError, match=r"broken_1_all\.deb"):
        read_packages([deb])
    with pytest.raises(InfraError, match="sbin/x is a damaged ELF file"):
        closure({"sbin/x": b"\x7fELF" + bytes(40)}, ["sbin/x"])


def test_the_recipes_that_ship_can_be_read() -> None:
    old, newest = load_recipe("open-iscsi-2.1.8"), load_recipe("open-iscsi-newest")
    assert old.version == "2.1.8"
    assert old.suites == ("bookworm",)
    assert old.files == newest.files
    assert old.digest != newest.digest


@pytest.mark.parametrize("text", ["package = ", 'package = "p"\nfiles = ["f"]\nsuits = ["s"]\n'])
def test_what_is_no_recipe_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InfraError, match="is no recipe"):
        read_recipe(path)


@pytest.mark.network
@pytest.mark.parametrize("name", ["open-iscsi-2.1.8", "open-iscsi-newest"])
def test_the_initiators_are_complete_small_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    made = []
    for time in ("first", "second"):
        files = bundle(load_recipe(name), tmp_path / time, None, silent)
        assert {"/sbin/iscsid", "/sbin/iscsiadm", "/etc/iscsi/iscsid.conf"} <= set(files)
        assert any(path.endswith("/libc.so.6") for path in files)
        made.append(build_initrd(tmp_path / f"{time}.initrd", files).read_bytes())
    assert made[0] == made[1]
    assert len(made[0]) < 10_000_000


@pytest.mark.network
def test_a_file_that_the_real_package_lacks_is_named(tmp_path: Path) -> None:
    asked = load_recipe("open-iscsi-2.1.8")
    asked = dataclasses.replace(asked, files=(*asked.files, "sbin/iscsid-gone"))
    with pytest.raises(InfraError, match=r"the packages lack sbin/iscsid-gone \(needed by the recipe\)"):
        bundle(asked, tmp_path, None, silent)
