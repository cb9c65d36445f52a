# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from harness.debian import apt
from harness.debian.apt import Offer, PrivateApt, system_mirror
from harness.words import InfraError

KEY = str(apt.KEYRING)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in front of PATH for stand-ins of apt's programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def stand_in(tools: Path, name: str, prints: str, code: int = 0) -> None:
    (tools / f"{name}.txt").write_text(prints)
    (tools / name).write_text(f"#!/bin/sh\ncat {tools}/{name}.txt\nexit {code}\n")
    (tools / name).chmod(0o755)


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        (["uri:x/debian/\tbookworm\tmain"], "uri:x/debian"),
        (["uri:x/debian/\tstable\tmain"], "uri:x/debian"),
        (["uri:third/debian/\tbookworm\tstable", "uri:x/deb/\ttrixie\tmain"], "uri:x/deb"),
        (
            ["uri:third\tstable\tmain", "uri:m/debian/\ttrixie\tmain", "uri:n/debian/\tsid\tmain"],
            "uri:m/debian",
        ),
        (["uri:sec\tbookworm-security\tmain", "uri:a\ttrixie-updates\tmain"], "uri:a"),
        (["mirror+file:/m/debian.list/\tbookworm\tmain"], "mirror+file:/m/debian.list"),
    ],
)
def test_the_mirror_of_the_machines_own_apt(tools: Path, lines: list[str], mirror: str) -> None:
    stand_in(tools, "apt-get", "\n".join(lines) + "\n")
    assert system_mirror() == mirror


def test_a_machine_without_a_debian_mirror(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tools, "apt-get", "uri:third\tnodistro\tmain\n")
    with pytest.raises(InfraError, match="--debian-mirror"):
        system_mirror()
    monkeypatch.setenv("PATH", str(tools / "none"))
    with pytest.raises(InfraError, match="apt-get is missing"):
        system_mirror()


def test_this_machines_sources_in_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.list").write_text(
        "deb [signed-by=/k.gpg] file:/c stable main\ndeb file:/d/debian sid main\n"
    )
    (tmp_path / "conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/one.list";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{tmp_path}/lists";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "conf"))
    assert system_mirror() == "file:/d/debian"
    (tmp_path / "one.list").rename(tmp_path / "two.sources")
    (tmp_path / "two.sources").write_text(
        "Types: deb\nURIs: file:/e/debian\nSuites: trixie trixie-updates\nComponents: main\n"
        f"Signed-By: {KEY}\n"
    )
    (tmp_path / "conf").write_text(
        f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{tmp_path}";\n'
        f'Dir::State::lists "{tmp_path}/lists";\n'
    )
    assert system_mirror() == "file:/e/debian"


def test_our_configuration_keeps_proxies_and_drops_hooks_and_laxness(tools: Path, tmp_path: Path) -> None:
    stand_in(
        tools,
        "apt-config",
        'Acquire::http::Proxy "uri:proxy";\nAPT::Update::Post-Invoke:: "rm -f everything";\n'
        'Acquire::AllowInsecureRepositories "true";\nDir::State::lists "/system";\n'
        'Acquire::IndexTargets::deb::DEP-11 "";\nAPT::Architecture "amd64";\n',
    )
    PrivateApt(tmp_path / "apt", "uri:mirror")
    text = (tmp_path / "apt/apt.conf").read_text()
    assert 'Acquire::http::Proxy "uri:proxy";' in text
    assert 'APT::Architecture "amd64";' in text
    assert 'Acquire::AllowInsecureRepositories "false";' in text
    for unwanted in ("Post-Invoke", '"/system"', "DEP-11", '"true"'):
        assert unwanted not in text


@pytest.fixture
def private(tools: Path, tmp_path: Path) -> PrivateApt:
    stand_in(tools, "apt-config", "")
    return PrivateApt(tmp_path / "apt", "uri:mirror")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("W: Failed to fetch uri  Temporary failure resolving 'mirror'\n", "cannot be reached"),
        ("E: ... NO_PUBKEY 0E98404D386FA1D9\n", "signature .* cannot be checked"),
        ("E: write (28: No space left on device)\n", "is full"),
        (
            "E: The repository 'uri:mirror trixie Release' does not have a Release file.\n",
            "none of the suites",
        ),
        ("E: something else\n", "could not read the package lists .*something else"),
        ("no letter\n", "gave no reason"),
    ],
)
def test_what_stands_in_the_way_of_an_update(tools: Path, private: PrivateApt, told: str, says: str) -> None:
    stand_in(tools, "apt-get", told, 100)
    with pytest.raises(InfraError, match=says):
        private.update(["trixie"])


