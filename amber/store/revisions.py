"""Which schema this release works with, and what is said of another one."""

from amber.errors import SchemaError

#: The latest revision in `migrations/`.
REVISION = "0009"


def check_revision(found: str | None, where: str, oldest_code: str | None = None) -> None:
    """See that a catalogue has a schema that this release works with: its own, or one that a newer one only added to.

    Args:
        found: The catalogue's revision; None where there are no tables.
        where: Names the catalogue.
        oldest_code: The oldest revision whose code works with the catalogue, as the catalogue itself says.

    Raises:
        SchemaError: It is older or newer; says what to do.
    """
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        if oldest_code is not None and oldest_code <= REVISION:
            return
        raise SchemaError(
            f"the catalogue {where} has schema {found}, made by a newer Amber; this one works with {REVISION}: "
            "install the newer one"
        )
    raise SchemaError(
        f"the catalogue {where} has schema {found or 'none'}; this Amber works with {REVISION}: run `amber migrate`"
    )
