"""Sheets, CSV and Excel, to rows of strings and back."""
