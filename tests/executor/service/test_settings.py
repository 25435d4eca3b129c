"""Settings from options, the environment, a file and the defaults, and what `--show-settings` says of them."""

import json
from pathlib import Path

import pytest

from asg_executor.settings import Settings
from asg_executor.settings_sources import SettingsError, load_settings, unknown_variables
from executor_harness.command import asg


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "asg.toml"
    path.write_text('port = 1001\nworkers = 3\nmax_queue = 7\ndata_dir = "/from/file"\n')
    return path


def test_options_come_before_the_environment_and_that_before_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASG_PORT", "1002")
    monkeypatch.setenv("ASG_WORKERS", "2")
    settings, origins = load_settings({"port": 1003}, file)
    assert (settings.port, settings.workers, settings.max_queue) == (1003, 2, 7)
    assert settings.data_dir == Path("/from/file")
    expected = {"port": "option", "workers": "environment", "max_queue": str(file), "data_dir": str(file)}
    assert {name: origins[name] for name in expected} == expected
    assert {origins[name] for name in Settings.model_fields if name not in expected} == {"default"}


def test_a_variable_names_the_file_unless_an_option_does(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASG_CONFIG", str(file))
    assert load_settings({}).settings.port == 1001
    other = tmp_path / "other.toml"
    other.write_text("port = 1004")
    assert load_settings({}, other).settings.port == 1004
    assert load_settings({}, other).settings.max_queue == Settings().max_queue


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", 'there is no setting prot; did you mean "port"?'),
        ("[server]\nport = 1", "there is no setting server"),
        ("port = ", "is not a TOML file"),
        ("port = 70000", "asg.toml: port: Input should be less than or equal to 65535, not 70000"),
        ('workers = "many"\nmax_queue = -1', "asg.toml: max_queue: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, message: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_settings({}, file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_file_that_is_not_there_is_not_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asg(capsys, tmp_path, "serve", "--config", "asg.toml")
    assert (found.returncode, found.stderr) == (
        2,
        "asg: cannot read the settings in asg.toml: No such file or directory\n",
    )


def test_variables_that_are_misspelt_are_told() -> None:
    environment = {
        "ASG_PROT": "1",
        "ASG_MAX_SESSION": "2",
        "ASG_QUX": "",
        "ASG_PORT": "3",
        "ASG_CONFIG": "f",
        "ASG_API_KEY": "k",
        "PATH": "",
    }
    assert unknown_variables(environment) == [
        'ASG_MAX_SESSION is no setting and is ignored; did you mean "ASG_MAX_SESSIONS"?',
        'ASG_PROT is no setting and is ignored; did you mean "ASG_PORT"?',
        "ASG_QUX is no setting and is ignored",
    ]


def test_a_person_sees_every_setting_and_where_it_came_from(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASG_WORKERS", "2")
    found = asg(capsys, file.parent, "serve", "--show-settings", "--config", str(file), "--port", "5")
    assert found.returncode == 0, found.stderr
    rows = [line.split() for line in found.stdout.splitlines()]
    assert [row[0] for row in rows] == list(Settings.model_fields)
    assert ["port", "5", "option"] in rows
    assert ["workers", "2", "environment"] in rows
    assert ["max_queue", "7", str(file)] in rows
    assert ["host", "127.0.0.1", "default"] in rows


def test_a_program_sees_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(asg(capsys, tmp_path, "serve", "--show-settings", "--json", "--port", "5").stdout)
    assert found["port"] == {"value": 5, "origin": "option"}
    assert Path(found["data_dir"]["value"]).name == "port-5"
    assert found["data_dir"]["origin"] == "default"
    assert list(found) == list(Settings.model_fields)


def test_json_is_for_settings_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asg(capsys, tmp_path, "serve", "--json")
    assert found.returncode == 2
    assert "--show-settings" in found.stderr


def test_secrets_are_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASG_METRICS_TOKEN", "sesame-sesame-sesame")
    monkeypatch.setenv("ASG_EXPORT_URLS", '["sftp://user:pass-word@host/place/", "s3://bucket/"]')
    for options in ((), ("--json",)):
        text = asg(capsys, tmp_path, "serve", "--show-settings", *options).stdout
        assert "sesame" not in text
        assert "pass-word" not in text
        assert "sftp://user:********@host/place/" in text
        assert "s3://bucket/" in text
    assert json.loads(text)["metrics_token"] == {"value": "********", "origin": "environment"}
    assert "sesame" not in repr(load_settings({}).settings)


def test_a_secret_that_is_not_valid_is_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_METRICS_TOKEN", "sesame")
    with pytest.raises(SettingsError) as raised:
        load_settings({})
    assert "ASG_METRICS_TOKEN: " in str(raised.value)
    assert "sesame" not in str(raised.value)


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_PORT", "")
    monkeypatch.setenv("ASG_METRICS_TOKEN", "")
    settings, origins = load_settings({})
    assert (settings.port, settings.metrics_token) == (8765, None)
    assert origins["port"] == "default"
