"""From images to sums, from sums to scores, from scores to means with intervals."""
