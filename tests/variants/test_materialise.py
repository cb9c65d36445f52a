# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.source import Repository, Tree, open_tree
from harness.variants import AS_IS, VariantCommit, catalogue, materialise, tree_stage
from harness.variants.goal import function_text, squeeze
from harness.words import InfraError, UserError

from .kerneltext import NEW, OLD, Spelling, commit, kernel

#: The modules; the package exports functions of the same names.
applying = importlib.import_module("harness.variants.materialise")
runner = importlib.import_module("harness.variants.spatch")

STAGES = [name for name in catalogue() if name != AS_IS]


@dataclass(frozen=True)
class Made:
    """A toy tree and all its variants; made once for a spelling, because every patch takes a moment."""

    spelling: Spelling
    tree: Tree
    variants: Mapping[str, VariantCommit]


@pytest.fixture(scope="module", params=[OLD, NEW], ids=["old", "new"])
def toys(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    tree = toy(tmp_path_factory.mktemp("toy"), kernel(request.param))
    return Made(request.param, tree, {name: materialise(tree, catalogue()[name]) for name in catalogue()})


def toy(tmp_path: Path, files: dict[str, str]) -> Tree:
    return open_tree(str(commit(tmp_path / "linux", files)), tmp_path / "cache")


def standing_at(tree: Tree, made: VariantCommit) -> Tree:
    return replace(tree, spec=f"toy at {made.variant}", base=made.commit, source_id=made.source_id)


def body(tree: Tree, made: VariantCommit, file: str, function: str) -> str:
    text = (Repository(tree.repo).read(made.commit, file) or b"").decode()
    found = function_text(text, function)
    assert found is not None
    return squeeze(found)


def test_every_stage_is_made_and_recognised(toys: Made) -> None:
    tree, made = toys.tree, toys.variants
    assert tree_stage(tree) == "sleepable"
    assert made[AS_IS] == VariantCommit(AS_IS, tree.base, tree.source_id, False, ())
    assert made["sleepable"].contained
    assert made["sleepable"].commit == tree.base
    assert made["series-v2"].source_id == made["series-v4"].source_id
    assert len({one.source_id for one in made.values()}) == len(catalogue()) - 2
    for name in STAGES:
        same = {"series-v2": "series-v4"}.get(name, name)
        assert tree_stage(standing_at(tree, made[name])) == same
    assert made["mask-only"].changed == ("mm/percpu.c",)
    assert made["series-v3"].changed == (
        "include/linux/vmalloc.h", "mm/percpu-vm.c", "mm/percpu.c", "mm/vmalloc.c",
    )  # fmt: skip


def test_what_the_stages_say(toys: Made) -> None:
    tree, made, alloc = toys.tree, toys.variants, toys.spelling.alloc
    new = toys.spelling is NEW
    blind = body(tree, made["scope-blind"], "mm/percpu.c", alloc)
    assert "current_gfp_context" not in blind
    assert "is_atomic=(gfp&GFP_KERNEL)!=GFP_KERNEL;" in blind
    assert "memalloc" not in body(tree, made["scope-atomic"], "mm/percpu.c", "pcpu_balance_workfn")
    v3, v4 = (body(tree, made[name], "mm/percpu.c", alloc) for name in ("series-v3", "series-v4"))
    assert "pcpu_gfp=gfp&(GFP_NOIO|__GFP_NORETRY|__GFP_NOWARN|__GFP_NOFAIL);" in v3
    assert v4 == v3.replace("|__GFP_NOFAIL", "")
    areas = body(tree, made["series-v4"], "mm/vmalloc.c", "pcpu_get_vm_areas")
    assert "GFP_KERNEL" not in areas
    assert areas.count(",gfp)") == 4 + new  # an old kasan_populate_vmalloc() takes no flags
    mapping = body(tree, made["series-v4"], "mm/percpu-vm.c", "__pcpu_map_pages")
    assert ("memalloc_apply_gfp_scope(gfp)" in mapping) is new
    assert ("scope=memalloc_noio_save();" in mapping) is not new
    assert "unit_pages,GFP_KERNEL)" in body(tree, made["series-v4"], "mm/percpu.c", "pcpu_page_first_chunk")


@pytest.mark.parametrize("start", ["scope-blind", "scope-atomic"])
def test_a_tree_before_the_later_stages_comes_to_the_same(toys: Made, start: str) -> None:
    older = standing_at(toys.tree, toys.variants[start])
    repository = Repository(toys.tree.repo)
    for name in ("scope-blind", "scope-atomic", "sleepable", "mask-only"):
        there = materialise(older, catalogue()[name]).commit
        for file in kernel(toys.spelling):
            texts = [repository.read(one, file) or b"" for one in (toys.variants[name].commit, there)]
            assert squeeze(texts[0].decode()) == squeeze(texts[1].decode()), (name, file)
    assert materialise(older, catalogue()[start]).contained


def test_a_second_time_nothing_is_applied(toys: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "spatch", lambda *_: pytest.fail("applied again"))
    for name, made in toys.variants.items():
        assert materialise(toys.tree, catalogue()[name]) == made


def test_the_same_tree_elsewhere_gives_the_same_commit(toys: Made, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    for name, text in kernel(toys.spelling).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    here, there = (open_tree(str(folder), tmp_path / cache) for cache in ("one", "two"))
    made = [materialise(tree, catalogue()["mask-only"]) for tree in (here, there)]
    assert made[0] == made[1]
    assert made[0].source_id == toys.variants["mask-only"].source_id


def test_a_tree_with_the_series_says_so(toys: Made) -> None:
    ahead = standing_at(toys.tree, toys.variants["series-v4"])
    for name in ("scope-blind", "scope-atomic", "sleepable", "mask-only"):
        says = f"already contains series-v4, and {name} is an earlier state .* use as-is"
        with pytest.raises(UserError, match=says):
            materialise(ahead, catalogue()[name])
    assert materialise(ahead, catalogue()["series-v4"]).contained
    assert materialise(ahead, catalogue()["series-v3"]).changed == ("mm/percpu.c",)


def test_a_tree_with_half_of_the_series_says_which_half(tmp_path: Path) -> None:
    files = kernel(NEW)
    files["mm/percpu-vm.c"] = (
        files["mm/percpu-vm.c"]
        .replace("pcpu_get_pages(void)", "pcpu_get_pages(gfp_t gfp)")
        .replace("pages_size, GFP_KERNEL", "pages_size, gfp")
        .replace("pcpu_get_pages()", "pcpu_get_pages(gfp)")
    )
    tree = toy(tmp_path, files)
    assert tree_stage(tree) is None
    with pytest.raises(UserError, match="a part of a later series \\(temp-pages-gfp\\)"):
        materialise(tree, catalogue()["mask-only"])
    made = materialise(tree, catalogue()["series-v4"])
    assert tree_stage(standing_at(tree, made)) == "series-v4"


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("mm/percpu.c", "is_atomic = !gfpflags_allow_blocking(gfp)", "is_atomic = odd(gfp)",
         r"after atomic-unless-blocking.cocci there is in mm/percpu.c, pcpu_alloc\(\) or pcpu_alloc_nop"),
        ("mm/percpu.c", "(GFP_KERNEL | __GFP_NORETRY", "(GFP_USER | __GFP_NORETRY", "after mask-noio.cocci"),
        ("mm/vmalloc.c", "pcpu_get_vm_areas", "pcpu_new_vm_areas", "there is no such function"),
        ("mm/percpu-vm.c", "int nr_pages)", "long nr_pages)", r"mm/percpu-vm.c, __pcpu_map_pages\(\): no"),
    ],
)  # fmt: skip
def test_a_patch_that_does_not_apply_names_file_and_place(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    files = kernel(NEW)
    assert old in files[file]
    files[file] = files[file].replace(old, new)
    tree = toy(tmp_path, files)
    with pytest.raises(UserError, match=f"series-v4 does not apply to {tree.spec}: .*{says}"):
        materialise(tree, catalogue()["series-v4"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    files = kernel(NEW)
    del files["mm/vmalloc.c"]
    with pytest.raises(UserError, match=r"mm/vmalloc\.c: there is no such file"):
        materialise(toy(tmp_path, files), catalogue()["series-v4"])


def test_trouble_with_spatch_is_not_the_users_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.cocci").write_text("@@ this is no rule\n")
    with pytest.raises(InfraError, match=r"could not apply bad\.cocci"):
        runner.spatch(tmp_path / "bad.cocci", {"a.c": b"int a;\n"})
    monkeypatch.setattr(runner, "_DEADLINE", 0.0001)
    with pytest.raises(InfraError, match="did not finish"):
        runner.spatch(tmp_path / "bad.cocci", {"a.c": b"int a;\n"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfraError, match="coccinelle"):
        runner.spatch(tmp_path / "bad.cocci", {"a.c": b"int a;\n"})


def test_a_repository_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = toy(tmp_path, kernel(NEW))
    (tree.repo / "refs/percpu-harness").write_text("in the way")
    with pytest.raises(InfraError, match="could not be committed"):
        materialise(tree, catalogue()["mask-only"])
