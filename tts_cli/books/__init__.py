"""Documents to Books: chapters, paragraphs, metadata and a cover, before anything is decided about speech."""
