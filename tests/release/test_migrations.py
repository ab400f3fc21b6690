from tests.release.migrations import digests, landed


def test_no_migration_was_edited_after_it_landed() -> None:
    """To fix an edit, undo it and add a new migration. After you add one, run `make schema`."""
    assert digests() == landed()
