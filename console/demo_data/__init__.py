"""Generated data sets: a realistic demo installation, and a large number of keys for measurements."""
