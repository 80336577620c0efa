"""``docker-compose.yml`` and ``Dockerfile``: what they say holds, and what they name really runs on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import jsonschema
import psycopg2  # type: ignore[import-untyped]  # its stubs are not among our dependencies
import pytest
import yaml
from cryptography.fernet import Fernet
from tests.team import make_team

from airflow_peach.authoring.platform.file import DirectorySourceSettings, read_platform_file

from .compose_engine import Composition, postgres_programs
from .compose_file import MissingVariableError, interpolate, interpolated, read_services
from .container import Container, container_failure
from .image import ROOT, Image, build_image, image_environment, read_dockerfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .compose_file import Service

COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
INSTALL = ROOT / "docs" / "install.md"
SCHEMA = ROOT / "tests" / "files" / "compose-spec.schema.json"
SECRETS = {"POSTGRES_PASSWORD", "PEACH_FERNET_KEY", "PEACH_SESSION_SECRET", "PEACH_JWT_SECRET"}

on_real_services = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(container_failure()), reason=container_failure()),
    pytest.mark.skipif(not postgres_programs(), reason="PostgreSQL is not installed"),
]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The ``.env`` that the commands in docs/install.md make."""
    directory = tmp_path_factory.mktemp("env")
    commands = re.search(r"^\(umask .*^END$", INSTALL.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert commands is not None
    subprocess.run(["sh", "-euc", commands[0]], cwd=directory, check=True)
    file = directory / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    return dict(line.split("=", 1) for line in file.read_text("ascii").splitlines())


@pytest.fixture(scope="module")
def services(variables: dict[str, str]) -> dict[str, Service]:
    return read_services(COMPOSE_FILE, variables)


def test_the_file_is_valid_by_the_compose_specification(variables: dict[str, str]) -> None:
    content = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    validator.validate(content)
    validator.validate(interpolated(content, variables))
    assert not validator.is_valid({**content, "services": {"one": {"imagee": "x"}}})


def test_a_secret_has_no_default_and_one_that_is_missing_is_named(variables: dict[str, str]) -> None:
    assert set(variables) == SECRETS
    for missing in SECRETS:
        given = {name: value for name, value in variables.items() if name != missing}
        for incomplete in (given, {**given, missing: ""}):
            with pytest.raises(MissingVariableError, match=f"{missing}: see docs/install.md"):
                read_services(COMPOSE_FILE, incomplete)


def test_what_is_secret_comes_from_a_variable_that_must_be_set() -> None:
    content = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))
    secret = re.compile(r"SECRET|PASSWORD|FERNET|_KEY|TOKEN|SQL_ALCHEMY_CONN")
    found = {
        name: value
        for service in content["services"].values()
        for name, value in service["environment"].items()
        if secret.search(name) and not name.endswith("PASSWORDS_FILE")
    }
    assert len(found) == 5
    for name, value in found.items():
        assert re.search(r"\$\{\w+:\?", value), name


def test_the_secrets_fit_their_purpose(variables: dict[str, str]) -> None:
    Fernet(variables["PEACH_FERNET_KEY"])
    # RFC 7518, 3.2: a key of HS512 is at least as long as its hash.
    assert len(variables["PEACH_JWT_SECRET"]) >= 64
    # It stands in a URL.
    assert re.fullmatch(r"[\w-]+", variables["POSTGRES_PASSWORD"])
    assert len(set(variables.values())) == len(SECRETS)


def test_every_service_is_a_user_without_rights(services: dict[str, Service]) -> None:
    assert {name for name, service in services.items() if not service.built} == {"postgres"}
    assert services["postgres"].user == "postgres"
    dockerfile = read_dockerfile(DOCKERFILE)
    last = dockerfile.stages[-1]
    (user,) = [argument for instruction, argument in last if instruction == "USER"]
    assert user == "50000:50000"
    assert [name for name, _ in last[last.index(("USER", user)) :]] == ["USER", "WORKDIR", "CMD"]
    for service in services.values():
        assert service.user in ("", "postgres")
        assert service.dropped_capabilities == ("ALL",)
        assert "no-new-privileges:true" in service.security_options
    # Only where executions run does bubblewrap need more than a container's default filters allow.
    loosened = {name for name, service in services.items() if "seccomp=unconfined" in service.security_options}
    assert loosened == {"scheduler"}


