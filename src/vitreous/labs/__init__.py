"""The experiments of the course: what each claims, how it is run, what was measured."""
