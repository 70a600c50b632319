"""Training: the loop, what it uses (optimizer, schedule, precision, average), and what watches it.

Modules carry the names of their main functions, so nothing is re-exported:
`from vitreous.training.fit import fit`.
"""
