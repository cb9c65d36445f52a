# SPDX-License-Identifier: GPL-2.0-or-later
"""A toy kernel tree: enough of kbuild and kconfig, in a few files, that a build takes a fraction of a second.

It compiles real C with the real gcc, so headers, errors, warnings and build ids behave as in a kernel.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

OBJECTS = ("init/main.o", "mm/percpu.o", "mm/percpu-vm.o", "mm/vmalloc.o")

_MAKEFILE = """\
# SPDX-License-Identifier: GPL-2.0
VERSION = {version}
PATCHLEVEL = {patchlevel}
SUBLEVEL = {sublevel}
EXTRAVERSION =
NAME = Toy

O ?= .
S := $(CURDIR)
objects := {objects}
release := $(VERSION).$(PATCHLEVEL).$(SUBLEVEL)$(LOCALVERSION)
compile = $(CC) -c -fno-pic -I$(S)/include $(KCFLAGS) -Wall -MMD -MF $@.d

.PHONY: allnoconfig vmlinux modules kernelrelease
ifdef M
modules: $(patsubst %.c,%.ko,$(filter-out %.mod.c,$(wildcard $(M)/*.c)))
$(M)/%.ko: $(M)/%.c $(O)/vmlinux
\t@echo "  CC [M]  $(M)/$*.o"
\t@$(compile) -o $@ $<
else
modules: vmlinux
\t@touch $(O)/Module.symvers
endif

allnoconfig:
\t@python3 $(S)/scripts/kconfig/conf.py $(S) $(O)/.config $(KCONFIG_ALLCONFIG)

vmlinux: $(addprefix $(O)/,$(objects))
\t@echo "  LD      vmlinux"
\t@$(CC) -nostdlib -static -no-pie -Wl,--build-id,-e,0 -o $(O)/vmlinux $^
\t@nm $(O)/vmlinux > $(O)/System.map
\t@mkdir -p $(O)/include/config && echo $(release) > $(O)/include/config/kernel.release

$(O)/%.o: $(S)/%.c
\t@mkdir -p $(dir $@)
\t@echo "  CC      $*.o"
\t@$(compile) -DBUILT='"$(KBUILD_BUILD_TIMESTAMP)"' -o $@ $<
\t@cp $@.d $(dir $@).$(notdir $@).cmd

-include $(addprefix $(O)/,$(addsuffix .d,$(objects)))
"""

_CONF = '''\
# SPDX-License-Identifier: GPL-2.0
"""allnoconfig: asked-for symbols whose `depends on A && B` holds stay, all others are off."""
import re
import sys

tree, out, *asked = sys.argv[1:]
entries = re.split(r"^(?:menu)?config ", open(f"{tree}/Kconfig").read(), flags=re.M)[1:]
wanted = dict(re.findall(r"^CONFIG_(\\w+)=(.*)$", open(asked[0]).read() if asked else "", re.M))
values = {}
for entry in entries:
    name = entry.split()[0]
    needs = re.findall(r"\\w+", " ".join(re.findall(r"depends on (.*)", entry)))
    values[name] = wanted.get(name) if all(values.get(need) for need in needs) else None
with open(out, "w") as config:
    config.write("# Linux/x86 toy Kernel Configuration\\n")
    for name, value in values.items():
        config.write(f"CONFIG_{name}={value}\\n" if value else f"# CONFIG_{name} is not set\\n")
'''

_MERGE = """\
#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
shift
cat "$@" > "$KCONFIG_CONFIG"
"""

_KCONFIG = """\
# SPDX-License-Identifier: GPL-2.0
config EXPERT
\tbool "Expert"

config DEBUG_KERNEL
\tbool "Kernel debugging"

config PROVE_LOCKING
\tbool "Prove locking"
\tdepends on DEBUG_KERNEL && EXPERT
\thelp
\t  config HELP_IS_NO_ENTRY
\t  A help text.

config HIDDEN
\tbool

if EXPERT
config NR_CPUS
\tint "CPUs"
endif
"""

_FILES = {
    "init/Makefile": "obj-y := main.o\n",
    "mm/Makefile": (
        "obj-y := percpu-all.o\nobj-$(CONFIG_EXPERT) += vmalloc.o\npercpu-all-y := percpu.o percpu-vm.o\n"
    ),
    "Kconfig": _KCONFIG,
    "scripts/kconfig/conf.py": _CONF,
    "scripts/kconfig/merge_config.sh": _MERGE,
    "include/linux/percpu.h": "#define PCPU_UNIT 16\nint pcpu_alloc(int size);\n",
    "include/linux/vmalloc.h": "int pcpu_get_vm_areas(int size);\n",
    "init/main.c": "char banner[] = BUILT __FILE__;\n",
    "mm/percpu.c": (
        "#include <linux/percpu.h>\n#include <linux/vmalloc.h>\n"
        "int pcpu_alloc(int size)\n{\n\treturn pcpu_get_vm_areas(size + PCPU_UNIT);\n}\n"
    ),
    "mm/percpu-vm.c": "#include <linux/percpu.h>\nint pcpu_populate(void) { return pcpu_alloc(1); }\n",
    "mm/vmalloc.c": "#include <linux/vmalloc.h>\nint pcpu_get_vm_areas(int size) { return size; }\n",
}


@dataclass(frozen=True, slots=True)
class ToyTree:
    """A toy tree in a git repository; the commits of its variants live there too."""

    repo: Path

    @property
    def spec(self) -> str:
        return str(self.repo)

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=toy", "-c", "user.email=toy@localhost")
        done = subprocess.run(
            ["git", "-C", str(self.repo), *who, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "toy", **_: str) -> str:
        """Commit everything and return the commit."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def source_id(self, commit: str) -> str:
        return self.git("rev-parse", f"{commit}^{{tree}}")

    def replace(self, name: str, old: str, new: str) -> str:
        """Replace text in a file and commit; return the commit."""
        text = (self.repo / name).read_text()
        assert old in text
        (self.repo / name).write_text(text.replace(old, new))
        return self.commit(f"change {name}")

    def worktree(self, path: Path) -> ToyWorktree:
        if not path.exists():
            self.git("worktree", "add", "--quiet", "--detach", str(path))
        return ToyWorktree(path)


@dataclass(frozen=True, slots=True)
class ToyWorktree:
    path: Path

    def switch(self, commit: str) -> None:
        subprocess.run(["git", "-C", str(self.path), "checkout", "--quiet", "--force", commit], check=True)


def write_toy_tree(folder: Path, version: str = "6.12.0") -> Path:
    """Write the files of a toy tree into `folder`, without git."""
    number = dict(zip(("version", "patchlevel", "sublevel"), version.split("."), strict=True))
    makefile = _MAKEFILE.format(objects=" ".join(OBJECTS), **number)
    for name, text in {"Makefile": makefile, **_FILES}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def toy_tree(folder: Path, version: str = "6.12.0") -> ToyTree:
    """Make a toy tree with one commit in a new git repository at `folder`."""
    write_toy_tree(folder, version)
    tree = ToyTree(folder)
    tree.git("init", "--quiet", "--initial-branch=main")
    tree.commit("base")
    return tree


def toy_module(folder: Path) -> Path:
    """Write an out-of-tree module of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Kbuild").write_text("obj-m := toy.o\n")
    (folder / "toy.c").write_text(
        "#include <linux/percpu.h>\nint toy(void) { return pcpu_alloc(PCPU_UNIT); }\n"
    )
    return folder
