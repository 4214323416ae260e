"""What slides over space: convolutions, poolings, morphology, and blocks moved between dimensions."""
