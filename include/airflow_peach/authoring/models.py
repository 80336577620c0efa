"""The configuration file as strict models: which keys there are, their types, and what they mean.

Descriptions and examples are for the reader of the JSON Schema that editors use. The models hold no defaults'
logic: ``configuration.py`` makes the typed values that the rest of the house works on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from airflow_peach.authoring import rules

if TYPE_CHECKING:
    from collections.abc import Callable

RequirementText = Annotated[str, AfterValidator(rules.requirement)]
ArgumentName = Annotated[str, AfterValidator(rules.argument_name)]


def _optional(**more: JsonValue) -> Callable[[dict[str, JsonValue]], None]:
    """Return what adds ``more`` to a field's schema and hides the default that stands for absence."""

    def add(schema: dict[str, JsonValue]) -> None:
        schema.pop("default", None)
        schema.update(more)

    return add


class StrictModel(BaseModel):
    """Unknown keys are errors and nothing is converted: ``full_notebook: "yes"`` is text, not true."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TaskModel(StrictModel):
    """One task: a function of a notebook that is called in every loop."""

    notebook: Annotated[str, AfterValidator(rules.notebook_path)] = Field(
        description="Path of the notebook (.ipynb) or Python file (.py), from the repository's root.",
        examples=["notebooks/related.ipynb"],
    )
    method: Annotated[str, AfterValidator(rules.method_name)] = Field(
        description="The entry function: the function of the notebook that is called.",
        examples=["train_model"],
    )
    full_notebook: bool = Field(
        default=False,
        description="Run all cells before the call, not only the one that defines the function.",
        examples=[True],
    )
    executor: Annotated[str, AfterValidator(rules.executor_name)] = Field(
        default="python",
        description="What runs the task; there is one.",
        examples=["python"],
        json_schema_extra={"enum": ["python"]},
    )
    loop: Annotated[str, AfterValidator(rules.loop_name)] = Field(
        default="",
        description="'metadata' runs the task in the loop all organisations share, with a shorter limit; "
        "without it the task runs in the organisation's own loop.",
        examples=["metadata"],
        json_schema_extra=_optional(enum=["metadata"]),
    )
    args: Annotated[dict[ArgumentName, Any], AfterValidator(rules.arguments)] | None = Field(
        default=None,
        description="Keyword arguments of the function, nested as deep as needed; their types are kept.",
        examples=[{"user": "f57246b6", "item_id": 35421}],
    )


class TasksModel(BaseModel):
    """The tasks by name, in the order of the loop; the key ``dependencies`` is no task."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, TaskModel]

    dependencies: list[RequirementText] | None = Field(
        default=None,
        description="Requirements (PEP 508) of the tasks only.",
        examples=[["orjson==3.3.1", "pyarrow"]],
    )


class ConfigurationModel(StrictModel):
    """A configuration file: `peach.yaml`, or a file of `peach.conf`."""

    codops: Annotated[str, AfterValidator(rules.codops)] = Field(
        default="",
        description="The organisation's code. A file without it takes that of peach.yaml in its repository.",
        examples=["debr"],
        json_schema_extra=_optional(pattern=rules.CODOPS_PATTERN),
    )
    dependencies: list[RequirementText] | None = Field(
        default=None,
        description="Requirements (PEP 508) of tasks and endpoints.",
        examples=[["tensorflow==2.0.0-alpha0"]],
    )
    tasks: TasksModel | None = Field(
        default=None,
        description="The tasks by name.",
        examples=[{"tf_task": {"notebook": "tensorflow_demo.ipynb", "method": "train_model"}}],
    )
    endpoints: Any = Field(default=None, description="Belongs to another system: accepted and ignored.", examples=[{}])