def test_only_this_machine_reaches_the_web_interface_unless_told_otherwise(variables: dict[str, str]) -> None:
    ports = [port for one in read_services(COMPOSE_FILE, variables).values() for port in one.ports]
    assert ports == ["127.0.0.1:8080:8080"]
    changed = read_services(COMPOSE_FILE, {**variables, "PEACH_PORT": "9000", "PEACH_ADDRESS": "0.0.0.0"})  # noqa: S104
    assert changed["api-server"].ports == ("0.0.0.0:9000:8080",)
    assert changed["api-server"].environment["AIRFLOW__API__BASE_URL"] == "http://localhost:9000"


def test_the_default_platform_file_names_what_is_there(services: dict[str, Service]) -> None:
    volumes = {str(volume.target): volume for volume in services["scheduler"].volumes}
    file = ROOT / volumes["/etc/peach/platform.yaml"].source
    (repositories, examples) = read_platform_file(file).sources
    assert isinstance(repositories, DirectorySourceSettings)
    assert isinstance(examples, DirectorySourceSettings)
    assert (str(repositories.path), str(examples.path)) == ("/srv/repositories", "/srv/examples")
    assert volumes[str(repositories.path)].read_only
    assert str(examples.path) in read_dockerfile(DOCKERFILE).arguments(1, "RUN")[-1]


def test_volumes_begin_with_directories_of_the_user(services: dict[str, Service]) -> None:
    (prepared,) = [step for step in read_dockerfile(DOCKERFILE).arguments(1, "RUN") if step.startswith("apt-get")]
    made = re.search(r"install --directory --owner airflow --group airflow --mode 0700 (.*)$", prepared)
    assert made is not None
    named = {str(one.target) for one in services["scheduler"].volumes if not one.is_path}
    assert named == set(made[1].split())


def test_the_image_gets_what_it_needs_and_no_more() -> None:
    dockerfile = read_dockerfile(DOCKERFILE)
    apt = dockerfile.arguments(1, "RUN")[0]
    assert all(f" {package} " in apt for package in ("bubblewrap", "ca-certificates", "git", "openssh-client"))
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [source for argument in dockerfile.arguments(0, "COPY") for source in argument.split()[:-1]]
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert all((ROOT / source).exists() for source in copied)
    assert "*" in ignored


def test_uv_is_taken_from_the_lock_in_the_image_as_on_a_developers_machine() -> None:
    sed = re.compile(r"sed -n '[^']*' requirements\.lock")
    (in_image,) = sed.findall(DOCKERFILE.read_text("utf-8"))
    assert sed.findall((ROOT / "tools" / "install.sh").read_text("utf-8")) == [in_image]
    taken = subprocess.run(["sh", "-c", in_image], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    first, *rest = taken.replace("\\\n", "").split()
    assert re.fullmatch(r"uv==[\d.]+", first)
    assert rest
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in rest)


def test_substitution_follows_the_specification() -> None:
    given = {"A": "a", "EMPTY": ""}
    assert interpolate("$A ${A} $$A ${EMPTY:-x} ${A:-x} ${N:-${A}/${N:-$$}} ${A:?m}", given) == "a a $A x a a/$ a"
    with pytest.raises(MissingVariableError, match="EMPTY: why"):
        interpolate("${A:-${EMPTY:?not asked}}${EMPTY:?why}", given)
    assert image_environment(read_dockerfile(DOCKERFILE), 1, {"PATH": "/bin"})["PATH"] == "/opt/venv/bin:/bin"


