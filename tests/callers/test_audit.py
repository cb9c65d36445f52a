# SPDX-License-Identifier: GPL-2.0-or-later
"""Callers, wrappers, macros and what cannot be told, on a toy tree with real Coccinelle."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from harness.callers import Audit, Concern, Site, audit
from harness.callers.facts import split
from harness.callers.flags import concern, flags_of
from harness.source import Tree
from harness.words import InfraError, UserError
from tests.source.repos import user_repository

HEADER = """
/* comments mention get_area(1, 2, __GFP_NOFAIL) in vain */
void *get_area(int size, int align, gfp_t gfp);
#define area(type, gfp) \\
	((type *)get_area(sizeof(type), \\
				__alignof__(type), gfp))
#define plain_area(type)	area(type, GFP_KERNEL)
static inline void *many(int n, gfp_t how)
{
	return area(int, how | __GFP_ZERO);
}
"""
CALLERS = """
void direct(void) { get_area(1, 1, GFP_KERNEL | __GFP_NOFAIL); }
void through_macro(void) { area(int, GFP_NOIO); }
void through_wrapper(void) { many(3, GFP_ATOMIC | __GFP_NOFAIL); }
void through_variable(int x)
{
	gfp_t gfp = GFP_KERNEL;

	if (x)
		gfp |= __GFP_NOFAIL;
	many(1, gfp);
}
void masked(void) { many(1, GFP_KERNEL & ~__GFP_FS); }
void from_elsewhere(struct thing *t) { many(1, t->gfp); }
void computed(void) { many(1, choose(GFP_KERNEL)); }
void chosen(struct thing *t) { many(1, t->may_wait ? GFP_KERNEL : GFP_ATOMIC); }
void *pointed(gfp_t gfp) { return many(1, gfp); }
void none(void) { many(1, 0); }
void plain(void) { many(1, GFP_KERNEL); plain_area(int); }
"""
STATIC = """
static void *mine(gfp_t gfp) { return get_area(1, 1, gfp); }
void user(void) { mine(GFP_NOFS); }
"""
STRANGER = """
static void *mine(gfp_t gfp) { return other(gfp); }
void stranger(void) { mine(__GFP_NOFAIL); }
"""
BROKEN = """
void broken(void)
{
	for_each_oddity(x in y) {{{ ]
	get_area(1, 1, GFP_KERNEL);
}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("callers")
    files = {
        "Makefile": "VERSION = 6\nPATCHLEVEL = 12\n",
        "include/area.h": HEADER,
        "a.c": CALLERS,
        "b.c": STATIC,
        "c.c": STRANGER,
        "d.c": BROKEN,
        "none.c": "int nothing;\n",
    }
    commit = user_repository(folder / "user", files)
    bare = folder / "bare"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(folder / "user"), str(bare)], check=True)
    said: list[str] = []
    done = audit(Tree("t", "t", "6.12", bare, commit, "s"), {"get_area": 2}, said.append)
    assert any("files read" in line for line in said)
    return done


def sites(found: Audit, concern: Concern) -> dict[str, Site]:
    return {str(site.inside): site for site in found.of(concern)}


def test_nofail_is_found_through_wrappers_and_variables(found: Audit) -> None:
    nofail = sites(found, Concern.NOFAIL)
    assert set(nofail) == {"direct", "through_wrapper", "through_variable"}
    assert (nofail["direct"].file, nofail["direct"].line) == ("a.c", 2)
    assert nofail["through_variable"].flags == ("GFP_KERNEL", "__GFP_NOFAIL")


def test_constrained_callers_are_found_through_macros_and_masks(found: Audit) -> None:
    assert set(sites(found, Concern.CONSTRAINED)) == {"through_macro", "masked", "user"}


def test_what_is_decided_elsewhere_is_said(found: Audit) -> None:
    unknown = sites(found, Concern.UNKNOWN)
    assert unknown["from_elsewhere"].unknown == ("t->gfp",)
    assert unknown["computed"].unknown == ("choose()",)
    assert set(unknown) == {"from_elsewhere", "computed"}


def test_plain_callers_are_counted_where_their_flags_stand(found: Audit) -> None:
    assert set(sites(found, Concern.PLAIN)) == {"plain", "plain_area", "chosen", "none"}


def test_wrappers_are_followed_and_static_ones_stay_in_their_file(found: Audit) -> None:
    assert found.wrappers == ("area", "many", "mine", "pointed")
    assert found.pointed == ("pointed",)
    assert not [site for site in found.sites if site.file == "c.c"]


def test_code_that_coccinelle_does_not_understand_is_named(found: Audit) -> None:
    assert ("d.c", 5, "get_area") in found.unread or sites(found, Concern.PLAIN).get("broken")
    assert not [place for place in found.unread if place[0] != "d.c"], "comments and prototypes are no calls"


def test_flags_of_an_expression() -> None:
    flags = flags_of("(gfp & ~(__GFP_FS | __GFP_IO)) | GFP_KERNEL | f(x)")
    assert flags.given == {"GFP_KERNEL"}
    assert flags.cleared == {"__GFP_FS", "__GFP_IO"}
    assert flags.opaque == {"f()"}
    assert "gfp" in flags.variables
    assert flags_of("(may_wait(x) && y) ? a : z ? GFP_NOIO : b").variables == {"a", "b"}
    assert flags_of("f(c ? GFP_NOFS : 0)").given == {"GFP_NOFS"}


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("__GFP_RECLAIM | GFP_NOWAIT", Concern.CONSTRAINED),  # this is GFP_NOIO
        ("__GFP_RECLAIM | __GFP_IO", Concern.CONSTRAINED),  # and this GFP_NOFS
        ("__GFP_RECLAIM | __GFP_IO | __GFP_FS", Concern.PLAIN),
        ("GFP_KERNEL | __GFP_RECLAIM", Concern.PLAIN),
        ("GFP_KERNEL ^ __GFP_FS", Concern.UNKNOWN),
        ("gfp & GFP_NOIO", Concern.UNKNOWN),
        ("(gfp & __GFP_NOFAIL) | GFP_KERNEL", Concern.UNKNOWN),
        ("(gfp & GFP_RECLAIM_MASK) | __GFP_NOFAIL", Concern.NOFAIL),
        ("gfp & ~__GFP_DIRECT_RECLAIM", Concern.PLAIN),
    ],
)
def test_what_flags_come_to(expression: str, meant: Concern) -> None:
    flags = flags_of(expression)
    assert concern(flags.given, flags.cleared, flags.opaque) is meant


def test_a_search_that_could_not_be_made_is_no_finding(tmp_path: Path) -> None:
    commit = user_repository(tmp_path / "user", {"a.c": "int nothing;\n"})
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(tmp_path / "user"), str(bare)], check=True)
    tree = Tree("t", "t", "6.12", bare, commit, "s")
    with pytest.raises(UserError, match="t mentions none of get_area"):
        audit(tree, {"get_area": 2}, print)
    with pytest.raises(InfraError, match="git cannot search"):
        audit(dataclasses.replace(tree, base="0" * 40), {"get_area": 2}, print)


def test_arguments_are_split_where_they_end() -> None:
    assert split("a , f ( b , c ) , d [ 1 , 2 ]") == ["a", "f ( b , c )", "d [ 1 , 2 ]"]
    assert split("") == []
