"""The container files, without a container engine: keys, references, and commands that exist."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from asg_executor.settings import Settings
from executor_harness.command import asg

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "executor" / "Dockerfile"
COMPOSE = ROOT / "docker-compose.yml"

# The keys of the Compose specification that this project uses, each with the type of its value.
SERVICE_KEYS: dict[str, type] = {
    "build": dict,
    "image": str,
    "command": list,
    "ports": list,
    "volumes": list,
    "read_only": bool,
    "tmpfs": list,
    "cap_drop": list,
    "security_opt": list,
    "healthcheck": dict,
    "stop_grace_period": str,
    "restart": str,
    "stdin_open": bool,
    "network_mode": str,
    "profiles": list,
}
DURATION = re.compile(r"\d+s\Z")


class UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML loaders let pass."""


def unique(loader: UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [str(key.value) for key, _ in cast("list[tuple[yaml.ScalarNode, yaml.Node]]", node.value)]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return loader.construct_mapping(node)


UniqueKeys.add_constructor("tag:yaml.org,2002:map", unique)


def compose() -> dict[str, Any]:
    return yaml.load(COMPOSE.read_text(), UniqueKeys)


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [cast("tuple[str, str]", tuple(line.split(maxsplit=1))) for line in lines]


def test_the_compose_file_has_known_keys_of_the_right_types() -> None:
    document = compose()
    assert document.keys() == {"services", "volumes"}
    assert document["services"].keys() == {"executor", "transformer"}
    for name, service in services().items():
        for key, value in service.items():
            assert isinstance(value, SERVICE_KEYS[key]), (name, key)
        assert service["build"].keys() == {"context", "dockerfile"}
        for key in ("command", "cap_drop", "security_opt"):
            assert all(isinstance(item, str) for item in service[key]), (name, key)


def test_the_compose_file_refers_to_what_is_there() -> None:
    document = compose()
    named = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", ())}
    assert named == document["volumes"].keys()
    for service in services().values():
        context = ROOT / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).resolve() == DOCKERFILE


def test_only_this_machine_reaches_the_executor() -> None:
    (port,) = services()["executor"]["ports"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    inside = int(port.rpartition(":")[2])
    assert inside == Settings.model_fields["port"].default
    assert f"ASG_PORT={inside}" in dict(instructions())["ENV"].split()


def test_the_health_check_asks_whether_the_service_is_ready() -> None:
    check = services()["executor"]["healthcheck"]
    assert check.keys() == {"test", "interval", "timeout", "start_period", "retries"}
    assert all(DURATION.match(check[key]) for key in ("interval", "timeout", "start_period"))
    assert check["test"][0] == "CMD"
    healthcheck = dict(instructions())["HEALTHCHECK"]
    assert json.loads(healthcheck[healthcheck.index("[") :]) == check["test"][1:]
    assert "/healthz/ready" in check["test"][-1]
    compile(check["test"][-1], "healthcheck", "exec")


def test_the_container_outlives_the_drain() -> None:
    grace = services()["executor"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > Settings.model_fields["drain_seconds"].default


@pytest.mark.parametrize("service", ["executor", "transformer"])
def test_commands_exist(service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = json.loads(dict(instructions())["ENTRYPOINT"])
    assert entry == ["asg"]
    found = asg(capsys, tmp_path, services()[service]["command"][0], "--help")
    assert found.returncode == 0, found.stderr


def test_the_default_command_of_the_image_exists() -> None:
    assert json.loads(dict(instructions())["CMD"]) == ["serve"]


def test_everything_that_is_copied_is_there() -> None:
    copied: list[str] = []
    for name, arguments in instructions():
        words = shlex.split(arguments)
        if name == "COPY" and not words[0].startswith("--from="):
            copied += words[:-1]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source


def test_what_is_copied_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        word.removeprefix("./")
        for name, text in instructions()
        if name == "COPY" and "--from=" not in text
        for word in text.split()[:-1]
    }
    assert copied == kept


def test_the_build_has_what_the_distribution_is_built_from() -> None:
    import tomllib

    copied = {word.removeprefix("./") for name, text in instructions() if name == "COPY" for word in text.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert package.partition("/")[0] in copied
    assert project["project"]["readme"] in copied
    assert set(project["project"]["license-files"]) <= copied


def test_the_image_runs_as_an_unprivileged_user_and_stages_are_known() -> None:
    names = [name for name, _ in instructions()]
    assert set(names) <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
    }
    last_stage = max(index for index, name in enumerate(names) if name == "FROM")
    final = dict(instructions()[last_stage + 1 :])
    assert final["USER"] == "asg"
    stages = {text.split()[-1] for name, text in instructions() if name == "FROM" and " AS " in text}
    sources = {word for name, text in instructions() if name == "COPY" for word in text.split() if "--from=" in word}
    assert {source.removeprefix("--from=") for source in sources} <= stages


def test_the_settings_of_the_image_are_settings() -> None:
    variables = dict(pair.split("=", 1) for pair in dict(instructions())["ENV"].split())
    own = {name.removeprefix("ASG_").lower() for name in variables if name.startswith("ASG_")}
    assert own == {"host", "port", "data_dir"}, "whoever reaches the container needs a key"
    assert own <= Settings.model_fields.keys()