def test_a_suite_that_the_mirror_lacks_is_told_and_left_out(
    tools: Path, private: PrivateApt, tmp_path: Path
) -> None:
    stand_in(
        tools,
        "apt-get",
        "E: The repository 'uri:mirror trixie-backports Release' does not have a Release file.\n",
        100,
    )
    (tmp_path / "apt/lists/uri_dists_sid_main_binary-amd64_Packages").touch()
    assert private.update(["trixie-backports", "sid"]) == ["trixie-backports"]
    text = (tmp_path / "apt/sources/debian.sources").read_text()
    assert "Suites: trixie-backports sid\n" in text
    assert f"Signed-By: {KEY}" in text


def test_offers_names_and_downloads(tools: Path, private: PrivateApt, tmp_path: Path) -> None:
    stand_in(
        tools,
        "apt-cache",
        "linux-source-7.2 | 7.2.13-1 | uri:mirror sid/main amd64 Packages\n"
        "linux-source-7.2 | 7.2.13-1 | uri:mirror sid/main Sources\n",
    )
    offer = Offer("linux-source-7.2", "7.2.13-1", "sid")
    assert private.offers("linux-source-7.2") == [offer]
    stand_in(tools, "apt-cache", "b\na\n")
    assert private.names("linux-source-") == ["a", "b"]
    stand_in(tools, "apt-get", "")
    with pytest.raises(InfraError, match="check the network"):
        private.download(offer, tmp_path / "d")
    stand_in(tools, "apt-get", "E: No space left on device\n", 100)
    with pytest.raises(InfraError, match="free some space"):
        private.download(offer, tmp_path / "d")
    stand_in(tools, "apt-get", "")
    (tmp_path / "d/linux-source-7.2_7.2.13-1_all.deb").touch()
    assert private.download(offer, tmp_path / "d").name == "linux-source-7.2_7.2.13-1_all.deb"


def test_a_machine_without_debians_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "KEYRING", tmp_path / "none.gpg")
    with pytest.raises(InfraError, match="debian-archive-keyring"):
        PrivateApt(tmp_path / "apt", "uri:mirror")


def test_the_real_apt_refuses_an_archive_that_is_not_signed(tmp_path: Path) -> None:
    index = tmp_path / "mirror/dists/trixie/main/binary-amd64"
    index.mkdir(parents=True)
    (index / "Packages").write_text("")
    (tmp_path / "mirror/dists/trixie/Release").write_text(
        "Suite: trixie\nCodename: trixie\nComponents: main\n"
    )
    private = PrivateApt(tmp_path / "apt", f"file:{tmp_path}/mirror")
    with pytest.raises(InfraError, match="cannot be checked"):
        private.update(["trixie"])


def test_the_real_apt_without_a_network(tmp_path: Path) -> None:
    private = PrivateApt(tmp_path / "apt", "http://127.0.0.1:9/debian")
    with (tmp_path / "apt/apt.conf").open("a") as configuration:
        configuration.write('Acquire::Retries "0";\n')  # it would wait for seven seconds
    with pytest.raises(InfraError, match="cannot be reached"):
        private.update(["trixie"])
