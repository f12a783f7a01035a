"""What things cost, each against something measured in the same run."""
