"""Serves the page's files. They are the same for everybody and hold nobody's data, so they need no login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

from airflow_peach.monitoring.page.files import FOLDER, stamp

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

ONE_YEAR = "public, max-age=31536000, immutable"


class PageFiles(StaticFiles):
    """Files below ``/<stamp>/``, kept by browsers for a year under the present stamp.

    A page that was loaded before an update asks with the old stamp; it gets the present files and is told not to keep
    them.
    """

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file; ``path`` begins with a stamp."""
        asked, _, name = path.partition("/")
        response = await super().get_response(name, scope)
        response.headers["Cache-Control"] = ONE_YEAR if asked == stamp() else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
