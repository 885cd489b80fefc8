from __future__ import annotations

import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide.config import Config, load, settings
from linktide.errors import ConfigError, ExitCode
from linktide.setting import parse_domain, size, size_text, toml_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load_from(
    folder: Path,
    document: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Config:
    if document is not None:
        (folder / "linktide.toml").write_text(document, "utf-8")
    return load(flags=flags or {}, environ=environ or {}, folder=folder)


def refused(folder: Path, document: str | None = None, **layers: Mapping[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_from(folder, document, **layers)
    assert caught.value.exit_code == ExitCode.CONFIG
    return str(caught.value)


def test_every_field_is_a_row_of_the_table() -> None:
    names = [item.name for item in fields(Config) if item.name not in {"origins", "config_path"}]
    assert [row.name for row in settings()] == names
    assert all(row.help.endswith(".") for row in settings())


def test_every_default_is_a_value_its_reader_accepts() -> None:
    for row in settings():
        if row.default is not None:
            assert row.reader.parse(row.default) == row.default


def test_every_default_written_as_toml_reads_back_as_itself(tmp_path: Path) -> None:
    document = "\n".join(f"{row.toml_name} = {row.toml(row.default)}" for row in settings())
    config = load_from(tmp_path, document)
    (tmp_path / "linktide.toml").unlink()
    assert config == load_from(tmp_path)


@pytest.mark.parametrize(
    ("document", "environ", "flags", "expected"),
    [
        (None, {}, {}, (8640, "default")),
        ("http_port = 1", {}, {}, (1, "file")),
        ("http_port = 1", {"LINKTIDE_HTTP_PORT": "2"}, {}, (2, "env LINKTIDE_HTTP_PORT")),
        ("http_port = 1", {"LINKTIDE_HTTP_PORT": "2"}, {"http_port": "3"}, (3, "flag")),
        ("http_port = 1", {"LINKTIDE_HTTP_PORT": ""}, {"http_port": None}, (1, "file")),
    ],
)
def test_a_flag_wins_over_a_variable_over_the_file(
    tmp_path: Path,
    document: str | None,
    environ: dict[str, str],
    flags: dict[str, object],
    expected: tuple[int, str],
) -> None:
    config = load_from(tmp_path, document, environ=environ, flags=flags)
    assert config.http_port == expected[0]
    origins = {row.name: where for row, _, where in config.rows()}
    assert origins["http_port"].startswith(expected[1])


@pytest.mark.parametrize(
    "document",
    ['[kafka]\nbootstrap_servers = ["a:1"]\ntopics = ["t"]',
     'kafka.bootstrap_servers = ["a:1"]\nkafka.topics = ["t"]',
     'kafka_bootstrap_servers = ["a:1"]\nkafka_topics = ["t"]'],
)  # fmt: skip
def test_sections_dots_and_flat_names_mean_the_same(tmp_path: Path, document: str) -> None:
    config = load_from(tmp_path, document)
    assert (config.kafka_bootstrap_servers, config.kafka_topics) == (("a:1",), ("t",))


def test_a_setting_written_twice_is_refused(tmp_path: Path) -> None:
    assert "twice" in refused(tmp_path, 'kafka_group_id = "a"\n[kafka]\ngroup_id = "b"')


def test_an_unknown_key_names_key_file_and_the_nearest(tmp_path: Path) -> None:
    sentence = refused(tmp_path, "htpp_port = 1")
    for part in ("htpp_port", str(tmp_path / "linktide.toml"), "http_port?"):
        assert part in sentence


@pytest.mark.parametrize(
    "document", ["[kafak]", "[kafka.deep]\nx = 1", "[tracked_domains]\nx = 1", "[batch]"]
)
def test_an_unknown_section_is_refused(tmp_path: Path, document: str) -> None:
    refused(tmp_path, document)


def test_an_unknown_variable_names_itself_and_the_nearest(tmp_path: Path) -> None:
    sentence = refused(tmp_path, environ={"LINKTIDE_DATABSE": "x"})
    assert "LINKTIDE_DATABSE" in sentence
    assert "LINKTIDE_DATABASE?" in sentence


@pytest.mark.parametrize("name", ["FOO", "BAR", "TOKEN", "URL_POLICY", "DEBUG", "HOME", "X"])
def test_a_name_far_from_all_others_gets_no_suggestion(tmp_path: Path, name: str) -> None:
    for sentence in (refused(tmp_path, environ={f"LINKTIDE_{name}": "x"}), refused(tmp_path, f"{name} = 1")):
        assert name in sentence
        assert "Did you mean" not in sentence
        assert "docs/configuration.md" in sentence


@pytest.mark.parametrize("name", [row.name for row in settings() if row.default is None])
def test_what_may_be_empty_says_so_and_is_not_set_then(tmp_path: Path, name: str) -> None:
    (row,) = (row for row in settings() if row.name == name)
    assert row.wanted.endswith("; empty: not set")
    config = load_from(tmp_path, f'{row.toml_name} = ""')
    assert getattr(config, name) is None


def test_variables_of_others_pass(tmp_path: Path) -> None:
    environ = {
        "LINKTIDE_DATA": "/nowhere",
        "HOME": "/root",
        "LINKTIDE_PORT": "tcp://10.0.0.1:8640",
        "LINKTIDE_SERVICE_HOST": "10.0.0.1",
        "LINKTIDE_SERVICE_PORT_HTTP": "8640",
        "LINKTIDE_PORT_8640_TCP_ADDR": "10.0.0.1",
    }
    assert load_from(tmp_path, environ=environ) == load_from(tmp_path)


@pytest.mark.parametrize(
    ("document", "parts"),
    [
        ("http_port = 70000", ("http_port", "70000", "65535")),
        ("http_port = true", ("http_port", "True")),
        ("batch_max_seconds = nan", ("batch_max_seconds", "nan")),
        ('log_format = "xml"', ("log_format", "'xml'", "text, json")),
        ('tracked_domains = ["https://example.org/"]', ("tracked_domains", "bare domains")),
        ('tracked_domains = ["127.0.0.1"]', ("tracked_domains",)),
        ('queue_max_bytes = "64 miles"', ("queue_max_bytes", "64 miles", "bytes")),
        ('http_host = "192.0.2.1"', ("http_host", "192.0.2.1", "http_token_file", "http_tls_certfile")),
        ('http_host = "::"', ("http_host", "::", "http_token_file")),
        ('http_host = "example.org"', ("http_host", "http_token_file")),
        ('http_host = "::"\nhttp_token_file = "t"', ("http_host", "http_tls_certfile not set")),
        ('http_tls_certfile = "c"', ("http_tls_certfile", "http_tls_keyfile")),
        (
            'tracked_domains = ["a.example"]\nrivals = ["A.example."]',
            ("a.example", "tracked_domains", "rivals"),
        ),
        ('kafka.topics = ["t"]', ("kafka.topics", "kafka.bootstrap_servers")),
        ('kafka.bootstrap_servers = ["b:1"]', ("kafka.bootstrap_servers", "kafka.topics")),
        ('kafka.security_protocol = "SASL_SSL"', ("SASL_SSL", "kafka.sasl_password")),
        ('kafka.sasl_mechanism = "PLAIN"', ("kafka.sasl_mechanism", "PLAINTEXT")),
        ('kafka.ssl_keyfile = "k"', ("kafka.ssl_keyfile", "kafka.ssl_certfile")),
        ("epsilon_idle = 0.5", ("epsilon_idle", "0.5", "epsilon_busy")),
        ("database = 3", ("database", "3", "a path")),
        ("not toml", ("not valid TOML",)),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_setting_and_value(
    tmp_path: Path, document: str, parts: tuple[str, ...]
) -> None:
    sentence = refused(tmp_path, document)
    assert "\n" not in sentence
    for part in parts:
        assert part in sentence


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    secret = "hunter2"  # noqa: S105 - the secret of the test
    config = load_from(tmp_path, environ={"LINKTIDE_KAFKA_SASL_PASSWORD": secret})
    assert config.kafka_sasl_password == secret
    assert secret not in repr(config)
    assert secret not in str([value for _, value, _ in config.rows()])
    assert secret not in refused(tmp_path, f'kafka.sasl_password = ["{secret}"]')


def test_paths_in_a_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.toml").write_text('database = "x.duckdb"\nkafka.ssl_cafile = "/ca.pem"')
    environ = {"LINKTIDE_CONFIG": "etc/a.toml", "LINKTIDE_PUBLIC_SUFFIX_LIST": "list.dat"}
    config = load(flags={}, environ=environ, folder=tmp_path)
    assert config.database == tmp_path / "etc" / "x.duckdb"
    assert str(config.kafka_ssl_cafile) == "/ca.pem"
    assert config.public_suffix_list == tmp_path / "list.dat"
    assert config.config_path == tmp_path / "etc" / "a.toml"


def test_a_named_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    assert "gone.toml" in refused(tmp_path, environ={"LINKTIDE_CONFIG": "gone.toml"})


def test_domains_become_lower_case_ascii() -> None:
    assert parse_domain(" BÜCHER.example. ") == "xn--bcher-kva.example"
    assert parse_domain("straße.example") == "xn--strae-oqa.example"


@given(st.integers(min_value=0, max_value=2**44))
def test_a_size_written_reads_back_as_itself(size_bytes: int) -> None:
    assert size(0, 2**44).parse(size_text(size_bytes)) == size_bytes


@given(
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        st.lists, max_leaves=5,
    )
)  # fmt: skip
def test_values_written_as_toml_read_back_as_themselves(value: object) -> None:
    assert tomllib.loads(f"x = {toml_text(value)}")["x"] == value


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('[kafka]\nassignment = "group"', ("kafka.assignment is group", "kafka.group_id")),
        (
            '[kafka]\ngroup_id = "g"\ngroup_instance_id = "a"',
            ("kafka.group_instance_id", "kafka.assignment is all"),
        ),
        ('[kafka]\nassignment = "some"', ("kafka.assignment", "all, group")),
    ],
)
def test_a_group_is_meant_whole_or_not_at_all(tmp_path: Path, document: str, words: tuple[str, ...]) -> None:
    sentence = refused(tmp_path, document)
    for part in words:
        assert part in sentence
