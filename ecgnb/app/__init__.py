"""The web app: upload an ECG, see its beats and what a network calls them. Needs the extra ``app``."""
