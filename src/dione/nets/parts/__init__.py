"""What networks are built of: tensors in, tensors out."""
