"""The kernels against what people would write or use instead: the same as `regard bench`.

scripts/bench kernels
scripts/bench kernels additive --repeats 31
"""

import sys

from regard.cli.main import main

sys.exit(main(["bench", *sys.argv[1:]]))
