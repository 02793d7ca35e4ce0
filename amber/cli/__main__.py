"""`python -m amber.cli` is `amber`."""

from amber.cli.program import main

main()
