"""Python's scopes: which names a piece of code takes from the module, and which it binds there.

As in https://docs.python.org/3/reference/executionmodel.html#resolution-of-names; a test holds it to ``symtable``.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_peach.authoring.conditions import is_always, is_never

if TYPE_CHECKING:
    from collections.abc import Iterable

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# What catches a NameError: code that expects one knows what it does.
_CATCHES_ALL = {"NameError", "Exception", "BaseException"}


@dataclass(frozen=True)
class Use:
    """A name that is looked up, and the line of the code, from 1."""

    name: str
    line: int


@dataclass
class Deferred:
    """Code that runs only when it is called.

    Attributes:
        name: the module's name that it is called by; empty for code that anybody may call (a lambda given away).
        method: of the class ``name``; empty when it is no method.
        uses: names that it takes from the module.
    """

    name: str
    uses: list[Use]
    method: str = ""


@dataclass
class Scope:
    """What a piece of code does with names.

    Attributes:
        uses: looked up while it runs.
        binds: assigned, imported, defined, in this scope.
        module_binds: assigned in the module from within functions (``global``).
        deferred: functions that it makes.
        outer: names that belong to the module or a function around (``global``, ``nonlocal``).
        attributes: names behind a dot, anywhere in it.
        lenient: annotations are not looked up now: ``from __future__ import annotations``, or Python 3.14.
    """

    uses: list[Use] = field(default_factory=list)
    binds: set[str] = field(default_factory=set)
    module_binds: set[str] = field(default_factory=set)
    deferred: list[Deferred] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    lenient: bool = sys.version_info >= (3, 14)

    def inner(self) -> Scope:
        """Return a new scope inside this one, which has found nothing yet."""
        return Scope(lenient=self.lenient, attributes=self.attributes)


def catches_name_errors(statement: ast.Try | ast.TryStar) -> bool:
    """Whether a missing name in the body of ``try`` is expected."""
    return any(
        handler.type is None
        or bool({node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} & _CATCHES_ALL)
        for handler in statement.handlers
    )


class Collector(ast.NodeVisitor):
    """Collects into ``scope`` what the visited nodes do with names.

    Args:
        scope: takes what is found.
        in_function: the nodes are a function's body: annotations of its variables are never looked up.
    """

    def __init__(self, scope: Scope, *, in_function: bool = False) -> None:
        self.scope = scope
        self._in_function = in_function
        self._named = ""

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit nodes in their order; there may be none in a place."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.scope.binds.add(node.id)
        else:
            self.scope.uses.append(Use(node.id, node.lineno))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.scope.attributes.add(node.attr)
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        (*_, target) = node.targets
        self._named = target.id if isinstance(target, ast.Name) and isinstance(node.value, ast.Lambda) else ""
        self.visit(node.value)
        self._named = ""
        self.visit_all(node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.scope.uses.append(Use(node.target.id, node.lineno))
        self.visit_all((node.value, node.target))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self._in_function:
            self._annotation(node.annotation)
        self.visit_all((node.value, node.target if node.value is not None else None))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit_all((node.value, node.target))

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.outer.update(node.names)
        self.scope.module_binds.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.outer.update(node.names)

    def visit_Import(self, node: ast.Import) -> None:
        self.scope.binds.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.scope.binds.update(alias.asname or alias.name for alias in node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.scope.binds.add(node.name)
        self.visit_all((node.type, *node.body))

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        (self._perhaps if is_never(node.test) else self.visit_all)(node.body)
        (self._perhaps if is_always(node.test) else self.visit_all)(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        (self._perhaps if is_never(node.test) else self.visit_all)(node.body)
        self.visit_all(node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        before = len(self.scope.uses)
        self.visit_all(node.body)
        if catches_name_errors(node):
            del self.scope.uses[before:]
        # What is done about an error, or when a try has succeeded.
        self._perhaps((*node.handlers, *node.orelse))
        self.visit_all(node.finalbody)

    def _perhaps(self, nodes: Iterable[ast.AST | None]) -> None:
        """Take up what may never run: it binds names all the same, but needs none for sure."""
        maybe = self.scope.inner()
        Collector(maybe, in_function=self._in_function).visit_all(nodes)
        self.scope.binds |= maybe.binds
        self.scope.module_binds |= maybe.module_binds
        self.scope.outer |= maybe.outer

    def visit_Assert(self, node: ast.Assert) -> None:
        self.visit(node.test)
        self._perhaps([node.msg])  # said of a failure

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._pattern(node, node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._pattern(node, node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._pattern(node, node.rest)

    def _pattern(self, node: ast.AST, name: str | None) -> None:
        if name:
            self.scope.binds.add(name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_all(node.decorator_list)
        self._header(node.args)
        if not _type_parameters(node):
            self._annotation(node.returns)
            for argument in _all_arguments(node.args):
                self._annotation(argument.annotation)
        self.scope.binds.add(node.name)
        self._defer(Deferred(node.name, self._inside(node, node.body)))

    def visit_Lambda(self, node: ast.Lambda) -> None:
        name, self._named = self._named, ""
        self._header(node.args)
        self._defer(Deferred(name, self._inside(node, [node.body])))

    def _header(self, arguments: ast.arguments) -> None:
        self.visit_all((*arguments.defaults, *arguments.kw_defaults))

    def _annotation(self, node: ast.expr | None) -> None:
        if node is not None and not self.scope.lenient:
            self.visit(node)

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: Iterable[ast.AST]) -> list[Use]:
        """Return the names that the function takes from around it."""
        inner = self.scope.inner()
        inner.binds.update(argument.arg for argument in _all_arguments(node.args))
        inner.binds.update(_type_parameters(node))
        Collector(inner, in_function=True).visit_all(body)
        self.scope.module_binds |= inner.module_binds
        own = inner.binds - inner.outer
        used = [*inner.uses, *(use for deferred in inner.deferred for use in deferred.uses)]
        return [use for use in used if use.name not in own]

    def _defer(self, deferred: Deferred) -> None:
        self.scope.deferred.append(deferred)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_all(node.decorator_list)
        if not _type_parameters(node):
            self.visit_all((*node.bases, *node.keywords))
        own = {*_type_parameters(node), "__module__", "__qualname__"}
        for statement in node.body:
            inner = self.scope.inner()
            Collector(inner).visit(statement)
            self.scope.module_binds |= inner.module_binds
            # The body runs now, line by line, and sees its own names.
            own |= set() if isinstance(statement, ast.Assign) else inner.binds
            self.scope.uses += (use for use in inner.uses if use.name not in own)
            own |= inner.binds - inner.outer
            # Its functions do not see them.
            hidden = {*_type_parameters(node), "__class__"}
            for method in inner.deferred:
                uses = [use for use in method.uses if use.name not in hidden]
                self._defer(Deferred(node.name, uses, method.method or method.name))
        self.scope.binds.add(node.name)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node.generators, [node.key, node.value])

    def _comprehension(self, generators: list[ast.comprehension], results: list[ast.expr]) -> None:
        self.visit(generators[0].iter)
        inner, targets = self.scope.inner(), self.scope.inner()
        Collector(targets).visit_all(generator.target for generator in generators)
        collector = Collector(inner, in_function=True)
        collector.visit_all(generator.iter for generator in generators[1:])
        collector.visit_all(condition for generator in generators for condition in generator.ifs)
        collector.visit_all(results)
        self.scope.binds |= inner.binds  # of `:=`
        self.scope.module_binds |= inner.module_binds
        self.scope.uses += (use for use in (*targets.uses, *inner.uses) if use.name not in targets.binds)
        for deferred in inner.deferred:
            uses = [use for use in deferred.uses if use.name not in targets.binds]
            self._defer(Deferred("", uses))

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """Its value is looked up when somebody asks for it (Python 3.12)."""
        name = getattr(node, "name", None)
        if isinstance(name, ast.Name):
            self.scope.binds.add(name.id)


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _type_parameters(node: ast.AST) -> list[str]:
    """Return the names in ``def f[T]`` (Python 3.12): only its own annotations and body know them."""
    return [parameter.name for parameter in getattr(node, "type_params", ())]