CODE = """
    import os, pathlib

    def task():
        assert not list(pathlib.Path("/opt/airflow").glob("*"))
        assert not [name for name in os.environ if "AIRFLOW" in name]
        print("it ran")

    def fails():
        raise ValueError("by design")
"""
REPOSITORIES = {
    "works": """
        codops: zzebu
        tasks:
          own: {notebook: job.py, method: task}
          fetch: {notebook: job.py, method: task, loop: metadata}
        """,
    "fails": """
        codops: rtve
        tasks:
          first: {notebook: job.py, method: fails}
          second: {notebook: job.py, method: task}
        """,
}


@dataclass(frozen=True)
class World:
    """The running services, and what the test knows of them."""

    composition: Composition
    container: Container
    image: Image
    versions: dict[str, str]
    database: Any

    def query(self, text: str) -> list[Any]:
        with self.database.cursor() as cursor:
            cursor.execute(text)
            rows: list[Any] = cursor.fetchall()
            return rows

    def runs(self) -> set[tuple[str, str]]:
        return set(self.query("select dag_id, state from dag_run"))

    def ask_api(self, path: str) -> Any:
        """Log in with the password that docs/install.md says where to find, and ask the API from within."""
        shown = re.search(r"Password for user 'admin': (\w+)", self.composition.log("api-server"))
        assert shown is not None
        return json.loads(self.composition.execute("api-server", ["python", "-c", ASK, shown[1], path]))


ASK = """
import json, sys, httpx
client = httpx.Client(base_url="http://127.0.0.1:8080", timeout=30)
token = client.post("/auth/token", json={"username": "admin", "password": sys.argv[1]}).json()["access_token"]
answer = client.get(sys.argv[2], headers={"Authorization": "Bearer " + token, "Accept": "application/json"})
print(json.dumps(answer.raise_for_status().json()))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]) -> Iterator[World]:
    image = build_image(read_dockerfile(DOCKERFILE), tmp_path_factory.mktemp("image"))
    state = tmp_path_factory.mktemp("compose")
    source = state / "repositories"
    versions = {
        name: make_team(source / name, {"peach.yaml": tasks, "job.py": CODE}).commit()[:8]
        for name, tasks in REPOSITORIES.items()
    }
    if os.geteuid() == 0:  # on a host, repositories belong to somebody else than the image's user
        subprocess.run(["chown", "-R", "12345:12345", str(source)], check=True)
    services = read_services(COMPOSE_FILE, {**variables, "PEACH_REPOSITORIES": str(source)})
    writable, readable = _volumes(services, state)
    sockets = _empty(state / "sockets")
    # The examples' dependencies come from a package index, which the container's network does not reach.
    readable |= {**image.content, "/srv/examples": _empty(state / "no-examples")}
    writable |= {"/run/postgresql": sockets}
    with Container(state, writable=writable, readable=readable, uid=image.uid, hosts=list(services)) as container:
        composition = Composition(services, image, container)
        composition.up(seconds=300)
        with contextlib.closing(psycopg2.connect(host=sockets, user="airflow", dbname="airflow")) as database:
            database.autocommit = True
            yield World(composition, container, image, versions, database)


def _volumes(services: dict[str, Service], state: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return what is mounted for writing and for reading: a fresh directory for each volume, and the host's paths."""
    volumes = {volume for service in services.values() for volume in service.volumes}
    assert all(volume.read_only == volume.is_path for volume in volumes)
    return (
        {str(one.target): _empty(state / f"volume-{one.source}") for one in volumes if not one.is_path},
        {str(one.target): (ROOT / one.source).resolve() for one in volumes if one.is_path},
    )


