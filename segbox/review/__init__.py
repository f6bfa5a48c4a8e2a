"""Back to the labels: where a trained model contradicts them, and which pictures to label next."""
