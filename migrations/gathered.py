"""Writes `amber/store/catalog.sql`: what all revisions together make of an empty file, which a new home gets at once.

`make docs` runs this; a test fails where the file differs from what this would write.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from amber.store.migrate import SCHEMA
from amber.store.upgrade import upgrade_sqlite


def main() -> None:
    """Write the file, if it differs."""
    text = script()
    if not SCHEMA.is_file() or SCHEMA.read_text() != text:
        SCHEMA.write_text(text)
        print(f"wrote {SCHEMA.name}")


def script() -> str:
    """The statements that the revisions lead to, and the rows that they begin with."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.sqlite"
        path.touch()
        upgrade_sqlite(path)
        with closing(sqlite3.connect(path)) as connection:
            statements = ["BEGIN IMMEDIATE", *_tables(connection), *_rows(connection), "COMMIT"]
    return "-- Written by `make docs` from migrations/.\n" + "".join(f"{line};\n" for line in statements)


def _tables(connection: sqlite3.Connection) -> list[str]:
    made = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY rowid"
    )
    return [_tidied(sql) for (sql,) in made]


def _tidied(sql: str) -> str:
    """One column or constraint a line."""
    lines = [line.strip() for line in sql.splitlines()]
    kept = [line for line in lines if line]
    return "\n".join(line if line.startswith((")", "CREATE", "WITHOUT")) else f"  {line}" for line in kept)


def _rows(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [
        f"INSERT INTO {name} VALUES ({', '.join(map(_written, row))})"
        for (name,) in names
        for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1')
    ]


def _written(value: str | int) -> str:
    assert isinstance(value, str | int), f"no revision writes {value!r}"
    return f"'{value}'" if isinstance(value, str) else str(value)


if __name__ == "__main__":
    main()
