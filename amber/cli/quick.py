"""The commonest ask, read without the parser of all commands, which takes a third of the time that a warm answer takes.

Whatever is not plainly `get ALGORITHM ASSET… --json` with `--set`, `--use`, `--where` or `--version` is left to that parser,
so there is one place that knows what is wrong with a command line.
"""

from collections.abc import Sequence

from amber.cli.getting import Request
from amber.cli.session import Wanted

_TAKING_A_WORD = ("--set", "--use", "--where", "--version")


def quick_request(arguments: Sequence[str]) -> Request | None:
    """What a command line asks for, if it is such an ask; else None.

    Args:
        arguments: Without the program's name.
    """
    if len(arguments) < 4 or arguments[0] != "get" or "--json" not in arguments:
        return None
    words: list[str] = []
    given: dict[str, list[str]] = {option: [] for option in _TAKING_A_WORD}
    rest = iter(arguments[1:])
    for word in rest:
        if word in given:
            value = next(rest, "-")
            if value.startswith("-"):
                return None
            given[word].append(value)
        elif not word.startswith("-"):
            words.append(word)
        elif word != "--json":
            return None
    if len(words) < 2 or len(given["--version"]) > 1:
        return None
    version = given["--version"][0] if given["--version"] else None
    wanted = Wanted(words[0], words[1:], given["--where"], version, given["--set"], given["--use"])
    return Request(wanted, as_json=True)
