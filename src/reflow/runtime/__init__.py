"""What runs programs: the eager tensor, sessions, the state that outlives a run, devices."""
