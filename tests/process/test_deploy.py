"""What stands in `deploy/`: it names what there is, and its steps work."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from bench.serving import Server
from switchhook.api.metrics import HELP
from switchhook.settings.config import OPTIONS

pytestmark = pytest.mark.process

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_figures_that_are_drawn_and_watched_are_there(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
            page = answer.read().decode()
    finally:
        server.stop()
    there = set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE))
    there |= {f"switchhook_{name}" for name in HELP}  # some only while what they count is set up
    for name in ("grafana.json", "alerts.yml"):
        used = set(re.findall(r"switchhook_[a-z_]+[a-z]", (DEPLOY / name).read_text()))
        assert {one.removesuffix("_bucket") for one in used} <= there
        assert len(used) > 5
    drawn = set(re.findall(r"switchhook_[a-z_]+[a-z]", (DEPLOY / "grafana.json").read_text()))
    undrawn = there - {one.removesuffix("_bucket") for one in drawn}
    assert len(undrawn) < len(there) / 3, undrawn


def test_the_dashboard_has_no_two_panels_in_one_place() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool judges the rules where it is installed"
)
def test_prometheus_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", DEPLOY / "alerts.yml"], check=True, capture_output=True)


def test_the_settings_of_the_unit_and_the_container_are_ours() -> None:
    known = {option.env for option in OPTIONS} | {"SWITCHHOOK_CONFIG"}
    for name in ("switchhook.service", "Containerfile"):
        text = (DEPLOY / name).read_text()
        named = set(re.findall(r"SWITCHHOOK_[A-Z_]+", text))
        assert named
        assert named <= known


def test_the_container_gets_the_files_that_it_copies() -> None:
    container = (DEPLOY / "Containerfile").read_text()
    root = DEPLOY.parent
    shown = {
        line.removeprefix("!").rstrip("/")
        for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for line in re.findall(r"^COPY (?!--)(.+)$", container, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source
            assert source in shown, source
