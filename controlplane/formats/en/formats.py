"""English formats of times: whole seconds, like the expiry of keys, and with the time zone."""

DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"
