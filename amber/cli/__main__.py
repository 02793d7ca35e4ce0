"""`python -m amber.cli` is `amber`."""

from amber.cli.app import main

main()
