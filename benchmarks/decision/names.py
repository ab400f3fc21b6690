"""Names of the decision's candidates in the report."""

from typing import Final

LMDB: Final = "latchkey lmdb://"
MEMORY: Final = "latchkey memory://"
THROTTLED: Final = "throttled-py"
THROTTLED_BARE: Final = "throttled-py, bare limiter"
LIMITS_FIXED: Final = "limits, fixed window"
LIMITS_MOVING: Final = "limits, moving window"
REST_FRAMEWORK: Final = "DRF SimpleRateThrottle"
