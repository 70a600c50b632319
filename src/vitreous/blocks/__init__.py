"""The parts that networks are made of, each written once."""
