"""Questions asked of an open database once."""

import gc
import weakref

from emc.warehouse import Warehouse, once, open_database


def test_each_database_answers_for_itself_and_once(study):
    asked = []

    @once
    def cells(warehouse: Warehouse) -> int:
        """How many."""
        asked.append(warehouse)
        return warehouse.count("cells")

    with open_database(study.database) as first, open_database(study.database) as second:
        answers = [cells(first), cells(second), cells(first), cells(second)]
    assert set(answers) == {len(study.planned)}
    assert asked == [first, second]
    assert (cells.__name__, cells.__doc__) == ("cells", "How many.")


def test_an_answer_does_not_keep_a_database_alive(study):
    count = once(lambda warehouse: warehouse.count("cells"))
    opened = open_database(study.database)
    count(opened)
    opened.close()
    left = weakref.ref(opened)
    del opened
    gc.collect()
    assert left() is None
