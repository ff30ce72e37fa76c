"""An output folder -> a report for people and for CI."""
