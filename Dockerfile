# airflow-peach with Airflow, git, bubblewrap and uv; runs as a user without rights. One image for all services.
FROM python:3.11-slim-bookworm AS build

ENV UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.lock ./
# uv comes at its locked version with its hashes checked, and installs the rest the same way.
RUN sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.lock > uv.txt \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --require-hashes -r uv.txt \
    && /opt/tools/bin/uv pip install --python /opt/tools/bin/python \
       --verify-hashes --constraint requirements.lock hatchling
# What runs, without what tests it: the lock as a constraint gives each package its version and its hashes.
# Bytecode is compiled here: the user that runs it cannot, and every start of Airflow would cost two seconds more.
COPY pyproject.toml ./
RUN python -m venv --without-pip /opt/venv \
    && /opt/tools/bin/uv pip install --python /opt/venv/bin/python --compile-bytecode \
       --only-binary :all: --verify-hashes --constraint requirements.lock \
       --requirements pyproject.toml --extra airflow --extra postgres
COPY README.md LICENSE ./
COPY dags dags
COPY include include
RUN /opt/tools/bin/uv build --wheel --no-build-isolation --python /opt/tools/bin/python --out-dir wheel . \
    && /opt/tools/bin/uv pip install --python /opt/venv/bin/python --compile-bytecode --no-deps wheel/*.whl


FROM python:3.11-slim-bookworm

# openssh-client: repositories may be fetched by ssh, with keys in /home/airflow/.ssh.
# The directories are the volumes' first content, so their owner and mode become the volumes': nobody else's.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 airflow \
    && useradd --uid 50000 --gid airflow --create-home --shell /usr/sbin/nologin airflow \
    && install --directory --owner airflow --group airflow --mode 0700 /opt/airflow /var/lib/peach

COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__PEACH__HOME=/var/lib/peach
# The two example organisations, as repositories; include/platform.compose.yaml names them as a source.
RUN python -c "import pathlib; from airflow_peach import resources; from airflow_peach.demo import example_repositories; \
    example_repositories.make_repositories(resources.examples(), pathlib.Path('/srv/examples'))"

# A number: Kubernetes and others tell from it that this is not root.
USER 50000:50000
WORKDIR /opt/airflow
CMD ["airflow", "version"]
