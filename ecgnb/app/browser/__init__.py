"""The page of the book that reads an ECG in the browser: built from ``notebooks/browser`` and what Python knows."""
