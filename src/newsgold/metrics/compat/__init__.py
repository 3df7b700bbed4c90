"""Other scorers, reproduced from their own definitions; loaded only when asked for."""
