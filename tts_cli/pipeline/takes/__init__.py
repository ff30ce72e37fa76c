"""Jobs -> Takes: recorded, judged, and handed on where an engine fails."""
