"""What is already done: keys, records, and content-named takes."""
