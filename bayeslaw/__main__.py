"""``python -m bayeslaw``: the command line."""

import sys

from bayeslaw.cli.app import main

sys.exit(main())
