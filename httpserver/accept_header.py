"""Accept header: checks whether a media type is acceptable (RFC 9110, section 12.5.1)."""

_MOST_ENTRIES = 64


def accepts(field: bytes, media_type: str) -> bool:
    """Return whether `field` names `media_type` exactly, with a weight other than 0, which means "not acceptable"."""
    # Only the first entries are split, so that a long list stays cheap.
    for entry in field.decode("latin-1").lower().split(",", _MOST_ENTRIES):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name == media_type:
            return not any(_is_weight_0(parameter) for parameter in parameters)
    return False


def _is_weight_0(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip() in ("0", "0.", "0.0", "0.00", "0.000")
