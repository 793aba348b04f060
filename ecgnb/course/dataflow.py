"""What code does with global names: which it reads, binds and changes in place, also through the functions it calls.

It is found by reading the code, not by running it, so it is an estimate. What lessons do is covered; what is not: names
reached by ``globals()``, aliases, and functions that change what is handed to them, but for those of `HAND_CHANGED`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from IPython.core.inputtransformer2 import TransformerManager

# Methods that change their object in place; True where doing it twice is doing it once.
METHODS = dict.fromkeys(("update", "setdefault", "add", "discard", "clear", "sort", "fill", "load_state_dict"), True)
METHODS |= dict.fromkeys(("append", "extend", "insert", "pop", "popitem", "remove", "reverse"), False)

READING_METHODS = {"setdefault", "pop", "popitem"}

HAND_CHANGED = {"fit", "train_one_epoch"}  # functions that change their first argument, a network

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Function:
    """What a function or class that code has defined does with global names when it is called.

    Attributes
    ----------
    reads : set of str
    changes : dict of str to bool
        Names of what it changes in place; True where doing so twice is doing it once.
    parameters : tuple of str
    changed : dict of str to bool
        Those of its parameters that it changes in place.
    is_class : bool
    """

    reads: set[str] = field(default_factory=set)
    changes: dict[str, bool] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    changed: dict[str, bool] = field(default_factory=dict)
    is_class: bool = False


@dataclass
class Known:
    """What earlier code has left: its functions, and the names that mean the same whenever the code is run."""

    functions: dict[str, Function] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)


@dataclass
class Flow:
    """What a piece of code does with global names.

    Attributes
    ----------
    reads : set of str
        Names whose earlier value it uses.
    binds : set of str
        Names that it gives a value in any case. Loops are taken to run at least once.
    may_bind : set of str
        Names that it gives a value in some cases, such as in a branch.
    changes : dict of str to bool
        Names of what it changes in place; True where doing so twice is doing it once.
    """

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    may_bind: set[str] = field(default_factory=set)
    changes: dict[str, bool] = field(default_factory=dict)

    @property
    def needs(self) -> set[str]:
        """Names that must be there before."""
        return self.reads | set(self.changes)


def flow(code: str, known: Known) -> Flow:
    """Return what code does with global names, given what is known of earlier code; what it leaves is added to that.

    Code that is not Python, nor what IPython takes, does nothing.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        try:
            tree = ast.parse(TransformerManager().transform_cell(code))
        except SyntaxError:
            return Flow()
    reader = _Reader(known)
    reader.visit(tree)
    return reader.flow


