"""Where it lives: sources, mirrors, checkouts. Git and the network, nothing else."""
