"""Steps on the machines of a cluster."""
