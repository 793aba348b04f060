"""Bytes: fetched, verified, unpacked, and beats kept in a cache."""

from ecgnb.datasets.store.fetch import DATASETS, fetch

__all__ = ["DATASETS", "fetch"]
