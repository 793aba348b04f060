"""Many runs of one lesson: what a sweep is, who does its jobs, the table of their results."""
