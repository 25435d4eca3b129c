"""Jobs: trainings of many steps over a data set that the service has, which go on by themselves."""
