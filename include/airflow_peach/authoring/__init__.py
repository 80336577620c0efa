"""What a team writes: YAML and notebooks. Pure: text in, typed values and problems out."""
