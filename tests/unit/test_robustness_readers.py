"""A quick attack on files that users bring: every reader takes them or refuses them in one sentence, in time and in bounded memory."""

from collections import Counter

from tests.robustness import readers
from tests.robustness.outcome import CLEAR, GOOD, SAME

TRIES = 2000


def test_no_file_ends_in_a_traceback() -> None:
    outcomes = readers.attack(0, TRIES)
    assert len(outcomes) == TRIES
    assert [one for one in outcomes if one.outcome not in GOOD] == []
    found = Counter(one.outcome for one in outcomes)
    assert found[CLEAR] > TRIES / 3 and found[SAME] > TRIES / 10, "damage is noticed, and what is read is not refused"
