from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.exceptions import HTTPException

from airflow_peach.monitoring.page.files import FOLDER, stamp
from airflow_peach.monitoring.page.serving import PageFiles


def ask(path: str, method: str = "GET") -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=PageFiles())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.request(method, path)

    return asyncio.run(asked())


def test_files_under_the_present_stamp_are_kept() -> None:
    answer = ask(f"/{stamp()}/main.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == (FOLDER / "main.js").read_text(encoding="utf-8")


def test_a_page_from_before_an_update_gets_the_present_files_and_does_not_keep_them() -> None:
    answer = ask("/0.0.0-older/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["", "/x", "/x/none.js", "/x/..%2Ffiles.py", "/x/%2e%2e/files.py", "/..%2Ffiles.py"])
def test_nothing_else_is_served(path: str) -> None:
    with pytest.raises(HTTPException) as raised:
        ask(path)
    assert raised.value.status_code == 404


def test_nothing_is_taken_by_other_methods() -> None:
    with pytest.raises(HTTPException) as raised:
        ask(f"/{stamp()}/main.js", "POST")
    assert raised.value.status_code == 405
