"""What engines share, each thing once."""
