"""Data sets that nobody made by hand: a believable installation to look at, and many keys to measure with."""