class _Reader(ast.NodeVisitor):
    """Walks through code in the order in which it runs.

    At the top it follows calls of known functions; within a function (`local` names its own names) it only notes them.
    """

    def __init__(self, known: Known, local: frozenset[str] = frozenset(), parameters: tuple[str, ...] = ()) -> None:
        self.known, self.local, self.parameters = known, local, parameters
        self.top = not local and not parameters
        self.flow, self.changed = Flow(), dict[str, bool]()

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # Names

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.local:
            return
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.read(node.id)

    def read(self, name: str, seen: frozenset[str] = frozenset()) -> None:
        if name not in self.flow.binds:
            self.flow.reads.add(name)
        function = self.known.functions.get(name)
        if self.top and function and name not in seen:
            for other in sorted(function.reads):
                self.read(other, seen | {name})
            for other, again in function.changes.items():
                self.change(other, again)

    def bind(self, name: str) -> None:
        if not self.top:  # declared global within a function
            self.change(name, True)
            return
        self.flow.binds.add(name)
        self.known.functions.pop(name, None)
        self.known.constants.discard(name)

    def change(self, name: str, again: bool) -> None:
        if name in self.parameters:
            self.changed[name] = again and self.changed.get(name, True)
        if name not in self.local | self.flow.binds | self.known.constants:
            self.flow.changes[name] = again and self.flow.changes.get(name, True)

    def keep(self, name: str, function: Function | None, constant: bool) -> None:
        """Remember what a name that was just bound at the top stands for."""
        if self.top and function:
            self.known.functions[name] = function
        if self.top and constant:
            self.known.constants.add(name)

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        self.visit_all(node.targets)
        self._assigned(node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
            self._assigned([node.target], node.value)

    def _assigned(self, targets: list[ast.expr], value: ast.expr) -> None:
        """Keep what the assigned names stand for: a function in a variable is still a function."""
        if not self.top:
            return
        held = Function(self._held(value))
        names = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        for name in names & self.flow.binds:
            reads = held.reads - {name}
            self.keep(name, Function(reads) if reads else None, _is_plain(value))

    def _held(self, value: ast.expr | None) -> set[str]:
        """Return what is read by calling what an expression is or holds; the result of a call holds no function."""
        if isinstance(value, ast.Lambda):
            return self._function(value).reads
        if isinstance(value, ast.Name):
            return {value.id} & set(self.known.functions)
        if isinstance(value, ast.Call):
            name = getattr(value.func, "id", getattr(value.func, "attr", ""))
            if name == "partial":
                return set().union(*map(self._held, value.args))
            return {name} if name in self.known.functions and self.known.functions[name].is_class else set()
        if isinstance(value, ast.DictComp | ast.ListComp):
            return self._held(value.value if isinstance(value, ast.DictComp) else value.elt)
        if isinstance(value, ast.Dict):
            return set().union(*map(self._held, value.values))
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            return set().union(*map(self._held, value.elts))
        return self._held(value.body) | self._held(value.orelse) if isinstance(value, ast.IfExp) else set()

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name) and node.target.id not in self.local:
            self.read(node.target.id)
            self.bind(node.target.id)
        elif not isinstance(node.target, ast.Name):
            self._place(node.target, again=False)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
        else:
            self._place(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
        else:
            self._place(node)

    def _place(self, node: ast.expr, *, again: bool = True) -> None:
        """Note the change of what an attribute or item belongs to."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Subscript):
                self.visit(node.slice)
            node = node.value
        if isinstance(node, ast.Name):
            self.change(node.id, again)
        else:
            self.visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node.body, node.orelse)

    def _branches(self, *branches: Sequence[ast.AST]) -> None:
        before, ends = self.flow.binds, []
        for branch in branches:
            self.flow.binds = set(before)
            self.visit_all(branch)
            ends.append(self.flow.binds)
        self.flow.binds = set.intersection(*ends)
        self.flow.may_bind |= set.union(*ends)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._branches([], *(case.body for case in node.cases))

    def visit_For(self, node: ast.For) -> None:
        self.visit_all([node.iter, node.target, *node.body, *node.orelse])

    def visit_Try(self, node: ast.Try) -> None:
        self.visit_all([*node.body, *node.orelse])
        for handler in node.handlers:
            self._branches([], [handler])
        self.visit_all(node.finalbody)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.visit_all([node.type])
        if node.name and node.name not in self.local:
            self.bind(node.name)
        self.visit_all(node.body)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if name not in self.local:
                self.bind(name)
                self.keep(name, None, True)

    visit_ImportFrom = visit_Import

    # Calls

    def visit_Call(self, node: ast.Call) -> None:
        function, handed = node.func, [argument for argument in node.args if isinstance(argument, ast.Name)]
        root = function.value if isinstance(function, ast.Attribute) else None
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        own = isinstance(root, ast.Name) and root.id not in self.known.constants  # no module
        if isinstance(root, ast.Name) and own and (called in METHODS or called == "fit" or _in_place(called)):
            self.change(root.id, METHODS.get(called, called == "fit"))
            if called in READING_METHODS or not isinstance(function, ast.Attribute) or function.value is not root:
                self.visit(function)
        else:
            if called in HAND_CHANGED and handed and handed[0] is node.args[0] and not own:
                self.change(handed[0].id, False)
            self.visit(function)
        self._changed_by(node)
        self.visit_all([*node.args, *node.keywords])

    def _changed_by(self, node: ast.Call) -> None:
        """Note the change of what is handed to a function of a lesson that changes its parameters."""
        function = self.known.functions.get(getattr(node.func, "id", ""))
        if function is None:
            return
        handed = dict(zip(function.parameters, node.args, strict=False))
        handed |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        for name, again in function.changed.items():
            if isinstance(value := handed.get(name), ast.Name):
                self.change(value.id, again)

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        now = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]
        self.visit_all(now)
        function = self._function(node)
        if not self.top:
            self._within(function)
        if node.name not in self.local:
            self.bind(node.name)
            self.keep(node.name, function, not self._variable(now))
        if node.decorator_list:  # it may be called at once
            self.read(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit_all([*node.args.defaults, *node.args.kw_defaults])
        self._within(self._function(node))

    def _within(self, function: Function) -> None:
        """Note what an inner function does as done here."""
        for name in sorted(function.reads - self.local):
            self.read(name)
        for name, again in function.changes.items():
            self.change(name, again)

    def _function(self, node: Definition) -> Function:
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        others = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
        parameters = tuple(argument.arg for argument in named)
        body = node.body if isinstance(node.body, list) else [node.body]
        local = {*parameters, *(argument.arg for argument in others), *_bound(body)}
        reader = _Reader(self.known, self.local | local, parameters)
        reader.top = False
        reader.visit_all(body)
        return Function(reader.flow.reads, reader.flow.changes, parameters, reader.changed)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
        now: list[ast.AST] = [*node.bases, *node.keywords, *node.decorator_list]
        self.visit_all(now)
        inner = _Reader(self.known, self.local | _bound(node.body))
        inner.top = False
        inner.visit_all(part for part in node.body if part not in methods)
        self._within(Function(inner.flow.reads, inner.flow.changes))
        function = Function(is_class=True)
        for method in map(self._function, methods):  # which do not see the class's own names
            function.reads |= method.reads - {node.name}
            function.changes |= method.changes
        if not self.top:
            self._within(function)
        if node.name not in self.local:
            self.bind(node.name)
            self.keep(node.name, function, not self._variable(now))

    def _variable(self, nodes: Iterable[ast.AST | None]) -> set[str]:
        """Return the names in these expressions that may mean something else another time."""
        found = {name.id for node in nodes if node for name in ast.walk(node) if isinstance(name, ast.Name)}
        return {name for name in found - self.known.constants if not hasattr(builtins, name)}

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        outer, top = self.local, self.top
        for generator in node.generators:
            self.visit(generator.iter)
            self.local |= _bound([generator.target])
            self.visit_all([generator.target, *generator.ifs])
        self.visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.local, self.top = outer, top

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension


def _in_place(method: str) -> bool:
    """Say whether a method's name is that of one of PyTorch's that change a tensor in place."""
    return method.endswith("_") and not method.startswith("_")


def _is_plain(value: ast.expr) -> bool:
    """Say whether an expression is a number, a text or a tuple of such, and so the same whenever it is run."""
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.unaryop, ast.expr_context)
    return all(isinstance(node, allowed) for node in ast.walk(value))


def _bound(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that these statements bind in their own scope, but for those declared global."""
    found, outer, waiting = set[str](), set[str](), list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer |= set(node.names)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            found |= {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
        elif isinstance(node, ast.Name):
            found |= set() if isinstance(node.ctx, ast.Load) else {node.id}
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                found.add(node.name)
            waiting += ast.iter_child_nodes(node)
    return frozenset(found - outer)


@dataclass
class Maker:
    """Who gave a name its value, or changed it since.

    Attributes
    ----------
    key : int
        Number of the piece of code.
    kind : {"binds", "changes", "adds"}
        ``changes``: in place, twice as once; ``adds``: in place, and twice is not once.
    """

    key: int
    kind: str


def made(makers: dict[str, list[Maker]], found: Flow, key: int) -> None:
    """Add to each name's makers what a piece of code does: who binds a name is its only maker then."""
    for name, again in found.changes.items():
        others = [maker for maker in makers.get(name, []) if maker.key != key]
        makers[name] = [*others, Maker(key, "changes" if again else "adds")]
    for name in found.may_bind - found.binds:
        makers[name] = [*(maker for maker in makers.get(name, []) if maker.key != key), Maker(key, "changes")]
    for name in found.binds:
        makers[name] = [Maker(key, "binds")]
