# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole builds of the toy tree: what is compiled, what is reused, what is said when it fails."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.build import Builder, BuildProgress, KernelCache
from harness.words import BuildError, UserError
from tests.toytree import OBJECTS, ToyTree, toy_module, toy_tree


@dataclasses.dataclass
class Bench:
    tree: ToyTree
    base: str
    cache: Path
    module: Path
    fragment: Path
    log: Path
    told: list[BuildProgress] = dataclasses.field(default_factory=list)

    def builder(self) -> Builder:
        return Builder(self.tree, self.cache, [self.fragment], self.module)

    def build(self, commit: str, builder: Builder | None = None):
        self.told.clear()
        builder = builder or self.builder()
        return builder.build(commit, self.tree.source_id(commit), self.log, self.told.append)

    def compiled(self) -> list[str]:
        return [line.split()[1] for line in self.log.read_text().splitlines() if line.startswith("  CC  ")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    tree = toy_tree(tmp_path / "tree")
    fragment = tmp_path / "toy.config"
    fragment.write_text("CONFIG_DEBUG_KERNEL=y\nCONFIG_EXPERT=y\nCONFIG_PROVE_LOCKING=y\n")
    module = toy_module(tmp_path / "module")
    base = tree.git("rev-parse", "HEAD")
    return Bench(tree, base, tmp_path / "cache", module, fragment, tmp_path / "log/build.log")


def test_a_kernel_has_all_its_parts(bench: Bench) -> None:
    kernel = bench.build(bench.base)
    assert not kernel.reused
    assert kernel.release == "6.12.0"
    assert len(kernel.build_id) == 40
    for path in (kernel.image, kernel.module, kernel.config, kernel.system_map, kernel.log):
        assert path.stat().st_size > 0
        assert path.is_relative_to(bench.cache / "kernels")
    assert "CONFIG_PROVE_LOCKING=y" in kernel.config.read_text()
    assert sorted(bench.compiled()) == sorted(OBJECTS)
    compiling = [step for step in bench.told if step.what.startswith("CC ")]
    assert [(step.done, step.total) for step in compiling[:4]] == [(number, 4) for number in (1, 2, 3, 4)]


def test_a_cached_kernel_runs_no_make_and_checks_nothing_out(bench: Bench, monkeypatch) -> None:
    built = bench.build(bench.base)
    monkeypatch.setattr("harness.build.make.Make.tool", lambda *_: pytest.fail("make was run"))
    monkeypatch.setattr(ToyTree, "worktree", lambda *_: pytest.fail("a worktree was made"))
    bench.log.unlink()
    again = bench.build(bench.base)
    assert again == dataclasses.replace(built, reused=True)
    assert "init/main.o" in bench.log.read_text()


def test_only_what_changed_is_compiled_and_back_again_gives_the_same_bytes(bench: Bench) -> None:
    builder = bench.builder()
    first = bench.build(bench.base, builder)
    other = bench.tree.replace("include/linux/vmalloc.h", "int size", "int bytes")
    bench.build(other, builder)
    assert sorted(bench.compiled()) == ["mm/percpu.o", "mm/vmalloc.o"]
    assert bench.told[-1].total is not None
    assert {step.total for step in bench.told if step.what.startswith("CC mm/")} == {2}
    image = first.image.read_bytes()
    KernelCache(bench.cache).prune()  # `builder` still holds its kernels
    assert first.image.exists()
    elsewhere = dataclasses.replace(bench, cache=bench.cache.with_name("elsewhere"))
    assert elsewhere.build(bench.base).image.read_bytes() == image


def test_the_module_is_part_of_the_key(bench: Bench) -> None:
    first = bench.build(bench.base)
    (bench.module / "toy.c").write_text("int toy(void) { return 2; }\n")
    second = bench.build(bench.base)
    assert second.key != first.key
    assert second.image.read_bytes() == first.image.read_bytes()
    assert bench.compiled() == []


def test_a_module_that_changes_meanwhile_is_not_kept_as_what_it_was(bench: Bench) -> None:
    builder = bench.builder()
    (source,) = bench.module.glob("*.c")
    source.write_text(source.read_text() + "/* changed */\n")
    with pytest.raises(UserError, match="was changed while the kernel was built: run again"):
        bench.build(bench.base, builder)
    assert not bench.build(bench.base).reused


def test_another_module_in_the_same_folder_leaves_nothing_of_the_first(bench: Bench) -> None:
    first = bench.build(bench.base)
    (bench.module / "toy.c").rename(bench.module / "other.c")
    kbuild = bench.module / "Kbuild"
    kbuild.write_text(kbuild.read_text().replace("toy.o", "other.o"))
    second = bench.build(bench.base)
    assert (first.module.name, second.module.name) == ("toy.ko", "other.ko")
    assert bench.compiled() == []


def test_a_compile_error_is_named(bench: Bench) -> None:
    broken = bench.tree.replace("mm/vmalloc.c", "return size;", "return sizes;")
    with pytest.raises(BuildError) as caught:
        bench.build(broken)
    assert caught.value.first_error.startswith("mm/vmalloc.c:2:42: error: 'sizes' undeclared")
    assert caught.value.log == bench.log
    assert "\n" not in str(caught.value)
    assert not bench.build(bench.base).reused


def test_a_link_error_is_named(bench: Bench) -> None:
    broken = bench.tree.replace("mm/vmalloc.c", "int pcpu_get_vm_areas", "static int pcpu_get_other")
    with pytest.raises(BuildError, match=r"percpu.c:.*undefined reference to `pcpu_get_vm_areas'"):
        bench.build(broken)


def test_a_missing_file_is_named(bench: Bench) -> None:
    (bench.tree.repo / "mm/vmalloc.c").unlink()
    broken = bench.tree.commit()
    with pytest.raises(BuildError, match=r"\*\*\* No rule to make target .*mm/vmalloc.o"):
        bench.build(broken)


def test_an_option_that_does_not_stick_is_the_users_error(bench: Bench) -> None:
    bench.fragment.write_text("CONFIG_DEBUG_KERNEL=y\nCONFIG_PROVE_LOCKING=y\n")
    with pytest.raises(UserError, match=r"CONFIG_PROVE_LOCKING=y \(toy.config:2\).*EXPERT=n"):
        bench.build(bench.base)


def test_a_changed_kconfig_makes_the_config_anew(bench: Bench) -> None:
    builder = bench.builder()
    bench.build(bench.base, builder)
    changed = bench.tree.replace("Kconfig", "&& EXPERT", "&& HIDDEN")
    with pytest.raises(UserError, match="PROVE_LOCKING"):
        bench.build(changed, builder)


def test_an_optional_option_is_noted_in_the_log(bench: Bench) -> None:
    bench.fragment.write_text("# optional: until 6.1\nCONFIG_GONE=y\n")
    bench.build(bench.base)
    assert "(until 6.1): CONFIG_GONE=y (toy.config:2): this tree has no such option" in bench.log.read_text()
