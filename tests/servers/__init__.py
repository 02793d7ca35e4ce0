"""Real servers for the tests: a file a server, each a context manager and a fixture; gone when pytest ends, however it ends."""
