"""
History as files: what was published, by month of the event, and questions to it.

A topic is cut into blocks of equal numbers of offsets. A block becomes one Parquet file a month, named after topic,
month, partition and the block's first offset, and is written anew, whole, while it grows. So whatever is read again
after a crash makes the same files again: it overwrites, and can't double.
"""
