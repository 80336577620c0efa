"""What a component of Airflow loads once, before it forks the processes that parse DAGs and execute tasks.

Each of them would import it otherwise: 0.17 of the 0.4 seconds of processor time that an instant task cost its own
process, with a scheduler whose executor forks (``LocalExecutor``). IPython, GitPython and the environments are loaded
late elsewhere, by who needs them.
"""

from __future__ import annotations

import IPython.core.inputtransformer2  # noqa: F401 - to have it

import airflow_peach.execution.environments.platform_environments
import airflow_peach.loops.bundle
import airflow_peach.loops.factory
import airflow_peach.loops.organisation_variables
import airflow_peach.loops.problem_file
import airflow_peach.repositories.git_command  # noqa: F401 - the same
