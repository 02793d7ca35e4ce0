"""The store keeps its promises, whatever it is made of."""
