"""Whose voice: the library's folders, the clips to imitate, and what engines make of them."""
