"""The service: assets, features and jobs over HTTP. Async stops here; what is below is plain and runs in threads."""
