"""Learning-rate schedules: closed forms of the number of steps that were taken before."""
