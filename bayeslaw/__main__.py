"""``python -m bayeslaw``: the command line."""

import sys

from bayeslaw.cli import main

sys.exit(main())
