"""Writes `docs/reference/` from the code: what a command, an error, a table or an algorithm is, the code itself says.

`make docs` runs this; a test fails where a page differs from what this would write.
"""

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
#: The packages whose source is read.
PACKAGES = ("amber", "jasper", "algorithms")
#: Variables that no field of `Settings` stands for, and what they do.
FURTHER_VARIABLES = {
    "AMBER_DEBUG": "Set to anything, an error is printed with its traceback as well.",
}
NOTE = "<!-- Written by `make docs` from the code; change it there. -->\n"


def main() -> None:
    """Write every page that differs."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


def pages() -> dict[str, str]:
    """Path in `docs` → the text that it must have."""
    return {
        "adr/README.md": decisions_page(),
        "reference/algorithms.md": algorithms_page(),
        "reference/cli.md": cli_page(),
        "reference/environment.md": environment_page(),
        "reference/errors.md": errors_page(),
        "reference/http.md": http_page(),
        "reference/layers.md": layers_page(),
        "reference/tables.md": tables_page(),
    }


def _page(title: str, introduction: str, sections: Iterable[str]) -> str:
    return "\n".join([NOTE, f"# {title}\n", f"{introduction}\n", *filter(None, sections)]).rstrip() + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; empty without rows."""
    names = tuple(header)
    lines = ["| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *lines, ""])


def _sentence(text: str | None) -> str:
    """The text in one line."""
    return " ".join((text or "").split())


def field_comments(declared: type) -> dict[str, str]:
    """Each field of a class, inherited ones first → the `#:` comment above it; empty where there is none."""
    bases = [base for base in declared.__mro__[:0:-1] if dataclasses.is_dataclass(base)]
    found = {name: comment for base in bases for name, comment in _own_comments(base).items()}
    return {**found, **_own_comments(declared)}


def _own_comments(declared: type) -> dict[str, str]:
    source = inspect.cleandoc("\n" + inspect.getsource(declared))
    lines, (body,) = source.splitlines(), ast.parse(source).body
    assert isinstance(body, ast.ClassDef), f"{declared} is a class"
    found = {}
    for field in body.body:
        if isinstance(field, ast.AnnAssign):
            first = field.lineno - 1
            while lines[first - 1].lstrip().startswith("#:"):
                first -= 1
            comment = [line.strip().removeprefix("#:").strip() for line in lines[first : field.lineno - 1]]
            found[ast.unparse(field.target)] = " ".join(comment)
    return found


# commands


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name (`amber algorithms lock`), groups included where they do something."""
    import typer

    from amber.cli.app import app

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        names = command.list_commands(typer.Context(command)) if hasattr(command, "list_commands") else []
        if not names or getattr(command, "invoke_without_command", False):
            yield name, command
        for inner in names:
            yield from walk(f"{name} {inner}", command.get_command(typer.Context(command), inner))

    root = typer.main.get_command(app)
    for name in root.list_commands(typer.Context(root)):  # type: ignore[attr-defined]
        yield from walk(f"amber {name}", root.get_command(typer.Context(root), name))  # type: ignore[attr-defined]


def cli_page() -> str:
    """The commands with their arguments and options."""
    sections = []
    for name, command in commands():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join([name, *(_usage(argument) for argument in arguments)])
        rows = [
            (f"`{_usage(parameter)}`" if parameter in arguments else _spelled(parameter), _help(parameter))
            for parameter in command.params
            if parameter.name != "help" and not getattr(parameter, "hidden", False)
        ]
        sections += [
            f"## `{usage}`\n",
            f"{inspect.cleandoc(command.help or '').replace(chr(8), '')}\n",
            _table(("argument or option", "meaning"), rows),
        ]
    introduction = (
        "`--json` prints one stable document on stdout; progress and messages go to stderr.\n"
        "Exit codes: 0 done, 1 the request failed, 2 wrong usage, 3 not found, "
        "4 planned and not applied (`invalidate`, `forget`, `gc --keep-versions`), "
        "130 interrupted (nothing is left half-written)."
    )
    return _page("Commands", introduction, sections)


def _usage(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _spelled(parameter: Any) -> str:
    spelled = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    is_flag = getattr(parameter, "is_flag", False)
    return spelled if is_flag else f"{spelled} `{parameter.metavar or parameter.name.upper()}`"


def _help(parameter: Any) -> str:
    text = _sentence(getattr(parameter, "help", ""))
    default = parameter.default
    if isinstance(default, str | int | float) and not isinstance(default, bool):
        text += f" Default: `{default}`."
    return text


# decisions


def decisions_page() -> str:
    """The decision records in order."""
    lines = []
    for path in sorted((DOCS / "adr").glob("[0-9]*.md")):
        number, _, title = path.read_text().splitlines()[0].removeprefix("# ").partition(". ")
        lines.append(f"- {number}: [{title}]({path.name})\n")
    introduction = (
        "One file a decision that a newcomer would question; "
        "[the first one](0001-record-decisions.md) says how they are written."
    )
    return _page("Decisions", introduction, ["".join(lines)])


# errors


def errors() -> dict[str, list[type[Exception]]]:
    """Module → the errors that it defines, as they stand there."""
    found = {}
    for path in sorted(ROOT.glob("*/errors.py")):
        module = importlib.import_module(f"{path.parent.name}.errors")
        found[module.__name__] = [
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, Exception)
        ]
    return found


def errors_page() -> str:
    """The error classes: parent, exit code, whether to try again, and what each means."""
    from amber.cli.exits import exit_code

    sections = []
    for module, classes in sorted(errors().items()):
        rows = [
            (
                f"`{error.__name__}`",
                f"`{error.__bases__[0].__name__}`",
                str(exit_code(error.__new__(error))),
                "yes" if getattr(error, "retryable", False) else "no",
                _sentence(error.__doc__),
            )
            for error in classes
        ]
        sections += [f"## `{module}`\n", _table(("error", "is a", "exit code", "try again", "means"), rows)]
    introduction = (
        "The errors that reach a caller; a message says what was asked, what was found, and what there is.\n"
        "*Try again* says whether the same call may succeed later although the caller changed nothing."
    )
    return _page("Errors", introduction, sections)


# tables


def tables_page() -> str:
    """The tables of the catalogue with their columns."""
    from amber.store.schema import metadata

    sections = []
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        rows = [
            (
                f"`{column.name}`",
                str(column.type).lower() + ("" if column.nullable else ", not null"),
                " and ".join(f"`{key.target_fullname}`" for key in column.foreign_keys),
                _sentence(column.comment),
            )
            for column in table.columns
        ]
        key = ", ".join(f"`{column.name}`" for column in table.primary_key.columns)
        sections += [
            f"## `{table.name}`\n",
            f"{_sentence(table.comment)}\nPrimary key: {key}.\n",
            _table(("column", "type", "refers to", "meaning"), rows),
        ]
    return _page("Tables", "The catalogue, as the latest migration leaves it.", sections)


# algorithms


def algorithms_page() -> str:
    """The algorithms that a deployment loads unless it says otherwise."""
    from algorithms import ALGORITHMS

    return _page(
        "Algorithms",
        "What is loaded unless `AMBER_ALGORITHMS` says otherwise.\n"
        "A setting is part of the key, resources are not.",
        [section for algorithm in ALGORITHMS for section in _algorithm_sections(algorithm)],
    )


def _when(settings: Mapping[str, object]) -> str:
    """With which settings weights are wanted."""
    wanted = " and ".join(f"`{name}={value}`" for name, value in settings.items())
    return f" where {wanted}" if wanted else ""


def _algorithm_sections(algorithm: Any) -> list[str]:
    from amber.codec import columns

    settings = [
        (f"`{algorithm.name}.{s.name}`", f"`{_type_name(s.annotation)}`", f"`{s.default}`")
        for s in algorithm.settings
    ]
    comments = field_comments(algorithm.result)
    stored = [
        (
            f"`{c.name}`",
            f"`{'file' if c.is_file else c.element}`",
            " × ".join(c.axes) or c.kind,
            comments[c.name],
        )
        for c in columns(algorithm.result)
    ]
    inputs = [f"{_arity(i.arity)}`{i.type.__name__}` as `{i.name}`" for i in algorithm.inputs]
    inputs += [
        f"the weights `{w.weights.name}` (`{w.weights.sha256[:16]}…`) as `{w.name}`{_when(w.weights.when)}"
        for w in algorithm.weights
    ]
    resources = f"{algorithm.cpus:g} processors" if algorithm.cpus != 1 else "1 processor"
    if algorithm.gpus:
        resources += f", {algorithm.gpus:g} accelerator{_when(algorithm.gpus_when)}"
        resources += f" where `{algorithm.gpus_need}` is installed" if algorithm.gpus_need else ""
    return [
        f"## `{algorithm.name}` version `{algorithm.version}`\n",
        f"{_docstring(algorithm.function)}\n",
        f"Made from {', '.join(inputs)}.\nUses {resources}.\n",
        _table(("setting", "type", "default"), settings),
        f"Result `{algorithm.result.__name__}`: {_sentence(algorithm.result.__doc__)}\n",
        _table(("column", "Arrow type", "shape", "meaning"), stored),
    ]


def _docstring(documented: Any) -> str:
    """A docstring as Markdown: the entries of its sections as a list."""
    text = inspect.cleandoc(documented.__doc__ or "")
    return re.sub(
        r"^ {4}(\w+): ", r"- `\1`: ", re.sub(r"^(\w+):\n(?= {4}\w)", r"\1:\n\n", text, flags=re.M), flags=re.M
    )


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _arity(arity: str) -> str:
    return {"one": "", "each": "each asset's ", "pair": "for each pair of assets the "}[arity]


# environment


def variables() -> set[str]:
    """Every `AMBER_…` variable that the source names, but for those that it only refuses."""
    from amber import settings

    refused = set(vars(settings).get("_NOT_YET", ()))
    source = "\n".join(
        path.read_text() for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))
    )
    return set(re.findall(r"\bAMBER_[A-Z][A-Z_]*[A-Z]\b", source)) - refused


def environment_page() -> str:
    """The environment variables and the settings of `amber.toml`."""
    from amber.settings import Settings

    rows = []
    for field in dataclasses.fields(Settings):
        comment = field_comments(Settings)[field.name]
        named = " ".join(f"`{variable}`" for variable in sorted(variables()) if variable in comment)
        default = ", ".join(field.default) if isinstance(field.default, tuple) else ""
        rows.append((named, f"`{field.name}`", f"`{default}`" if default else "", comment))
    named_here = {variable for variable in variables() for row in rows if variable in row[0]}
    further = []
    for variable in sorted(variables() - named_here):
        assert variable in FURTHER_VARIABLES, (
            f"{variable} has no sentence in FURTHER_VARIABLES of docs/generate.py"
        )
        further.append((f"`{variable}`", FURTHER_VARIABLES[variable]))
    introduction = (
        "A variable goes before `amber.toml`, which is looked for in the working directory and then in the home.\n"
        "With nothing set, everything works: SQLite and files under `~/.amber`."
    )
    sections = [_table(("variable", "in `amber.toml`", "default", "meaning"), rows)]
    sections += [_table(("variable", "meaning"), further)]
    return _page("Environment", introduction, sections)


# HTTP


def http_page() -> str:
    """The routes with their parameters and answers, what problems look like, and what is counted."""
    import tempfile

    from amber.client import Amber
    from amber.service.app import make_routes
    from amber.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        settings = Settings(Path(home))
        with Amber.open(settings=settings) as amber:
            document = make_routes(amber, settings).openapi()
    sections = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            sections += _route_sections(f"{method.upper()} {path}", operation)
    sections += ["## What is counted\n", _table(("metric", "labels", "meaning"), _metrics())]
    sections += ["## Problems\n", _table(("error", "status", "try again"), _statuses())]
    introduction = (
        "What the service answers; the same stands in `/openapi.json`, and can be tried at `/docs`.\n"
        "Problems are `application/problem+json`, whose `error` names one of the [errors](errors.md)."
    )
    return _page("HTTP", introduction, sections)


def _route_sections(name: str, operation: dict[str, Any]) -> list[str]:
    parameters = [
        (
            f"`{one['name']}`",
            f"{one['in']}{'' if one['required'] else ', optional'}",
            one.get("description") or one["schema"].get("description", ""),
        )
        for one in operation.get("parameters", ())
    ]
    answers = [(status, _sentence(one["description"])) for status, one in operation["responses"].items()]
    told = [row for row in answers if int(row[0]) < 400]
    refused = ", ".join(status for status, _ in answers if int(status) >= 400)
    return [
        f"## `{name}`\n",
        f"{operation['summary']}.\n{_sentence(operation['description'])}\n".replace("?.\n", "?\n"),
        _table(("parameter", "where", "meaning"), parameters),
        _table(("answer", "meaning"), [*told, *([(refused, "a problem")] if refused else [])]),
    ]


def _metrics() -> Iterator[tuple[str, str, str]]:
    from prometheus_client.metrics import MetricWrapperBase

    from amber.service import metrics

    for one in vars(metrics).values():
        if isinstance(one, MetricWrapperBase):
            suffix = "_total" if one._type == "counter" else ""
            labels = ", ".join(f"`{label}`" for label in one._labelnames)
            yield f"`{one._name}{suffix}`", labels, one._documentation
    for name, (told, labelled) in metrics.READ.items():
        yield f"`{name}`", ", ".join(f"`{label}`" for label in labelled), told


def _statuses() -> Iterator[tuple[str, str, str]]:
    from amber.service.problems import STATUSES

    for error, status in STATUSES.items():
        yield (
            f"`{error.__name__}` and below",
            str(status),
            "yes" if getattr(error, "retryable", False) else "no",
        )


# layers


#: Layer → its modules, from those who ask down to those who are asked.
LAYERS: dict[str, tuple[str, ...]] = {
    "command line": ("amber/cli",),
    "service": ("amber/service",),
    "Python entry": ("amber/client.py", "amber/remote.py", "amber/remote_orders.py", "amber/http.py"),
    "editing": ("amber/editing",),
    "training data": ("amber/datasets",),
    "engine": ("amber/engine",),
    "store": ("amber/store", "migrations"),
    "codec, registry, lock": ("amber/codec.py", "amber/registry.py", "amber/lock.py"),
    "keys, plan": ("amber/keys.py", "amber/plan.py"),
    "declaration": (
        "amber/algorithm.py",
        "amber/weights.py",
        "amber/progress.py",
        "amber/resources.py",
        "amber/batches.py",
    ),
    "evaluation": ("amber/evaluation",),
    "settings, errors": ("amber/settings.py", "amber/errors.py", "amber/wording.py", "amber/__init__.py"),
    "conformance suite": ("amber/testing.py", "amber/testing"),
    "media access": ("jasper",),
    "algorithms": ("algorithms",),
}


def layer_files() -> dict[str, list[Path]]:
    """Layer → the files that it consists of."""
    found = {}
    for layer, places in LAYERS.items():
        paths = [ROOT / place for place in places]
        files = [path for path in paths if path.is_file()]
        files += [file for path in paths if path.is_dir() for file in path.rglob("*.py")]
        found[layer] = sorted(file for file in files if "__pycache__" not in file.parts)
    return {layer: files for layer, files in found.items() if files}


def layers_page() -> str:
    """The size of each layer."""
    rows = []
    for layer, files in layer_files().items():
        names = " ".join(f"`{place}`" for place in LAYERS[layer] if (ROOT / place).exists())
        lines = sum(written_lines(file) for file in files)
        rows.append((layer, names, f"{round(lines, -1):,}"))
    introduction = (
        "Lines that hold something, comments and docstrings included; from those who ask down to those who are asked.\n"
        "A test lets a size drift by a fifth before it wants this page written again.\n"
        "What each layer is for stands in [architecture.md](../architecture.md)."
    )
    return _page("The size of each layer", introduction, [_table(("layer", "where", "lines"), rows)])


def written_lines(path: Path) -> int:
    """The lines of a file that are not blank."""
    return sum(1 for line in path.read_text().splitlines() if line.strip())


if __name__ == "__main__":
    main()
