"""SecantusDB, with one of its loops made short.

It keeps its answers to the last 10,000 retryable writes for half an hour. At each write it walks through all of them twice, and sorts them
once they are too many, under one lock. That makes a write cost 12 ms instead of 0.6 ms. They stand in the order in which they were made.
"""

import sys

from secantus import transactions
from secantus.cli import main


def prune(self):
    cutoff = self._time() - transactions._RETRYABLE_RECORD_LIFETIME_SECONDS
    kept = self._retryable
    while kept:
        oldest = next(iter(kept))
        if len(kept) <= transactions._RETRYABLE_RECORD_MAX and kept[oldest][1] >= cutoff:
            break
        del kept[oldest]


transactions.TransactionRegistry._prune_retryable_locked = prune
sys.exit(main())
