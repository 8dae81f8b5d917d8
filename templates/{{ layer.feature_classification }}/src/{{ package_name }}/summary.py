"""x"""


def sections() -> dict[str, str]:
    """X."""
    return {}
