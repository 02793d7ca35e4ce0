"""Reference values that other tools gave, each with the script that asked them."""
