# SPDX-License-Identifier: GPL-2.0-or-later
"""apt with a configuration of our own: private lists, cache and sources, the system's proxies and mirror.

The system's apt configuration, lists and cache are read or left alone, never written. Signatures are checked
with Debian's keyring; nothing here can switch that off.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.words import InfraError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

#: Suites whose mirror also carries all others; third parties name theirs differently or use other components.
_SUITE = re.compile(
    r"^(bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)(-updates|-backports)?$"
)
_NO_NETWORK = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Cannot initiate the connection"
    r"|Connection (failed|timed out|refused)|Network is unreachable|Unable to connect"
)
_UNTRUSTED = re.compile(
    r"NO_PUBKEY|EXPKEYSIG|is not signed|signatures couldn't be verified|BADSIG|Sub-process .*gpgv?"
)
_LIBRARY = re.compile(r"^ [ |](?:Pre)?Depends: (?P<name>z?lib[^\s:]+)$", re.M)
_MISSING_SUITE = re.compile(r"The repository '(?P<where>[^']+)' (does not have|no longer has) a Release file")


@dataclass(frozen=True, slots=True)
class Offer:
    """A package version that a suite of the mirror has."""

    package: str
    version: str
    suite: str


def system_mirror() -> str:
    """Return the URI of the Debian archive that this machine's own apt uses.

    `apt-get indextargets` reads every form of sources that apt knows. An archive whose downloaded lists call
    it Debian's comes first; a fresh container has no lists, and there an entry for component `main` of a
    suite of Debian's counts, those whose URI ends in `debian` before others. Security is another archive.
    """
    form = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    for narrowed in (["Origin: Debian"], ["--no-release-info"]):
        found = []
        for line in _call([*command, *narrowed], {}).stdout.splitlines():
            uri, release, component = line.split("\t")
            if component == "main" and _SUITE.match(release):
                found.append(uri.rstrip("/"))
        if found:
            # max() returns the first of the best
            return max(found, key=lambda uri: uri.endswith(("/debian", "/debian.list")))
    raise InfraError(
        "this machine's apt names no Debian mirror: give one with --debian-mirror URI (an archive that has "
        "dists/trixie)"
    )


class PrivateApt:
    """apt that lives in `folder`. Its lists stay there and make the next question cheap."""

    def __init__(self, folder: Path, mirror: str) -> None:
        if not KEYRING.is_file():
            raise InfraError(
                f"Debian's keyring {KEYRING} is missing: install the package 'debian-archive-keyring'"
            )
        self._folder = folder
        self._mirror = mirror
        self._environment = {"APT_CONFIG": str(folder / "apt.conf")}
        for name in ("lists/partial", "archives/partial", "sources"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "apt.conf").write_text(_configuration(folder))

    def update(self, suites: Sequence[str]) -> list[str]:
        """Fetch the package lists of `suites`; return those that the mirror does not have.

        `InfraError` when none could be fetched, with what stood in the way.
        """
        (self._folder / "sources/debian.sources").write_text(
            f"Types: deb\nURIs: {self._mirror}\nSuites: {' '.join(suites)}\n"
            f"Components: main\nSigned-By: {KEYRING}\n"
        )
        done = _call(["apt-get", "update"], self._environment)
        told = done.stdout + done.stderr
        absent = [m["where"].split()[1] for m in _MISSING_SUITE.finditer(told) if len(m["where"].split()) > 1]
        if _UNTRUSTED.search(told):
            raise InfraError(
                f"the signature of the Debian archive at {self._mirror} cannot be checked with {KEYRING}: "
                "upgrade the package 'debian-archive-keyring' or name another mirror with --debian-mirror"
            )
        if _NO_NETWORK.search(told):
            raise InfraError(
                f"the Debian mirror {self._mirror} cannot be reached: check the network and apt's proxy, "
                "name another with --debian-mirror, or give --tree a git repository or a source folder"
            )
        if "No space left on device" in told:
            raise InfraError(f"the disk that holds {self._folder} is full: free some space and run again")
        if len(set(absent)) == len(suites):
            raise InfraError(
                f"{self._mirror} has none of the suites {', '.join(suites)}: name a full Debian mirror with "
                "--debian-mirror"
            )
        fetched = set(suites) - set(absent)
        if done.returncode and not self._has_lists(fetched):
            raise InfraError(f"apt could not read the package lists of {self._mirror}: {_first_error(told)}")
        return sorted(set(absent))

    def offers(self, package: str) -> list[Offer]:
        """Return the versions of `package` in the suites of the last update, newest first."""
        text = _call(["apt-cache", "madison", package], self._environment).stdout
        found = []
        for line in text.splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) == 3 and fields[2].endswith(" Packages"):
                found.append(Offer(fields[0], fields[1], fields[2].split()[1].partition("/")[0]))
        return found

    def names(self, prefix: str) -> list[str]:
        """Return the names of all packages known to the last update that begin with `prefix`."""
        text = _call(["apt-cache", "pkgnames", prefix], self._environment).stdout
        return sorted(text.split())

    def libraries(self, package: str) -> list[str]:
        """Return the libraries (`lib*`, and `zlib1g`) that `package` depends on, directly or through others.

        Of alternatives all are returned; virtual packages and whatever is no library are left out.
        """
        found: set[str] = set()
        todo = {package}
        while todo:
            text = _call(["apt-cache", "depends", "--important", *sorted(todo)], self._environment).stdout
            todo = {match["name"] for match in _LIBRARY.finditer(text)} - found
            found |= todo
        return sorted(found)

    def download(self, offer: Offer, folder: Path) -> Path:
        """Fetch one package into `folder` and return its file; apt checks it against the signed lists."""
        folder.mkdir(parents=True, exist_ok=True)
        done = _call(
            ["apt-get", "download", f"{offer.package}={offer.version}"], self._environment, working=folder
        )
        files = sorted(folder.glob(f"{offer.package}_*.deb"))
        if done.returncode or not files:
            told = done.stderr + done.stdout
            full = "No space left on device" in told
            advice = "free some space and run again" if full else "check the network and run again"
            raise InfraError(
                f"apt could not fetch {offer.package} {offer.version}: {_first_error(told)}; {advice}"
            )
        return files[0]

    def _has_lists(self, suites: set[str]) -> bool:
        names = [path.name for path in (self._folder / "lists").glob("*Packages*")]
        return any(f"_dists_{suite}_" in name for suite in suites for name in names)


def _configuration(folder: Path) -> str:
    """Return apt.conf: what the system sets about fetching (proxies, timeouts, certificates), then ours.

    The system's own configuration is not read a second time (`Dir::Etc::main`, `parts`), because it would
    override ours and may hold hooks that clean the system's cache after every update.
    """
    dump = _call(["apt-config", "dump"], {}).stdout
    system = [
        line
        for line in dump.splitlines()
        if line.startswith(("Acquire::", "APT::Architecture"))
        and not line.startswith(("Acquire::IndexTargets", "Acquire::Allow", "Acquire::Languages"))
    ]
    ours = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(folder / "sources"),
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": str(folder / "lists"),
        "Dir::State::status": str(folder / "status"),
        "Dir::Cache": str(folder),
        "Dir::Cache::archives": str(folder / "archives"),
        "APT::Get::List-Cleanup": "false",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::Languages": "none",
        "Acquire::PDiffs": "false",
    }
    return "\n".join([*system, *(f'{key} "{value}";' for key, value in ours.items())]) + "\n"


def _call(
    command: list[str], extra: dict[str, str], working: Path | None = None
) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        raise InfraError(
            f"{command[0]} is missing: debian:VERSION needs a Debian machine; give --tree a git repository "
            "or a source folder instead"
        )
    env = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"} | extra
    return subprocess.run(
        command,
        cwd=working,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def _first_error(told: str) -> str:
    lines = [line for line in told.splitlines() if line.startswith(("E:", "Err:", "W:"))]
    return (lines or ["apt gave no reason"])[0].strip()
