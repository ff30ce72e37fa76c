"""Timeline -> Master: the finished programme, and what is kept of a run."""
