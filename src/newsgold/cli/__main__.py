"""``python -m newsgold.cli``."""

from newsgold.cli import main

main()
