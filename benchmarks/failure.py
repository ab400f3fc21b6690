"""Error of a measurement that failed, which is neither a passed nor a failed condition."""


class CouldNotMeasure(Exception):
    """Error: a server did not start, or a candidate didn't do what was to be measured."""
