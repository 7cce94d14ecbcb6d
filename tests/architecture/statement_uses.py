"""Where the program names SQL statements, told from its syntax: every `statements("file")["name"]`.

Followed are the ways in use: `sql = statements("file")`, `self._sql`, a field's `default_factory`,
and names that are not written in place: a choice of two, a loop over names, the keys of a dict, and
the parameter of a function, through every call of it. What cannot be followed raises `NotFollowed`,
so that a new way is added here and none goes unseen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
_FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSION: Final = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


class NotFollowed(Exception):
    """A statement is named in a way this module does not know."""


@dataclass(frozen=True, slots=True)
class Use:
    """One statement, as it is named at one place."""

    path: Path
    line: int
    file: str
    name: str


class Uses:
    """The uses of statements in modules, given as their texts by path."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self._unread = dict(texts)
        self._path_of: dict[ast.AST, Path] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self._calls: dict[str, list[ast.Call]] = {}

    def _calls_of(self, name: str) -> list[ast.Call]:
        """Every call of what is called so. Only modules with such a call are parsed: few are."""
        for path in [path for path, text in self._unread.items() if f"{name}(" in text]:
            for node in ast.walk(ast.parse(self._unread.pop(path), filename=str(path))):
                self._path_of[node] = path
                self._parents.update(dict.fromkeys(ast.iter_child_nodes(node), node))
                if isinstance(node, ast.Call):
                    self._calls.setdefault(_last_name(node.func), []).append(node)
        return self._calls.get(name, [])

    def all(self) -> Iterator[Use]:
        """Every use. Raises NotFollowed."""
        for call in self._calls_of("statements"):
            [file] = self._values(call.args[0])
            for subscript in self._subscripts(call):
                for name in sorted(self._values(subscript.slice)):
                    yield Use(self._path_of[call], subscript.lineno, file, name)

    def _subscripts(self, call: ast.Call) -> Iterator[ast.Subscript]:
        parent = self._parents[call]
        if isinstance(parent, ast.Subscript):
            yield parent
            return
        scope, written = self._kept_in(call)
        for node in ast.walk(scope):
            if not isinstance(node, ast.Name | ast.Attribute) or ast.unparse(node) != written:
                continue
            if isinstance(node.ctx, ast.Store):
                continue
            subscript = self._parents[node]
            if not (isinstance(subscript, ast.Subscript) and subscript.value is node):
                raise self._not_followed(node)
            yield subscript

    def _kept_in(self, call: ast.Call) -> tuple[Scope, str]:
        """What `statements("file")` is assigned to, `sql` or `self._sql`, and where that holds."""
        parent, place = self._parents[call], None
        if isinstance(parent, ast.Tuple):  # scope, sql = query.scope, statements("file")
            place, parent = parent.elts.index(call), self._parents[parent]
        while isinstance(parent, ast.Lambda | ast.keyword | ast.Call):  # a field's default_factory
            parent = self._parents[parent]
        match parent:
            case ast.Assign(targets=[ast.Tuple(elts=targets)]) if place is not None:
                target = targets[place]
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target) if place is None:
                pass
            case _:
                raise self._not_followed(call)
        scope = self._scope(parent)
        if isinstance(target, ast.Name) and not isinstance(scope, ast.ClassDef):
            return scope, target.id
        while not isinstance(scope, ast.ClassDef):
            if isinstance(scope, ast.Module):
                raise self._not_followed(call)
            scope = self._scope(scope)
        return scope, f"self.{_last_name(target)}"

    def _values(self, node: ast.expr) -> set[str]:
        """The strings an expression may be."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=one, orelse=other):
                return self._values(one) | self._values(other)
            case ast.Name(id=name):
                return self._values_of(name, node)
        raise self._not_followed(node)

    def _elements(self, node: ast.expr) -> set[str]:
        """The strings that are the elements of an expression, or its keys."""
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return set().union(*map(self._values, elements))
            case ast.Dict(keys=keys):
                return set().union(*(self._values(key) for key in keys if key))
            case ast.ListComp(elt=element):
                return self._values(element)
            case ast.Call(func=ast.Attribute(value=held, attr="items" | "keys")):
                return self._elements(held)
            case ast.Name(id=name):
                scope = self._scope(node)
                if isinstance(scope, _FUNCTION) and name in _parameters(scope):
                    return set().union(*map(self._elements, self._given(scope, name)))
                return set().union(*map(self._elements, self._assigned(name, node)))
        raise self._not_followed(node)

    def _values_of(self, name: str, node: ast.AST) -> set[str]:
        inner = node
        while not isinstance(inner, Scope):
            inner = self._parents[inner]
            loops = inner.generators if isinstance(inner, _COMPREHENSION) else [inner]
            for loop in loops:
                if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
                    target = loop.target
                    first = target.elts[0] if isinstance(target, ast.Tuple) else target
                    if isinstance(first, ast.Name) and first.id == name:
                        return self._elements(loop.iter)
        if isinstance(inner, _FUNCTION) and name in _parameters(inner):
            return set().union(*map(self._values, self._given(inner, name)))
        return set().union(*map(self._values, self._assigned(name, node)))

    def _assigned(self, name: str, node: ast.AST) -> list[ast.expr]:
        found = [
            one.value
            for one in ast.walk(self._scope(node))
            if isinstance(one, ast.Assign) and _last_name(one.targets[0]) == name
        ]
        if not found:
            raise self._not_followed(node)
        return found

    def _given(self, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.expr]:
        """What a parameter is given, by every call; of a private function, in its module."""
        place = _parameters(function).index(name)
        found = []
        for call in self._calls_of(function.name):
            same_module = self._path_of[call] == self._path_of[function]
            if function.name.startswith("_") and not same_module:
                continue
            by_name = [keyword.value for keyword in call.keywords if keyword.arg == name]
            if not by_name and len(call.args) <= place:
                raise self._not_followed(call)
            found.append(by_name[0] if by_name else call.args[place])
        if not found:
            raise self._not_followed(function)
        return found

    def _scope(self, node: ast.AST) -> Scope:
        while not isinstance(node := self._parents[node], Scope):
            pass
        return node

    def _not_followed(self, node: ast.AST) -> NotFollowed:
        place = f"{self._path_of[node]}:{getattr(node, 'lineno', '?')}"
        return NotFollowed(f"{place}: {ast.unparse(node).splitlines()[0]}")


def _last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, and of `c`; "" for anything else."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    named = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return named[1:] if named[:1] in (["self"], ["cls"]) else named
