"""Where features are kept."""
