"""Every route of the app, also those that come later: who may ask, and from where."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route
from tests.asgi import ask
from tests.monitoring.conftest import PREFIX, Client, simple_user

from airflow_peach.plugin import PeachPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow and its libraries warn of each other

VALUES = {"codops": "alpha", "task": "full", "run_id": "manual__2031-05-01T12:00:00+00:00"}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route, with values for what a path names."""

    def walk(found: list[BaseRoute], prefix: str) -> Iterator[tuple[str, str]]:
        for route in found:
            if isinstance(route, Mount):
                yield from walk(list(route.routes), prefix + route.path)
                continue
            assert isinstance(route, Route), f"{route}: how is it refused to strangers?"
            path = re.sub(r"{(\w+)(:\w+)?}", lambda name: VALUES.get(name[1], "x"), prefix + route.path)
            for method in sorted(route.methods or ()):
                yield method, path

    yield from walk(list(app.routes), "")


# A login of Airflow's is nothing to them, whether it is valid or not; see test_webhook.py for what is.
FOR_PROGRAMS = [("POST", "/peach/api/sync")]


@pytest.fixture(scope="module")
def every_route() -> list[tuple[str, str]]:
    from airflow_peach.monitoring.api.app import URL_PREFIX, create_app  # noqa: PLC0415 - it takes seconds to import

    found = list(routes(create_app()))
    assert ("GET", "/api/organisations") in found
    assert len(found) >= 5
    return [(method, URL_PREFIX + path) for method, path in found]


@pytest.mark.usefixtures("world")
class TestEveryRoute:
    def test_a_stranger_gets_nothing(self, simple_app: FastAPI, every_route: list[tuple[str, str]]) -> None:
        stranger = Client(simple_app, {})
        answers = {(method, path): stranger(path, method=method).status_code for method, path in every_route}
        assert answers == dict.fromkeys(every_route, 401)

    @pytest.mark.parametrize(("token", "status"), [("nonsense", 403), ("a.b.c", 403), ("", 401)])
    def test_a_bad_token_is_none(
        self, simple_app: FastAPI, every_route: list[tuple[str, str]], token: str, status: int
    ) -> None:
        client = Client(simple_app, {"Authorization": f"Bearer {token}"})
        answers = {(method, path): client(path, method=method).status_code for method, path in every_route}
        assert answers == {route: 401 if route in FOR_PROGRAMS else status for route in every_route}

    def test_an_expired_token_is_said_to_be_so(self, simple_app: FastAPI, every_route: list[tuple[str, str]]) -> None:
        from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - it takes seconds to import
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

        user = SimpleAuthManagerUser(username="late", role="admin")
        token = get_auth_manager().generate_jwt(user, expiration_time_in_seconds=-100)
        client = Client(simple_app, {"Authorization": f"Bearer {token}"})
        for method, path in every_route:
            answer = client(path, method=method)
            detail = "Unauthorized" if (method, path) in FOR_PROGRAMS else "Token Expired"
            assert (answer.status_code, answer.json()) == (401, {"detail": detail}), path

    def test_who_is_logged_in_is_answered(self, viewer: Client, every_route: list[tuple[str, str]]) -> None:
        read = [path for method, path in every_route if method == "GET"]
        assert {path: viewer(path).status_code for path in read} == dict.fromkeys(read, 200)

    def test_the_cookie_of_airflows_pages_is_a_login(self, viewer: Client, every_route: list[tuple[str, str]]) -> None:
        cookie = f"_token={viewer.headers['Authorization'].removeprefix('Bearer ')}"
        client = Client(viewer.app, {"Cookie": cookie})
        read = [path for method, path in every_route if method == "GET"]
        assert {path: client(path).status_code for path in read} == dict.fromkeys(read, 200)


@pytest.mark.parametrize("path", ["/peach/openapi.json", "/peach/docs", "/peach/redoc", "/peach/"])
def test_the_app_tells_nobody_what_it_has(viewer: Client, path: str) -> None:
    assert viewer(path).status_code == 404


def test_a_route_that_forgets_to_ask_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import APIRouter  # noqa: PLC0415

    from airflow_peach.monitoring.api import app as module  # noqa: PLC0415

    class Careless:
        router = APIRouter()

    Careless.router.add_api_route("/api/careless", lambda: "everything")
    monkeypatch.setattr(module, "FOR_USERS", (Careless,))
    assert ask(module.create_app(), "GET", "/api/careless").status_code == 401


class TestCrossSite:
    """On a route that changes something; there is none yet that users have."""

    @pytest.fixture
    def app(self) -> FastAPI:
        from airflow_peach.monitoring.api.app import create_app  # noqa: PLC0415 - it takes seconds to import

        app = create_app()
        app.add_api_route("/api/change", lambda: "changed", methods=["POST", "GET"])
        return app

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        ],
    )
    def test_a_post_from_another_site_is_refused(self, app: FastAPI, headers: dict[str, str]) -> None:
        assert ask(app, "POST", "/api/change", headers).status_code == 403
        assert ask(app, "GET", "/api/change", headers).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}],
    )
    def test_our_pages_and_programs_may_post(self, app: FastAPI, headers: dict[str, str]) -> None:
        assert ask(app, "POST", "/api/change", headers).status_code == 200


def test_each_role_of_the_simple_auth_manager_reads_and_only_some_trigger(simple_app: FastAPI, world: object) -> None:
    assert world
    for role, may in (("viewer", False), ("user", True), ("op", True), ("admin", True)):
        answer = simple_user(simple_app, role).json("organisations/alpha")
        assert {task["may_trigger"] for task in answer["tasks"] if not task["removed"]} == {may}, role
        assert not any(task["may_trigger"] for task in answer["tasks"] if task["removed"])


def test_what_may_be_triggered_is_what_airflow_takes(simple_app: FastAPI, world: object) -> None:
    assert world
    user = simple_user(simple_app, "user")
    (task,) = [one for one in user.json("organisations/alpha")["tasks"] if one["name"] == "good"]
    answer = user(f"/{task['trigger_url']}", method="POST", json={"logical_date": None, "conf": task["trigger_conf"]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["dag_id"], answer.json()["conf"]) == (f"{PREFIX}alpha", {"tasks": ["good"]})
    deleted = simple_user(simple_app, "admin")(f"/{task['trigger_url']}/{answer.json()['dag_run_id']}", method="DELETE")
    assert deleted.status_code == 204


def test_loading_the_plugin_loads_no_api() -> None:
    """Every process of Airflow loads it, those of tasks too."""
    code = (
        "import sys; from airflow_peach.plugin import PeachPlugin; plugin = PeachPlugin();"
        "print([name for name in sys.modules if name.startswith(('fastapi', 'airflow_peach.monitoring'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_plugin_builds_its_app_once() -> None:
    plugin = PeachPlugin()
    (mounted,) = [one for one in plugin.fastapi_apps if one["name"] == "peach"]
    assert mounted["url_prefix"] == "/peach"
    assert plugin.fastapi_apps is plugin.fastapi_apps
    assert isinstance(mounted["app"], FastAPI)
