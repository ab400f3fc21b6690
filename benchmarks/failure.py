"""Why a measurement could not be made: neither a pass nor a failed condition."""


class CouldNotMeasure(Exception):
    """A server did not start, or a candidate did something else than what was to be measured."""
