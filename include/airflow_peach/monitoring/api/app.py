"""The FastAPI app that Airflow mounts at ``/peach``: a list of modules with routes, each refused without a login."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from airflow_peach.monitoring.api import artefacts, executions, organisation, overview, webhook
from airflow_peach.monitoring.api.access import requires_login
from airflow_peach.monitoring.api.cross_site import refuse_cross_site

URL_PREFIX = "/peach"

# A module with a ``router`` is enough. Whoever asks has a valid token, whatever the route itself forgets.
FOR_USERS = (overview, organisation, executions, artefacts)
# For programs that have no account in Airflow and prove otherwise who they are (a forge's webhook): each route answers
# 401 to who proves nothing; a test walks them all.
FOR_PROGRAMS = (webhook,)


def create_app() -> FastAPI:
    """Build the app. It has no OpenAPI document: strangers learn nothing from it."""
    app = FastAPI(
        title="airflow-peach",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_cross_site)],
    )
    for module in FOR_USERS:
        app.include_router(module.router, dependencies=[Depends(requires_login)])
    for module in FOR_PROGRAMS:
        app.include_router(module.router)
    return app
