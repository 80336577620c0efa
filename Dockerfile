# airflow-peach with Airflow, git, bubblewrap and uv; runs as a user without rights. One image for all services.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ca-certificates git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 50000 --shell /usr/sbin/nologin airflow \
    && install --directory --owner airflow --group airflow /opt/airflow /var/lib/peach

WORKDIR /opt/build
COPY requirements.lock ./
# uv comes at its locked version with its hashes checked, and installs the rest the same way.
RUN sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.lock > uv.txt \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r uv.txt \
    && /opt/venv/bin/uv pip sync --python /opt/venv/bin/python --no-cache --compile-bytecode \
       --require-hashes requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY dags dags
COPY include include
RUN /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps --no-build-isolation \
    --compile-bytecode .

ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__PEACH__HOME=/var/lib/peach
USER airflow
WORKDIR /opt/airflow
VOLUME ["/opt/airflow", "/var/lib/peach"]
# tini reaps what the services leave behind, and passes signals on.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["airflow", "version"]
