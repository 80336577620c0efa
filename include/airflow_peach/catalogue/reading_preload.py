"""What the process that readers are forked from loads once, so that none of them has to.

IPython and GitPython are loaded late elsewhere, by who needs them; a reader always does.
"""

from __future__ import annotations

import IPython.core.inputtransformer2  # noqa: F401 - to have it

import airflow_peach.catalogue.reading
import airflow_peach.repositories.git_command  # noqa: F401 - the same
