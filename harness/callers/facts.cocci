// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints, a JSON array a line: who calls certain functions (facts.py fills them in) with what, which functions
 * are defined with which parameters, and what is stored in variables of type gfp_t.
 */

@initialize:python@
@@
import json

def say(what, positions, *fields):
    at = positions[0]
    print(json.dumps([what, at.file, int(at.line), at.current_element, *map(str, fields)]), flush=True)

@called@
identifier f = {NAMES};
expression list arguments;
position p;
@@
f@p(arguments)

@script:python@
f << called.f;
arguments << called.arguments;
p << called.p;
@@
say("call", p, f, arguments)

@defined@
identifier f;
parameter list parameters;
position p;
@@
f@p(parameters) { ... }

@script:python@
f << defined.f;
parameters << defined.parameters;
p << defined.p;
@@
say("function", p, f, parameters)

@stored@
typedef gfp_t;
idexpression gfp_t v;
expression e;
assignment operator op;
position p;
@@
v@p op e

@script:python@
v << stored.v;
e << stored.e;
p << stored.p;
@@
say("store", p, v, e)

@declared@
identifier v;
expression e;
position p;
@@
gfp_t v@p = e;

@script:python@
v << declared.v;
e << declared.e;
p << declared.p;
@@
say("store", p, v, e)
