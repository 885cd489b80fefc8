"""Image, compose file, unit and sample configuration, held against the tools that know them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from deploy_files import DEPLOY, ROOT, UNIT, UNIT_PROGRAM, compose, done, tool, unit_values

from linktide.cli.init import document
from linktide.config import load, settings

SCRIPTS = Path(sys.executable).parent
MOST_EXPOSED = 15
"""Of 100, as `systemd-analyze security` counts; a unit that says nothing has 96."""


def test_the_image_is_built_by_the_rules() -> None:
    done(tool(str(SCRIPTS / "hadolint")), "deploy/Dockerfile")
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in text


def test_the_image_copies_what_its_context_has() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    lines = re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}
    assert copied == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_compose_file_is_one() -> None:
    checker = tool(str(SCRIPTS / "check-jsonschema"))
    done(checker, "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")


def test_the_compose_file_opens_nothing_to_others() -> None:
    told = compose()
    ports = [port for service in told["services"].values() for port in service.get("ports", ())]
    assert len(ports) > 4
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_compose_file_holds_no_secret() -> None:
    told = compose()
    for name, service in told["services"].items():
        assert set(service.get("secrets", ())) <= told["secrets"].keys(), name
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|KEY", variable):
                assert value.startswith("/run/secrets/"), variable
                assert value.removeprefix("/run/secrets/") in service["secrets"], variable
    made = (DEPLOY / "compose" / "make-secrets.sh").read_text("utf-8")
    for name, secret in told["secrets"].items():
        assert secret == {"file": f"./compose/secrets/{name}"}
        assert name in made


def test_the_unit_is_one(tmp_path: Path) -> None:
    """The paths of the operator's machine are not on this one: any program stands for linktide."""
    analyze = tool("systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(UNIT_PROGRAM, sys.executable), "utf-8")
    assert done(analyze, "verify", "--man=no", str(unit)).strip() == ""
    done(analyze, "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", str(unit))


def test_the_unit_speaks_as_the_service_does() -> None:
    assert unit_values("Type") == ["notify"]
    assert unit_values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert unit_values("WatchdogSec") == ["10min"]


def test_the_sample_has_every_setting_and_is_accepted() -> None:
    path = DEPLOY / "linktide.toml"
    text = path.read_text("utf-8")
    # Made anew by `linktide init example.org --rivals example.com --config deploy/linktide.toml --force`.
    assert text == document({"tracked_domains": ("example.org",), "rivals": ("example.com",)})
    assert load(flags={}, environ={}, folder=DEPLOY).tracked_domains == ("example.org",)
    # Its comments hold values that are accepted, too.
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    every = "\n".join(line for line in lines if re.match(r"\[?[a-z_]+\]?( = |$)", line))
    uncommented = re.findall(r"^[a-z_]+ = ", every, re.MULTILINE)
    assert len(uncommented) == len(settings())


def test_the_sample_passes_linktide_check(tmp_path: Path) -> None:
    (tmp_path / "linktide.toml").write_text((DEPLOY / "linktide.toml").read_text("utf-8"), "utf-8")
    command = "from linktide.cli import main; main()"
    told = done(sys.executable, "-c", command, "check", "--set", "sql.port=0", cwd=tmp_path)
    assert "WRONG" not in told
