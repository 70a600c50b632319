"""What computes answers where nothing is learned: the network itself, or something faster."""
