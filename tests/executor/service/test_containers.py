"""The container files, without a container engine: keys, references, and commands that exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from typing import Any, cast

import httpx
import pytest
import yaml

from asg_executor.app import create_app
from asg_executor.settings import Settings
from executor_harness.command import asg
from executor_harness.regression import regression_data, regression_gradient

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "executor" / "Dockerfile"
COMPOSE = ROOT / "docker-compose.yml"

PROMETHEUS = ROOT / "executor" / "prometheus.yml"

# The keys of the Compose specification that this project uses, each with the type of its value.
SERVICE_KEYS: dict[str, type] = {
    "build": dict,
    "image": str,
    "command": list,
    "entrypoint": list,
    "depends_on": dict,
    "deploy": dict,
    "environment": dict,
    "logging": dict,
    "ulimits": dict,
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
    assert document["services"].keys() == {"executor", "transformer", "prometheus"}
    for name, service in services().items():
        for key, value in service.items():
            assert isinstance(value, SERVICE_KEYS[key]), (name, key)
        for key in ("command", "entrypoint", "cap_drop", "security_opt"):
            assert all(isinstance(item, str) for item in service.get(key, ())), (name, key)


def test_the_compose_file_refers_to_what_is_there() -> None:
    document = compose()
    sources = [volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", ())]
    assert {source for source in sources if not source.startswith("./")} == document["volumes"].keys()
    for source in sources:
        assert not source.startswith("./") or (ROOT / source).is_file()
    for service in services().values():
        assert service.get("depends_on", {}).keys() <= document["services"].keys()
        if "build" in service:
            assert service["build"].keys() == {"context", "dockerfile"}
            context = ROOT / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).resolve() == DOCKERFILE


@pytest.mark.parametrize("name", ["executor", "transformer", "prometheus"])
def test_every_container_has_no_privileges_and_writes_to_its_volume_alone(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_executor_takes_no_more_than_its_share() -> None:
    executor = services()["executor"]
    limits = executor["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    (memory,) = re.findall(r"\$\{EXECUTOR_MEMORY:-(\d+)g\}", limits["memory"])
    assert int(memory) * 2**30 >= 2 * Settings.model_fields["max_memory_bytes"].default
    assert float(re.findall(r"\$\{EXECUTOR_CPUS:-(\d+)\}", limits["cpus"])[0]) >= 1
    # A session has a log open, and a connection is a file, too.
    assert executor["ulimits"]["nofile"] > 4 * Settings.model_fields["max_sessions"].default
    assert executor["ulimits"]["core"] == 0
    assert executor["logging"]["options"].keys() == {"max-size", "max-file"}


def test_the_variables_that_compose_gives_are_settings() -> None:
    variables = services()["executor"]["environment"]
    assert {name.removeprefix("ASG_").lower() for name in variables} <= Settings.model_fields.keys()


def test_prometheus_asks_the_executor_for_its_metrics_with_the_token() -> None:
    (job,) = yaml.load(PROMETHEUS.read_text(), UniqueKeys)["scrape_configs"]
    prometheus, executor = services()["prometheus"], services()["executor"]
    (target,) = job["static_configs"][0]["targets"]
    assert target == f"executor:{Settings.model_fields['port'].default}"
    assert job["metrics_path"] in create_app(Settings()).openapi()["paths"]
    assert job["authorization"]["type"] == "Bearer"
    assert executor["environment"]["ASG_METRICS_TOKEN"] == prometheus["environment"]["METRICS_TOKEN"]
    assert (ROOT / prometheus["volumes"][0].partition(":")[0]).resolve() == PROMETHEUS
    shell, option, script = prometheus["entrypoint"]
    assert (shell, option) == ("/bin/sh", "-c")
    assert f"> {job['authorization']['credentials_file']}\n" in script
    assert prometheus["depends_on"] == {"executor": {"condition": "service_healthy"}}
    assert prometheus["profiles"] == ["prometheus"]


def test_prometheus_does_not_start_without_a_token(tmp_path: Path) -> None:
    script = services()["prometheus"]["entrypoint"][2].replace("$$", "$")
    script = script.replace("/tmp/", f"{tmp_path}/").replace("exec /bin/prometheus", "echo started")
    run = partial(subprocess.run, ["sh", "-c", script], capture_output=True, text=True, check=False)
    done = run(env={"METRICS_TOKEN": ""})
    assert done.returncode != 0
    assert "docker-compose.yml" in done.stderr
    assert "started" not in done.stdout
    done = subprocess.run(
        ["sh", "-c", script], env={"METRICS_TOKEN": "to ken"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("started --config.file=")
    file = tmp_path / "metrics-token"
    assert file.read_text() == "to ken"
    assert file.stat().st_mode & 0o777 == 0o600


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


def sent_to_the_build(folder: Path) -> None:
    """Copy into a folder what the Dockerfile copies of what .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    for name, text in instructions():
        if name != "COPY" or "--from=" in text:
            continue
        *sources, target = text.split()
        for source in sources:
            assert source.removeprefix("./") in kept, f"{source} is ignored"
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, folder / target, ignore=ignored)
            else:
                shutil.copy(ROOT / source, folder / target)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as the image has them."""
    context, target = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("installed")
    sent_to_the_build(context)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    done = subprocess.run(command, cwd=context, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


READ_ONLY = 'mount --make-rprivate / && mount -o remount,ro,bind / && exec "$@"'


def can_remount() -> bool:
    """Whether this user may have a root file system of its own that is read-only."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def train_a_step(url: str, key: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http:
        graph = http.post("/v1/graphs", content=regression_gradient().to_json()).json()["digest"]
        body = {"graphs": {"train": graph}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
        session = http.post("/v1/sessions", json=body).headers["Location"]
        inputs = {name: value.tolist() for name, value in regression_data().items()}
        assert http.put(f"{session}/steps/1", json={"inputs": inputs}).status_code == 200


@pytest.mark.skipif(not can_remount(), reason="needs the right to mount")
def test_the_installed_executor_needs_no_home_and_writes_to_its_volume_alone(installed: Path) -> None:
    # /dev/shm stands for the volume: it is a file system of its own, and stays writable.
    with TemporaryDirectory(dir="/dev/shm") as volume:
        code = f"import sys; sys.path.insert(0, {str(installed)!r}); from asg_schema.cli import main; main()"
        started = [sys.executable, "-I", "-c", code]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"ASG_DATA_DIR": f"{volume}/data", "ASG_HOST": "127.0.0.1", "ASG_PORT": "0"}
        environment["ASG_KERNEL_CACHE"] = f"{volume}/data/kernels"
        environment |= {"ASG_LOG_LEVEL": "info", "ASG_LOG_FORMAT": "json", "ASG_REQUIRE_KEY": "true"}
        inside = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"]
        run = partial(subprocess.run, env=environment, capture_output=True, text=True, check=False, timeout=120)
        refused = run([*inside, *started, "serve"])
        assert refused.returncode == 2, refused.stderr
        assert "keys create" in refused.stderr
        made = run([*inside, *started, "keys", "create", "--name", "laptop"])
        assert made.returncode == 0, made.stderr
        command = [*inside, *started, "serve", "--announce-json"]
        with subprocess.Popen(command, env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                line = process.stdout.readline()
                assert line, process.stderr.read()
                train_a_step(json.loads(line)["url"], made.stdout.strip())
                process.terminate()
                assert process.wait(60) == 0
                log = [json.loads(line) for line in process.stderr.read().splitlines()]
            finally:
                process.kill()
        assert (Path(volume) / "data" / "asg.sqlite3").is_file()
        levels = {record["level"] for record in log}
        assert levels == {"info"}, log


def test_the_image_runs_as_an_unprivileged_user_and_stages_are_known() -> None:
    names = [name for name, _ in instructions()]
    assert set(names) <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
        *("ARG", "LABEL"),
    }
    last_stage = max(index for index, name in enumerate(names) if name == "FROM")
    final = dict(instructions()[last_stage + 1 :])
    user, group = final["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    stages = {text.split()[-1] for name, text in instructions() if name == "FROM" and " AS " in text}
    sources = {word for name, text in instructions() if name == "COPY" for word in text.split() if "--from=" in word}
    assert {source.removeprefix("--from=") for source in sources} <= stages


def test_the_settings_of_the_image_are_settings() -> None:
    variables = dict(pair.split("=", 1) for pair in dict(instructions())["ENV"].split())
    own = {name.removeprefix("ASG_").lower() for name in variables if name.startswith("ASG_")}
    assert own == {"host", "port", "data_dir", "kernel_cache", "log_level", "log_format"}, (
        "whoever reaches the container needs a key"
    )
    assert own <= Settings.model_fields.keys()
