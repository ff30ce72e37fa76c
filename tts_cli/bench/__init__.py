"""How fast it is: whole processes, timed beside what a user would use instead."""
