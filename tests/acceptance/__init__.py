"""What a user does, with the real command, real processes and real films."""
