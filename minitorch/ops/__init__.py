"""The ops, each written once with its gradient beside it."""
