"""A catalogue in SQL, a file a noun."""
