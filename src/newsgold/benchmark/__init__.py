"""What is measured: systems, runs, scores and the leaderboard."""
