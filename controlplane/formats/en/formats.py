"""How times are written in English: as the ends that keys have, in whole seconds, and with their zone."""

DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"
