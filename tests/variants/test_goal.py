# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from harness.variants.goal import Goal, function_text, goals

SOURCE = b"""\
static int helper(int x);
/* gone(1) */
static int helper(int x)
{
	if (x) {
		return keep( x,
			1 );
	}
	return 0; // gone(2)
}
"""


def test_a_goal_ignores_white_space_and_comments() -> None:
    has, lacks = goals("// goal: a.c missing|helper has keep(x, 1)\n// goal: a.c helper lacks gone(\n@@ @@\n")
    assert has == Goal("a.c", ("missing", "helper"), True, "keep(x, 1)")
    assert has.reached({"a.c": SOURCE})
    assert lacks.reached({"a.c": SOURCE})
    assert not has.reached({"a.c": SOURCE.replace(b"1 )", b"2 )")})
    assert not lacks.reached({"a.c": SOURCE.replace(b"return 0;", b"return gone(3);")})


def test_the_whole_file_can_be_meant() -> None:
    goal = Goal("a.h", ("*",), True, "int helper(int x);")
    assert goal.reached({"a.h": SOURCE})
    assert goal.explain({"a.h": b""}) == "a.h: no 'int helper(int x);'"


def test_what_is_not_there_is_not_reached_and_is_named() -> None:
    goal = Goal("a.c", ("one", "two"), False, "x")
    assert not goal.reached({})
    assert goal.explain({}) == "a.c: there is no such file"
    assert not goal.reached({"a.c": SOURCE})
    assert goal.explain({"a.c": SOURCE}) == "a.c, one() or two(): there is no such function"
    assert goal.explain({"a.c": b"int one(void)\n{\n\tx;\n}\n"}) == "a.c, one() or two(): still a 'x'"


def test_a_declaration_is_no_definition() -> None:
    assert function_text("int f(void);\n", "f") is None
    text = function_text("int f(int g(void),\n int h)\n{\n\tif (h) {\n\t}\n}\nint i;\n", "f")
    assert text is not None
    assert text.endswith("\n}")