def _empty(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


class TestRunning:
    """In this order: each test looks at what the services have done by then, the last one stops them."""

    pytestmark: ClassVar = on_real_services

    def test_all_is_healthy_and_nobody_is_root(self, world: World) -> None:
        assert world.composition.alive() == {"postgres", "api-server", "scheduler", "dag-processor"}
        for service in ("scheduler", "api-server"):
            assert world.composition.execute(service, ["id", "--user"]) == "50000\n"
        # The image is the wheel's, not the checkout's.
        said = world.composition.execute(
            "scheduler", ["python", "-c", "import airflow_peach; print(airflow_peach.__file__)"]
        )
        assert said.startswith("/opt/venv/")

    def test_the_image_has_the_examples_and_no_test_tools(self, world: World) -> None:
        made = world.image.content["/srv/examples"]
        assert {path.name for path in made.iterdir()} == {"debr-recommender", "sesr-insights"}
        assert all((path / ".git").is_dir() for path in made.iterdir())
        programs = {path.name for path in (world.image.content["/opt/venv"] / "bin").iterdir()}
        assert {"airflow", "peach", "uv"} <= programs
        assert not {"pytest", "mypy", "ruff"} & programs

    def test_the_loops_run_on_postgresql_and_the_states_of_their_runs_are_true(self, world: World) -> None:
        wanted = {("zzebu", "success"), ("metadata", "success"), ("rtve", "failed")}
        deadline = time.monotonic() + 180
        while not wanted <= (runs := world.runs()) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert wanted <= runs, world.composition.log("scheduler")[-5000:]
        assert not runs & {("zzebu", "failed"), ("metadata", "failed"), ("rtve", "success")}
        states = set(
            world.query("select dag_id, task_id, state from task_instance where state in ('success', 'failed')")
        )
        assert {("rtve", "first", "failed"), ("rtve", "second", "success")} <= states

    def test_every_execution_has_its_version(self, world: World) -> None:
        query = "select task_id, value from xcom where key = 'peach' and task_id not like '%environment'"
        kept = dict(world.query(query))
        versions = {"own": "works", "zzebu.fetch": "works", "first": "fails", "second": "fails"}
        assert {task: kept[task]["version"] for task in versions} == {
            task: world.versions[repository] for task, repository in versions.items()
        }
        assert kept["first"]["reason"] == "ValueError: by design (job.py, line 10)"

    def test_the_web_interface_shows_a_log_that_the_scheduler_wrote(self, world: World) -> None:
        ((run,),) = world.query("select run_id from dag_run where dag_id = 'zzebu' and state = 'success' limit 1")
        log = f"/api/v2/dags/zzebu/dagRuns/{run}/taskInstances/own/logs/1"
        _eventually(lambda: "it ran" in [entry.get("event") for entry in world.ask_api(log)["content"]])

    def test_every_service_says_that_it_is_healthy(self, world: World) -> None:
        def healthy() -> bool:
            health = world.ask_api("/api/v2/monitor/health")
            return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

        _eventually(healthy)

    def test_no_service_complains(self, world: World) -> None:
        for service in ("migrate", "api-server", "scheduler", "dag-processor"):
            log = world.composition.log(service)
            # Airflow says so much of the task that fails by design; the listener's own line is in run_state.py.
            errors = re.findall(r"^.*\[(?:error|critical) +\] (?!Task exited .*task_id=first).*$", log, re.MULTILINE)
            assert errors == [], service
            assert "could not be checked" not in log, service
        # The first command of Airflow would note itself in a table that it is about to make.
        expected = 'relation "log" does not exist'
        log = world.composition.log("postgres")
        assert re.findall(rf"^.* (?:ERROR|FATAL|PANIC):  (?!{expected}).*$", log, re.MULTILINE) == []

    def test_a_stop_ends_everything_within_the_grace_periods(self, world: World) -> None:
        world.database.close()
        codes = world.composition.down()
        assert codes == dict.fromkeys(codes, 0)
        assert set(codes) == {"postgres", "migrate", "api-server", "scheduler", "dag-processor"}
        # A sync that was under way ends by itself.
        deadline = time.monotonic() + 30
        while (left := world.container.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == [], world.composition.log("scheduler")[-3000:]


def _eventually(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until it holds: a service that is busy for a moment answers late, or has not written yet."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)
